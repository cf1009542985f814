"""QY: structural similarity of the fused image to its sources (Yang et al. 2008)."""

import functools
from fractions import Fraction
from itertools import combinations_with_replacement

import cv2
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
FLAT = ("paper", "equal", "exact")


def qy(a, b, fused, flat="paper"):
    """Structural similarity (SSIM) of a fused image to its sources, the mean of `qy_map`.

    Where the sources resemble each other, the fused image has to resemble both, the one of more
    variance above all; elsewhere the one that it resembles more counts.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        The sources and their fusion, gray or RGB, at least 7x7 pixels.
    flat : {"paper", "equal", "exact"}
        What to do about windows of one gray level, whose variance is 0 but for rounding.

        ``"paper"``: nothing, as in the toolbox of the paper's Table 3. SSIM between two flat windows is
        then a ratio of rounding errors, and NaN where both sources' variances are rounded to 0.
        ``"equal"``: instead of NaN both sources count the same, as in the toolbox of Liu et al. (2020).
        ``"exact"``: the variance is 0, so that SSIM compares the gray levels alone. Never NaN.

    Returns
    -------
    float
        At most 1 where no window is flat in two images, or by ``"exact"``. With ``"paper"`` it is NaN
        as soon as one window is, for 11 of the 20 Lytro pairs, and a single window can add thousands.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    >>> round(qy(noise, noise, noise), 12)
    1.0
    >>> black = np.zeros((32, 32), np.uint8)
    >>> [qy(black, black, black, flat) for flat in ("paper", "equal", "exact")]
    [nan, 1.0, 1.0]
    """
    return float(qy_map(a, b, fused, flat).mean())


def qy_map(a, b, fused, flat="paper"):
    """What `qy` averages: the similarity in each whole window.

    (H - 6, W - 6) float64: pixel (0, 0) belongs to the window around pixel (3, 3) of the images.
    """
    if flat not in FLAT:
        msg = f"Expected flat to be one of {FLAT}, got {flat!r}."
        raise ValueError(msg)
    pictures = gray_levels(a, b, fused, smallest=WINDOW)
    A, B, F = range(3)
    mean = [_mean(picture, flat) for picture in pictures]
    covariance = {
        (x, y): _mean(pictures[x] * pictures[y], flat) - mean[x] * mean[y]
        for x, y in combinations_with_replacement((A, B, F), 2)
    }

    def ssim(x, y):
        luminance = (2 * mean[x] * mean[y] + C) / (mean[x] ** 2 + mean[y] ** 2 + C)
        return luminance * (2 * covariance[x, y] + C) / (covariance[x, x] + covariance[y, y] + C)

    total = covariance[A, A] + covariance[B, B]
    undefined = np.nan if flat == "paper" else 0.5
    weight = np.divide(covariance[A, A], total, out=np.full_like(total, undefined), where=total != 0)
    both = weight * ssim(A, F) + (1 - weight) * ssim(B, F)
    return np.where(ssim(A, B) >= SIMILAR, both, np.maximum(ssim(A, F), ssim(B, F)))


def _mean(x, flat):
    """Mean in the Gaussian window of each pixel whose window lies in the image."""
    inside = (slice(WINDOW // 2, -(WINDOW // 2)),) * 2
    mean = ndimage.correlate(x, _kernel(), mode="constant")[inside]
    # In windows of one level the rounding errors are all that is left of a variance, so they are not left to chance,
    # which is to say to the processor.
    square = np.ones((WINDOW, WINDOW))
    one_level = (cv2.dilate(x, square) == cv2.erode(x, square))[inside]
    levels, index = np.unique(x[inside][one_level], return_inverse=True)
    mean[one_level] = levels[index] if flat == "exact" else np.array([_rounded_mean(v) for v in levels])[index]
    return mean


@functools.cache
def _rounded_mean(level):
    """Mean of a flat window as the toolbox gets it: pixel by pixel, rounded once after each product and sum."""
    total = 0.0
    for weight in _kernel().flat:
        total = float(Fraction(weight) * Fraction(level) + Fraction(total))
    return total


@functools.cache
def _kernel():
    i = np.arange(WINDOW) - WINDOW // 2
    kernel = np.exp(-(i**2 + i[:, None] ** 2) / (2 * SIGMA**2))
    return kernel / kernel.cumsum()[-1]  # added up in this order, its sum is 1 to the last bit


METHODS = {"QY": qy}
