"""Errors of a blur map against the true one."""

import numpy as np
from scipy import stats
from skimage.filters import threshold_otsu
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import fbeta_score, roc_auc_score

BETA_SQUARED = 0.3
"""Weight of recall in the F-measure, as usual in work on masks of blur (Zhao et al. 2019): precision counts more."""
FIXED = 0.5
"""Threshold of a map rescaled to [0, 1] in public tables of masks (that of D-DFFNet's test)."""
SAMPLES = 4000
"""Pixels of each scene that the calibration of scores is fitted to."""


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


def calibration(known):
    """The growing function of a score that fits the sigma of other maps best.

    Parameters
    ----------
    known : list of (ndarray, ndarray)
        Scores, larger for more blur, and true sigmas.

    Returns
    -------
    callable
        Takes scores, (H, W), and returns sigma, (H, W) float64, pixels.

    Examples
    --------
    >>> score, sigma = np.arange(6.0), 2 * np.arange(6.0)
    >>> calibration([(score, sigma)])(np.array([[1.0, 2.5]]))
    array([[2., 5.]])
    """
    rng = np.random.default_rng(0)
    scores, sigmas = [], []
    for score, sigma in known:
        chosen = rng.choice(score.size, min(SAMPLES, score.size), replace=False)
        scores.append(score.flat[chosen])
        sigmas.append(sigma.flat[chosen])
    fit = IsotonicRegression(out_of_bounds="clip").fit(np.concatenate(scores), np.concatenate(sigmas))
    return lambda values: fit.predict(np.ravel(values)).reshape(np.shape(values))


def mask_scores(blur, blurred):
    """Compare a map with a mask of what is blurred.

    Parameters
    ----------
    blur : (H, W) ndarray
        Larger for more blur, any unit.
    blurred : (H, W) bool ndarray
        Has both values.

    Returns
    -------
    dict of float
        ``f_measure`` of the map above its Otsu threshold, which adapts to the map (beta^2 = 0.3);
        ``mae``, the mean absolute difference of the map, rescaled to [0, 1], and the mask; ``auc``, the area under the
        ROC curve, which needs no threshold: how often a blurred pixel has more than a sharp one.

    Examples
    --------
    >>> blurred = np.arange(12).reshape(3, 4) > 5
    >>> scores = mask_scores(np.where(blurred, 4.0, 1.0), blurred)
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'f_measure': 1.0, 'mae': 0.0, 'auc': 1.0}
    """
    blur, blurred = np.ravel(blur).astype(np.float64), np.ravel(blurred)
    spread = np.ptp(blur)
    found = blur > threshold_otsu(blur) if spread else np.ones(blur.shape, bool)
    return {
        "f_measure": _f(blurred, found),
        "mae": float(np.abs(_rescaled(blur) - blurred).mean()),
        "auc": float(roc_auc_score(blurred, blur)),
    }


def public_scores(blur, blurred):
    """Compare a map with a mask as public tables do: rescaled to [0, 1], and cut at `FIXED`.

    Parameters
    ----------
    blur, blurred
        As in `mask_scores`.

    Returns
    -------
    dict of dict
        For either class as what is to be found, ``blurred`` and ``sharp``: ``f``, the F-measure, and how many pixels
        are ``shared`` by map and mask, and in either of them, ``joined``. Their ratio over all photos is the IoU.
    """
    blur, blurred = np.ravel(blur).astype(np.float64), np.ravel(blurred)
    found = _rescaled(blur) > FIXED
    return {"blurred": _agreement(blurred, found), "sharp": _agreement(~blurred, ~found)}


def _rescaled(blur):
    spread = np.ptp(blur)
    return (blur - blur.min()) / spread if spread else np.zeros(blur.shape)


def _f(mask, found):
    return float(fbeta_score(mask, found, beta=BETA_SQUARED**0.5, zero_division=0))


def _agreement(mask, found):
    return {"f": _f(mask, found), "shared": int((mask & found).sum()), "joined": int((mask | found).sum())}
