"""What may happen to a photo after the lens: sensor noise and JPEG compression, of 8 bits."""

import cv2
import numpy as np


def add_noise(patches, sigma, rng):
    """Add Gaussian noise of `sigma` gray levels of 0..255 to uint8 arrays of any shape, then round to 8 bits again."""
    _check(patches)
    noise = rng.standard_normal(patches.shape, np.float32) * np.float32(sigma)
    return np.rint(np.clip(patches + noise, 0, 255)).astype(np.uint8)


def compress(patches, quality):
    """Compress uint8 patches (..., H, W) as JPEG of a quality of 1 to 100, and open them again.

    JPEG works on blocks of 8x8 pixels that know nothing of each other. So where the corner of a patch is a multiple of
    8 pixels, compressing the patch is the same as compressing the gray photo and cutting the patch out.
    """
    out = np.empty_like(patches)
    for place in np.ndindex(patches.shape[:-2]):
        out[place] = as_jpeg(patches[place], quality)
    return out


def as_jpeg(photo, quality):
    """A (H, W) gray or (H, W, 3) RGB uint8 photo as JPEG of a quality of 1 to 100 gives it back."""
    _check(photo)
    _, file = cv2.imencode(".jpg", photo[..., ::-1] if photo.ndim == 3 else photo, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return cv2.imdecode(file, cv2.IMREAD_COLOR_RGB if photo.ndim == 3 else cv2.IMREAD_GRAYSCALE)


def _check(patches):
    if patches.dtype != np.uint8:
        msg = f"Expected 8 bits, as a photo file has them, got {patches.dtype}."
        raise ValueError(msg)
