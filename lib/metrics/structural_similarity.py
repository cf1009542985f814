"""QY: structural similarity of the fused image to its sources (Yang et al. 2008)."""

import numpy as np
from scipy import ndimage

from lib.metrics.inputs import gray_levels

WINDOW = 7
"""Side of the Gaussian window, pixels."""
SIGMA = 1.5
C = 2e-16
"""Both constants of SSIM: so small that they only turn 0 / 0 into 1."""
SIMILAR = 0.75
"""Sources whose SSIM is at least this much should both be kept; else the better one."""
FLAT = ("nan", "equal")


def qy(a, b, fused, flat="nan"):
    """Structural similarity (SSIM) of a fused image to its sources, the mean of `qy_map`.

    Where the sources resemble each other, the fused image has to resemble both, the one of more
    variance above all; elsewhere the one that it resembles more counts.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        The sources and their fusion, gray or RGB, at least 7x7 pixels.
    flat : {"nan", "equal"}
        A window without variance in both sources: NaN, as the weight of the sources is then 0 / 0 and as
        the toolbox of the paper's Table 3 has it; or both sources count the same, as in that of Liu et
        al. (2020).

    Returns
    -------
    float
        At most 1. With ``flat="nan"`` it is NaN as soon as one window is: 11 of the 20 Lytro pairs
        have dark or overexposed windows that are flat in both images.

    Raises
    ------
    ValueError
        If an image is not 8 bit, the sizes differ, they are too small, or `flat` is unknown.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    >>> qy(noise, noise, noise)
    1.0
    >>> black = np.zeros((32, 32), np.uint8)
    >>> qy(black, black, black), qy(black, black, black, flat="equal")
    (nan, 1.0)
    """
    return float(qy_map(a, b, fused, flat).mean())


def qy_map(a, b, fused, flat="nan"):
    """What `qy` averages: the similarity in each whole window.

    Parameters
    ----------
    a, b, fused, flat
        As in `qy`.

    Returns
    -------
    (H - 6, W - 6) float64 ndarray
        Pixel (0, 0) belongs to the window around pixel (3, 3) of the images.
    """
    if flat not in FLAT:
        msg = f"Expected flat to be one of {FLAT}, got {flat!r}."
        raise ValueError(msg)
    a, b, fused = gray_levels(a, b, fused, smallest=WINDOW)
    var_a, var_b = _covariance(a, a), _covariance(b, b)
    total = var_a + var_b
    if flat == "equal":
        var_a, total = np.where(total == 0, 0.5, var_a), np.where(total == 0, 1, total)
    with np.errstate(divide="ignore", invalid="ignore"):  # flat windows
        weight = var_a / total
    to_a, to_b = _ssim(a, fused), _ssim(b, fused)
    return np.where(_ssim(a, b) >= SIMILAR, weight * to_a + (1 - weight) * to_b, np.maximum(to_a, to_b))


def _ssim(x, y):
    mean_x, mean_y = _local(x), _local(y)
    luminance = (2 * mean_x * mean_y + C) / (mean_x**2 + mean_y**2 + C)
    return luminance * (2 * _covariance(x, y) + C) / (_covariance(x, x) + _covariance(y, y) + C)


def _covariance(x, y):
    return _local(x * y) - _local(x) * _local(y)


def _local(x):
    """Mean in a Gaussian window, for windows inside the image only."""
    reach = WINDOW // 2
    i = np.arange(-reach, reach + 1)
    kernel = np.exp(-(i**2 + i[:, None] ** 2) / (2 * SIGMA**2))
    return ndimage.correlate(x, kernel / kernel.sum(), mode="constant")[reach:-reach, reach:-reach]
