"""QSR: how much of the sharper source, and of its edges, a fused picture has. This book's own score without a truth.

Scores that compare a result with both sources reward a copy of either. Where one source is sharp and the
other is not, only the sharp one is worth being similar to.
"""

import cv2
import numpy as np

from lib.metrics.inputs import gray_levels
from lib.metrics.qg import qg

EDGES = 0.3
"""Weight of the sources' edges; the rest is similarity to the sharper source."""
SHARPNESS = 2.0
"""Sigma of the Gaussian over which the squared Laplacian is averaged, pixels."""
WINDOW = 1.5
"""Sigma of the window of SSIM, pixels."""


def qsr(a, b, fused):
    """0.3 times the edges that the sources keep (`qg`), and 0.7 times SSIM to the locally sharper source.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        The sources and their fusion, gray or RGB, at least 11x11 pixels.

    Returns
    -------
    float
        1 at most.

    References
    ----------
    SSIM: Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Process. 13(4), 2004.

    Examples
    --------
    >>> sharp = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    >>> blurred = cv2.GaussianBlur(sharp, (0, 0), 2)
    >>> qsr(sharp, blurred, sharp) > qsr(sharp, blurred, blurred)
    True
    """
    *sources, result = (np.float32(each) for each in gray_levels(a, b, fused, smallest=11))
    sharpness = [_blur(cv2.Laplacian(each, -1, borderType=cv2.BORDER_REFLECT) ** 2, SHARPNESS) for each in sources]
    similar = [_ssim(each, result) for each in sources]
    to_sharper = float(np.where(sharpness[0] >= sharpness[1], *similar).mean())
    return EDGES * qg(a, b, fused) + (1 - EDGES) * to_sharper


def _ssim(x, y):
    """The map of structural similarity of two pictures of 0 to 255."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _blur(x, WINDOW), _blur(y, WINDOW)
    var_x, var_y = (_blur(each**2, WINDOW) - mean**2 for each, mean in ((x, mean_x), (y, mean_y)))
    covariance = _blur(x * y, WINDOW) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return numerator / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _blur(image, sigma):
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


METHODS = {"QSR": qsr}
