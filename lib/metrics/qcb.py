"""QCB: the contrast that an eye sees in the sources and in the fused image (Chen and Blum 2009)."""

import cv2
import numpy as np
from scipy import fft

from lib.metrics.inputs import gray_levels

SIDE = 31
"""Of the two Gaussian windows, pixels."""
CENTER, SURROUND = 2, 4
"""Their sigmas: contrast is how much the mean of the one differs from that of the other."""
MASKING = 1e-4
"""Below its root, contrasts are suppressed."""
TINY = 1e-300
"""Makes 0 / 0 a 1: no contrast is preserved by no contrast."""


def qcb(a, b, fused, rounded=False):
    """Preservation of visible contrast, the mean of `qcb_map`.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        The sources and their fusion, gray or RGB, at least 31x31 pixels.
    rounded : bool
        Round the stretched images to gray levels, as other copies of the toolbox do. The paper's
        Table 3 is without.

    Returns
    -------
    float
        In [0, 1], and 1 for identical images; NaN if one of the three has no contrast at all.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    >>> round(qcb(noise, noise, noise), 9)
    1.0
    """
    return float(qcb_map(a, b, fused, rounded).mean())


def qcb_map(a, b, fused, rounded=False):
    """What `qcb` averages, (H, W) float64: the ratio of contrasts, weighted between the sources by their contrast."""
    pictures = gray_levels(a, b, fused, smallest=SIDE)
    if any(np.ptp(picture) == 0 for picture in pictures):
        return np.full(pictures[0].shape, np.nan)
    *sources, of_fused = (visible_contrast(picture, rounded) for picture in pictures)
    kept = [(np.minimum(c, of_fused) + TINY) / (np.maximum(c, of_fused) + TINY) for c in sources]
    return np.average(kept, axis=0, weights=np.square(sources) + TINY)


def visible_contrast(gray, rounded=False):
    """Contrast of each pixel's surroundings as an eye sees it.

    Parameters
    ----------
    gray : (H, W) ndarray
        Not constant: it is stretched to the full range first.
    rounded : bool
        As in `qcb`.

    Returns
    -------
    (H, W) float64 ndarray
        Not negative.
    """
    stretched = (gray - gray.min()) / np.ptp(gray)
    if rounded:
        stretched = np.floor(255 * stretched + 0.5)
    seen = fft.ifft2(fft.fft2(stretched) * _sensitivity(gray.shape)).real
    contrast = np.abs(_gaussian(seen, CENTER) / _gaussian(seen, SURROUND) - 1)
    return contrast**3 / (contrast**2 + MASKING)


def _sensitivity(shape):
    """Sensitivity of the eye to each frequency: a difference of Gaussians over cycles per degree."""
    y, x = np.ix_(*(fft.fftfreq(n) * 2 * n / 30 for n in shape))
    r = np.hypot(x, y)
    return np.exp(-((r / 15.387) ** 2)) - 0.7622 * np.exp(-((r / 1.3456) ** 2))


def _gaussian(picture, sigma):
    """Filter by a sampled, not normalized Gaussian; zeros around the image."""
    i = np.arange(SIDE) - SIDE // 2
    profile = np.exp(-(i**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    return cv2.sepFilter2D(picture, -1, profile, profile, borderType=cv2.BORDER_CONSTANT)


METHODS = {"QCB": qcb}
