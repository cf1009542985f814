"""The data set of section 3.1: sharp patches, each blurred to 20 levels.

A photo is cut into 32x32 patches; the sharp ones (eq. 5) are kept and each is blurred by
Gaussians of sigma 0, 1, ..., 19 pixels. Sigma is the label.

The paper leaves three things open that decide how hard the task is; here they have names:

``support``
    Width of the Gaussian kernel: ``"2sigma+1"`` (as the only Gaussian of the authors' released
    code) or ``"full"`` (6 sigma + 1, nothing visible cut off).
``context``
    What is blurred: the ``"patch"`` alone, its borders mirrored (as the paper says), or the whole
    ``"image"`` before the patch is cut out (as a lens does).
``bits``
    Depth of the stored patches: 8, as a photo file has it, or 16, close to the unrounded filter output.
"""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

SIZE = 32
"""Side of a patch, pixels (section 3.1)."""
LEVELS = 20
"""Number of blur levels; level k is a Gaussian of sigma = k pixels."""
SHARPNESS_THRESHOLD = 1000.0
"""Patches with a larger eq. 5 are "in sharp focus" (section 3.1)."""


@dataclass(frozen=True)
class Reading:
    """One reading of "filter a sharp patch by a Gaussian" (see the module's docstring)."""

    support: str = "2sigma+1"
    context: str = "patch"
    bits: int = 16

    def __post_init__(self):
        for name, value, allowed in (
            ("support", self.support, ("2sigma+1", "full")),
            ("context", self.context, ("patch", "image")),
            ("bits", self.bits, (8, 16)),
        ):
            if value not in allowed:
                msg = f"Expected {name} to be one of {allowed}, got {value!r}."
                raise ValueError(msg)

    @property
    def dtype(self):
        """NumPy type of the stored patches."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    def __str__(self):
        return f"{self.support}, {self.context}, {self.bits} bits"

    @property
    def truncate(self):
        """Kernel half width in units of sigma."""
        return 1.0 if self.support == "2sigma+1" else 3.0


READINGS = {
    "paper": Reading("2sigma+1", "patch", 16),
    "lens": Reading("full", "image", 8),
}
"""The readings of the two shipped networks that are the paper's MobileNetV2."""
ALL_READINGS = tuple(Reading(*each) for each in itertools.product(("2sigma+1", "full"), ("patch", "image"), (8, 16)))
"""Every reading: a trained network is tested on all of them."""


def cut(gray):
    """Cut a picture into non-overlapping 32x32 patches, row by row.

    Parameters
    ----------
    gray : (H, W) ndarray
        Any type; what is left over at the right and bottom is dropped.

    Returns
    -------
    patches : (N, 32, 32) ndarray
    corners : (N, 2) int ndarray
        Row and column of each patch's first pixel.
    """
    rows, columns = gray.shape[0] // SIZE, gray.shape[1] // SIZE
    tiles = gray[: rows * SIZE, : columns * SIZE].reshape(rows, SIZE, columns, SIZE)
    corners = np.indices((rows, columns)).reshape(2, -1).T * SIZE
    return tiles.swapaxes(1, 2).reshape(-1, SIZE, SIZE), corners


def sharpness(patches):
    """Eq. 5 for (N, 32, 32) uint8 patches: the variance of the Laplacian, after a 3x3 Gaussian against noise.

    (N,) float64, squared gray levels of the 0..255 scale.
    """
    if patches.dtype != np.uint8:
        msg = f"Expected uint8 patches (eq. 5 is in gray levels of 0..255), got {patches.dtype}."
        raise ValueError(msg)
    smooth = (cv2.GaussianBlur(patch, (3, 3), 0) for patch in patches)
    return np.array([cv2.Laplacian(patch, cv2.CV_64F).var() for patch in smooth])


def blur(gray, sigma, truncate=3.0, axes=(-2, -1)):
    """Filter with a Gaussian of `sigma` pixels whose kernel ends at ``truncate * sigma``; borders mirrored.

    Sigma 0 is the unit sample: the input comes back (as float32).
    """
    return ndimage.gaussian_filter(np.asarray(gray, np.float32), sigma, mode="reflect", truncate=truncate, axes=axes)


def blur_levels(gray, corners, reading):
    """Blur the patches of a picture at `corners` to all levels.

    Parameters
    ----------
    gray : (H, W) uint8 ndarray
    corners : (N, 2) int ndarray
    reading : Reading

    Returns
    -------
    (N, 20, 32, 32) ndarray of ``reading.dtype``
        The full range of the type stands for [0, 1].
    """
    peak = np.iinfo(reading.dtype).max
    picture = gray.astype(np.float32) * (peak / 255)
    out = np.empty((len(corners), LEVELS, SIZE, SIZE), reading.dtype)

    def crop(image):
        return np.stack([image[r : r + SIZE, c : c + SIZE] for r, c in corners])

    sharp = crop(picture)
    for level in range(LEVELS):
        if reading.context == "patch":
            blurred = blur(sharp, level, reading.truncate)
        else:
            blurred = crop(_blur_photo(picture, level, reading.truncate))
        out[:, level] = np.rint(np.clip(blurred, 0, peak))
    return out


def _blur_photo(picture, sigma, truncate):
    """`blur` for a whole photo: OpenCV's separable filter, many times faster on wide kernels."""
    if sigma == 0:
        return picture
    size = 2 * int(truncate * sigma + 0.5) + 1
    return cv2.GaussianBlur(picture, (size, size), sigma, borderType=cv2.BORDER_REFLECT)


def to_gray_levels(gray):
    """Round a (H, W) float picture in [0, 1] to uint8, the scale in which eq. 5's threshold is stated."""
    return np.rint(np.asarray(gray) * 255).astype(np.uint8)


def sharp_corners(gray, threshold=SHARPNESS_THRESHOLD, stride=SIZE):
    """Corners of the patches of a picture whose eq. 5 exceeds `threshold`.

    Parameters
    ----------
    gray : (H, W) uint8 ndarray
    threshold : float
    stride : int
        From one patch to the next, a divisor of 32; 32 leaves no overlap.

    Returns
    -------
    (N, 2) int ndarray
        Row and column of each patch's first pixel.
    """
    found = []
    for row in range(0, SIZE, stride):
        for column in range(0, SIZE, stride):
            patches, corners = cut(gray[row:, column:])
            found.append(corners[sharpness(patches) > threshold] + (row, column))
    return np.concatenate(found)
