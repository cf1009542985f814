"""Testing a classifier."""

import keras
import numpy as np

from lib import dataset

BINS = 15
"""Of confidence, equally wide, for the calibration error."""


def evaluate(model, samples, chunk=100):
    """Test a classifier.

    Parameters
    ----------
    model : keras.Model
    samples : (N, 20, 32, 32) ndarray
        8 or 16 bits; axis 1 is the true level.
    chunk : int
        Patches (of 20 levels each) in memory at a time.

    Returns
    -------
    dict
        ``loss`` (cross-entropy), ``accuracy``, ``within_one`` (share of samples at most one level
        off), ``mean_absolute_error`` of the most probable level, ``expected_mean_absolute_error`` of
        the expected level and ``median_mean_absolute_error`` of the median level, all in levels, that
        is pixels of sigma; ``calibration_error``, see `calibration_error`; ``confusion``, a (20, 20)
        list of counts (row: true level); ``mean_absolute_error_by_level``, of the expected level, 20 numbers.
    """
    levels = samples.shape[1]
    truth = np.tile(np.arange(levels), len(samples))
    rows = [_probabilities(model, samples[i : i + chunk]) for i in range(0, len(samples), chunk)]
    probability = np.concatenate(rows)
    hard = probability.argmax(1)
    confusion = np.zeros((levels, levels), int)
    np.add.at(confusion, (truth, hard), 1)
    chosen = probability[np.arange(len(truth)), truth]
    expected = abs(probability @ np.arange(levels) - truth)
    # The median makes the mean absolute error of a known distribution smallest.
    median = (np.cumsum(probability, axis=1) < 0.5).sum(1)
    return {
        "loss": float(-np.log(np.maximum(chosen, 1e-7)).mean()),
        "accuracy": float((hard == truth).mean()),
        "within_one": float((abs(hard - truth) <= 1).mean()),
        "mean_absolute_error": float(abs(hard - truth).mean()),
        "expected_mean_absolute_error": float(expected.mean()),
        "median_mean_absolute_error": float(abs(median - truth).mean()),
        "mean_absolute_error_by_level": [float(expected[truth == level].mean()) for level in range(levels)],
        "calibration_error": calibration_error(probability.max(1), hard == truth),
        "confusion": confusion.tolist(),
    }


def calibration_error(confidence, right):
    """Expected calibration error (Guo et al. 2017): how far confidence is from accuracy, answers sorted by confidence.

    Parameters
    ----------
    confidence : (N,) ndarray
        Probability of each answer, as the network says.
    right : (N,) bool ndarray
        Whether the answer was right.

    Returns
    -------
    float
        0 where, of the answers given with probability p, the share p is right.

    Examples
    --------
    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(number, np.asarray(confidence, np.float64) - right, BINS)
    return round(float(abs(gaps).sum() / len(confidence)), 6)


def _probabilities(model, samples):
    flat = dataset.as_float(samples).reshape(-1, *samples.shape[2:], 1)
    # `predict_on_batch` would repeat itself on every replica.
    return keras.ops.convert_to_numpy(model(flat, training=False))
