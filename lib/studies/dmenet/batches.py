"""What a training step of DMENet sees: a function of the seed and the step alone."""

import numpy as np

from lib import images
from lib.estimators.dmenet.network import GREATEST_COC

NOISE = 0.02
"""Greatest deviation of the noise added to a picture."""
GRAY = 0.15
"""Share of pictures that are turned gray."""


def rendered(step, pool, recipe, seed):
    """Crops of rendered scenes, each turned, noisy and differently bright at random.

    Parameters
    ----------
    step : int
    pool : (images, sigma)
        From `scenes.make_pool`.
    recipe : trainer.Recipe
    seed : int

    Returns
    -------
    pictures : (batch, side, side, 3) float32 ndarray
    blur : (batch, side, side, 1) float32 ndarray
        `to_blur` of the true sigma.
    """
    rng = np.random.default_rng((seed, 0, step))
    chosen = rng.integers(len(pool[0]), size=recipe.batch)
    pairs = [_crop((pool[0][k], pool[1][k]), recipe.side, rng) for k in chosen]
    pictures = np.stack([_vary(picture, rng) for picture, _ in pairs])
    sigma = np.stack([sigma for _, sigma in pairs])[..., None].astype(np.float32)
    return pictures, to_blur(sigma)


def real(step, photos, recipe, seed):
    """Crops of real photos, turned at random, and of their masks: see `scenes.real_photos`."""
    rng = np.random.default_rng((seed, 1, step))
    chosen = rng.integers(len(photos[0]), size=recipe.batch)
    pairs = [_crop((photos[0][k], photos[1][k]), recipe.side, rng) for k in chosen]
    pictures = np.stack([np.float32(picture) / 255 for picture, _ in pairs])
    return pictures, np.stack([mask for _, mask in pairs])[..., None]


def _crop(pair, side, rng):
    """The same square of a picture and its map, seen from a random one of its eight sides."""
    top, left = (rng.integers(length - side + 1) for length in pair[0].shape[:2])
    transpose, up, across = rng.random(3) < 0.5
    cut = [whole[top : top + side, left : left + side][:: 1 - 2 * up, :: 1 - 2 * across] for whole in pair]
    return [part.swapaxes(0, 1) for part in cut] if transpose else cut


def _vary(picture, rng):
    picture = np.float32(picture) / 255 * rng.uniform(0.6, 1.1)
    if rng.random() < GRAY:
        picture = np.repeat(images.to_gray(picture)[..., None], 3, axis=2)
    noise = rng.normal(0, rng.uniform(0, NOISE), picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def to_blur(sigma):
    """The map that `network.to_sigma` reads as `sigma`; 1 for all that is beyond its range."""
    return np.minimum((2 * sigma + 1) / GREATEST_COC, 1)
