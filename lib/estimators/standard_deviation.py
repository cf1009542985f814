"""Standard deviation of the gray levels around each pixel: blur lowers it, and so does a lack of contrast."""

import numpy as np

from lib import images
from lib.estimators._method import Method

METHOD = Method(title="standard deviation", unit="score", blurrier="smaller")


def estimate(image, size=16):
    """Measure the standard deviation in the window around each pixel (section 4.1).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    size : int
        Side of the window, pixels.

    Returns
    -------
    (H, W) float32 ndarray
        A score: gray levels, 0 to 127.5; *small* is blurred.

    Examples
    --------
    >>> halves = np.zeros((40, 40), np.float32)
    >>> halves[:, 20:] = 1
    >>> print(f"{estimate(halves)[20, 20]:.1f} at the border, {estimate(halves)[20, 5]:.1f} inside")
    127.5 at the border, 0.0 inside
    """
    gray = 255 * images.to_gray(images.check_image(image)).astype(np.float64)
    return np.sqrt(images.window_variance(gray, size)).astype(np.float32)
