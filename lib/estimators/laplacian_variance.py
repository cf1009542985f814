"""Variance of the Laplacian around each pixel: fine detail, which blur removes first."""

import cv2
import numpy as np

from lib import images
from lib.estimators._method import Method

METHOD = Method(title="variance of Laplacian", unit="score", blurrier="smaller")


def estimate(image, size=16):
    """Measure the variance of the Laplacian in the window around each pixel (section 4.1; Pech-Pacheco et al. 2000).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    size : int
        Side of the window, pixels.

    Returns
    -------
    (H, W) float32 ndarray
        A score: squared gray levels of 0 to 255, as in eq. 5 but without its smoothing; *small* is blurred.

    Examples
    --------
    >>> ramp = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (40, 1))
    >>> bool(estimate(ramp)[20, 20] < 1e-6)  # no second derivative
    True
    """
    gray = 255 * images.to_gray(images.check_image(image)).astype(np.float64)
    return images.window_variance(cv2.Laplacian(gray, -1, borderType=cv2.BORDER_REFLECT), size).astype(np.float32)
