"""Errors of a blur map against the true one."""

import numpy as np
from scipy import stats


def map_errors(estimate, truth, mask=None):
    """How far a map is from the truth, and how well it orders the pixels.

    Parameters
    ----------
    estimate, truth : (H, W) ndarray
        In the same unit, for blur sigma in pixels.
    mask : (H, W) bool ndarray, optional
        The pixels that count; all by default.

    Returns
    -------
    dict of float
        ``rmse``, the root of the mean squared error, and ``mae``, the mean absolute error, both in the
        unit of the maps; ``spearman``, the rank correlation, -1 to 1, which is the same for any growing
        function of a map, and NaN where a map is constant.

    Raises
    ------
    ValueError
        If the shapes differ, the mask is no bool array or leaves no pixel, or a value that counts is not finite.

    Examples
    --------
    >>> truth = np.arange(12.0).reshape(3, 4)
    >>> map_errors(truth + 2, truth)
    {'rmse': 2.0, 'mae': 2.0, 'spearman': 1.0}
    """
    estimate, truth = _counting(estimate, truth, mask)
    difference = estimate - truth
    constant = np.ptp(estimate) == 0 or np.ptp(truth) == 0
    return {
        "rmse": float(np.sqrt(np.mean(difference**2))),
        "mae": float(np.mean(np.abs(difference))),
        "spearman": float("nan") if constant else float(stats.spearmanr(estimate, truth).statistic),
    }


def _counting(estimate, truth, mask):
    """The values that count, (N,) float64 each, checked."""
    estimate, truth = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    mask = np.ones(truth.shape, bool) if mask is None else np.asarray(mask)
    if not estimate.shape == truth.shape == mask.shape:
        msg = f"Expected estimate, truth and mask of one shape, got {estimate.shape}, {truth.shape} and {mask.shape}."
        raise ValueError(msg)
    if mask.dtype != bool:
        msg = f"Expected a mask of bool, got {mask.dtype}; compare it with a threshold."
        raise ValueError(msg)
    if not mask.any():
        msg = "Expected a mask with at least one pixel that counts, got none."
        raise ValueError(msg)
    estimate, truth = estimate[mask], truth[mask]
    if not (np.isfinite(estimate).all() and np.isfinite(truth).all()):
        msg = "Expected finite values in both maps, got NaN or infinity; leave these pixels out by the mask."
        raise ValueError(msg)
    return estimate, truth
