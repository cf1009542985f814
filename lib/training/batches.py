"""A batch is a function of the seed and the step alone: a killed training goes on as if nothing had happened."""

import numpy as np
import tensorflow as tf

from lib import dataset
from lib.training import degradations

NOISE = 0.5, 3.0
"""Range of the standard deviation of `Recipe.noisy`, gray levels of 0..255."""
JPEG_QUALITY = 60, 95
"""Range of `Recipe.compressed`."""


def batch_at(step, train, recipe, seed):
    """The training batch of a step.

    Parameters
    ----------
    step : int
    train : (N, 20, 32, 32) ndarray
        8 or 16 bits.
    recipe : Recipe
    seed : int

    Returns
    -------
    samples : (batch, 32, 32, 1) float32 ndarray
    levels : (batch,) int32 ndarray
    """
    total = train.shape[0] * train.shape[1]
    first = step * recipe.batch
    epochs, places = np.divmod(np.arange(first, first + recipe.batch), total)
    flat = np.concatenate([_order(total, seed, epoch)[places[epochs == epoch]] for epoch in np.unique(epochs)])
    patch, level = np.divmod(flat, train.shape[1])
    stored = train[patch, level]
    if recipe.noisy or recipe.compressed:
        stored = _degrade(stored, recipe, np.random.default_rng((seed, 2, step)))
    samples = dataset.as_float(stored)
    if recipe.augment:
        samples = _turn(samples, np.random.default_rng((seed, 1, step)))
    return samples[..., None], level.astype(np.int32)


def _degrade(samples, recipe, rng):
    """Noise in some samples, the marks of JPEG in others, the rest as they are."""
    lot = rng.random(len(samples))
    for number in np.flatnonzero(lot < recipe.noisy + recipe.compressed):
        if lot[number] < recipe.noisy:
            samples[number] = degradations.add_noise(samples[number], rng.uniform(*NOISE), rng)
        else:
            samples[number] = degradations.compress(samples[number], int(rng.integers(*JPEG_QUALITY)))
    return samples


_orders = {}


def _order(total, seed, epoch):
    """The shuffled order of an epoch; the last one is remembered, since it serves a thousand batches."""
    key = (total, seed, int(epoch))
    if key not in _orders:
        for old in list(_orders)[:-1]:
            del _orders[old]
        _orders[key] = np.random.default_rng((seed, 0, int(epoch))).permutation(total)
    return _orders[key]


def _turn(samples, rng):
    """Each square sample from a random one of its eight sides."""
    transpose, up, left = rng.random((3, len(samples))) < 0.5
    samples[transpose] = samples[transpose].swapaxes(1, 2)
    samples[up] = samples[up][:, ::-1]
    samples[left] = samples[left][:, :, ::-1]
    return samples


def batches(train, recipe, seed, start, stop):
    """Batches of the steps from `start` to `stop` as a tf.data set that prepares ahead."""
    size = train.shape[-1]

    def make(step):
        samples, levels = tf.numpy_function(
            lambda s: batch_at(int(s), train, recipe, seed), [step], (tf.float32, tf.int32), stateful=False
        )
        samples.set_shape((recipe.batch, size, size, 1))
        levels.set_shape((recipe.batch,))
        return samples, levels

    return tf.data.Dataset.range(start, stop).map(make).prefetch(8)
