"""QFMI: information about the sources' features in the fused image (Haghighat and Razian 2014)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lib.metrics.inputs import gray_levels

SIDE = 3
"""Of a window, pixels."""
TINY = 1e-300
"""Makes 0 log 0 a zero."""
_CHUNK = 1024
"""Windows at a time: their joint distributions of 9x9 numbers stay in the processor's cache."""


def qfmi(a, b, fused):
    """Feature mutual information, the mean of `qfmi_map`.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        The sources and their fusion, gray or RGB, at least 3x3 pixels.

    Returns
    -------
    float
        At most 1, the score of identical images.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    >>> qfmi(noise, noise, 255 - noise) < qfmi(noise, noise, noise) == 1
    True
    """
    return float(qfmi_map(a, b, fused).mean())


def qfmi_map(a, b, fused):
    """What `qfmi` averages, (H - 2, W - 2) float64: mutual information in each 3x3 window, the mean of both sources.

    The features are horizontal gradients (the reference program drops the vertical ones). In each
    window they are stretched to [0, 1] and read as a distribution over the nine positions.

    Two habits of the reference program decide the fourth digit. A window that equals the fused one scores 1
    without any formula; but for B this is asked after the fused window was stretched for the comparison with
    A, so that an equal B passes only where A did, and the order of the sources matters. And two flat windows
    score 1, as rounding errors correlate them fully.
    """
    features = (np.gradient(picture, axis=1) for picture in gray_levels(a, b, fused, smallest=SIDE))
    # (column, row, H - 2, W - 2): a window's nine values are read down the columns first.
    views = [sliding_window_view(feature, (SIDE, SIDE)).transpose(3, 2, 0, 1) for feature in features]
    height, width = views[0].shape[2:]
    rows = max(_CHUNK // width, 1)
    out = np.empty((height, width))
    for top in range(0, height, rows):
        strips = (view[:, :, top : top + rows].reshape(SIDE**2, -1) for view in views)
        out[top : top + rows] = _information(*strips).reshape(-1, width)
    return out


def _information(a, b, f):
    """Mean information of (9, N) windows, with the reference's shortcuts."""
    stretched = _stretch(f)
    same_a = (a == f).all(axis=0)
    same_b = (b == np.where(same_a, f, stretched)).all(axis=0)
    q = stretched / stretched.sum(axis=0)
    return (_of_source(a, q, same_a) + _of_source(b, q, same_b)) / 2


def _of_source(source, q, same):
    out = np.ones(same.shape)
    stretched = _stretch(source[:, ~same])
    out[~same] = _normalized_information(stretched / stretched.sum(axis=0), q[:, ~same])
    return out


def _stretch(windows):
    """Each window to [0, 1]; a flat one to ones."""
    low = windows.min(axis=0)
    span = windows.max(axis=0) - low
    return np.where(span == 0, 1, (windows - low) / np.where(span == 0, 1, span))


def _normalized_information(p, q):
    """``2 MI / (H(p) + H(q))`` of two (9, N) sets of distributions.

    Only p, q and their correlation c are known. The joint distribution is taken as a mixture of
    independence and the most correlated one with these marginals, in the shares that make c (or, for
    negative c, the least correlated one, which is the most correlated one with p read backwards).
    """
    c = _correlation(p, q)
    p = np.where(c < 0, p[::-1], p)
    P, Q = np.cumsum(p, axis=0), np.cumsum(q, axis=0)
    # Laid end to end, p and q are two divisions of [0, 1]; the most correlated joint distribution is their overlap.
    overlap = np.minimum(Q[:, None], P[None])
    covariance = overlap.sum(axis=(0, 1)) - Q.sum(axis=0) * P.sum(axis=0)
    overlap -= np.maximum((Q - q)[:, None], (P - p)[None])
    np.maximum(overlap, 0, out=overlap)
    deviations = _deviation(p) * _deviation(q)
    possible = (c != 0) & (deviations != 0)
    phi = np.divide(np.abs(c) * deviations, covariance, out=np.zeros_like(c), where=possible)
    joint = phi * overlap + ((1 - phi) * q)[:, None] * p[None]
    entropies = _entropy(p) + _entropy(q)
    information = entropies - _entropy(joint.reshape(SIDE**4, -1))
    flat = (p == p[0]).all(axis=0) & (q == q[0]).all(axis=0)  # in the reference, rounding correlates them fully
    ratio = np.divide(2 * information, entropies, out=np.zeros_like(c), where=information != 0)
    return np.where(flat, 1, ratio)


def _correlation(p, q):
    """Pearson's, over the nine positions; 0 for a flat window."""
    p, q = p - p.mean(axis=0), q - q.mean(axis=0)
    product = (p * q).sum(axis=0)
    scale = np.sqrt((p * p).sum(axis=0) * (q * q).sum(axis=0))
    return np.divide(product, scale, out=np.zeros_like(product), where=product != 0)


def _deviation(p):
    """Standard deviation of the position 1, ..., 9 under p."""
    i = np.arange(1, len(p) + 1)
    return np.sqrt(np.maximum(i**2 @ p - (i @ p) ** 2, 0))


def _entropy(p):
    """In bits, over axis 0; what is less than 0 by rounding counts with its size."""
    return -(p * np.log2(np.abs(p) + TINY)).sum(axis=0)


METHODS = {"QFMI": qfmi}
