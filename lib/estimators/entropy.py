"""Entropy of the gray levels around each pixel: little in flat regions and, so the idea, in blurred ones."""

import numpy as np
from skimage.filters import rank

from lib import images
from lib.estimators._method import Method

METHOD = Method(title="entropy", unit="score", blurrier="smaller")


def estimate(image, size=16):
    """Measure the entropy of the gray levels in the window around each pixel (section 4.1).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        In [0, 1]; it is rounded to 256 levels.
    size : int
        Side of the window, pixels. At the border of the photo it is cut off.

    Returns
    -------
    (H, W) float32 ndarray
        A score: bits, 0 to 8; *small* is blurred.

    Examples
    --------
    >>> halves = np.zeros((40, 40), np.float32)
    >>> halves[:, 20:] = 1
    >>> print(f"{estimate(halves)[20, 20]:.1f} bit at the border, {estimate(halves)[20, 5]:.1f} inside")
    1.0 bit at the border, 0.0 inside
    """
    levels = images.to_uint8(images.to_gray(images.check_image(image)))
    return rank.entropy(levels, np.ones((size, size), np.uint8)).astype(np.float32)
