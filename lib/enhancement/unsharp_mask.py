"""Unsharp masking (UM), eq. 7: a photo plus a multiple of what a low-pass filter takes away from it."""

import cv2
import numpy as np

from lib import images
from lib.enhancement.planes import on_planes
from lib.optics import TRUNCATE


def unsharp_mask(image, strength=2.0, sigma=3.0, color="luminance"):
    """Sharpen a photo: J = I + lambda Z with Z = I - B (eq. 7).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        I, in [0, 1].
    strength : float or (H, W) ndarray
        lambda, 0 or more, one for the photo or one for each pixel. The paper has 2 in Fig. 11 and 0.25 for the
        shallow depth of field.
    sigma : float
        Of the Gaussian low-pass filter that makes B, pixels. The paper leaves the filter open; the default is where the
        gain of its Fig. 11 begins: a narrower filter takes next to nothing away from what is blurred that much.
    color : {"luminance", "channels"}
        Sharpen the luma, which keeps the hues, or each channel.

    Examples
    --------
    >>> edge = np.float32([[0.25] * 8 + [0.75] * 8])
    >>> print(unsharp_mask(edge, strength=0.5, sigma=1)[0, 5:11].round(2))
    [0.25 0.24 0.17 0.83 0.76 0.75]
    """
    image = images.check_image(image)
    images.check_not_negative(sigma=sigma)
    strength = _check_strength(strength, image.shape[:2])
    if sigma == 0 or not strength.any():
        return image.copy()
    return on_planes(image, lambda plane: plane + strength * (plane - low_pass(plane, sigma)), color)


def low_pass(plane, sigma):
    """B of eq. 7: a plane (H, W) under a Gaussian of `sigma` pixels, borders mirrored."""
    size = 2 * int(TRUNCATE * sigma + 0.5) + 1
    return cv2.GaussianBlur(plane, (size, size), sigma, borderType=cv2.BORDER_REFLECT)


def _check_strength(strength, shape):
    strength = np.asarray(strength, np.float32)
    if strength.shape not in ((), shape):
        msg = f"Expected strength to be a number or of the image's shape {shape}, got shape {strength.shape}."
        raise ValueError(msg)
    if not (np.isfinite(strength).all() and (strength >= 0).all()):
        msg = "Expected strength to be finite and not negative, got other values: 0 leaves a photo as it is."
        raise ValueError(msg)
    return strength


METHODS = {"um": unsharp_mask}
