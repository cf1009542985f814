import numpy as np
import pytest
from skimage import data

from lib import dataset, patches
from lib.training import batches, degradations, recipes


def test_noise_has_the_asked_deviation():
    gray = np.full((4, 64, 64), 120, np.uint8)
    noisy = degradations.add_noise(gray, 2, np.random.default_rng(0))
    assert noisy.dtype == np.uint8
    assert noisy.mean() == pytest.approx(120, abs=0.1)
    assert noisy.std() == pytest.approx(np.sqrt(4 + 1 / 12), rel=0.02)  # 1/12: variance of the rounding


def test_compressing_patches_is_compressing_the_photo():
    photo = data.camera()[:128, :160]
    whole = degradations.compress(photo, 80)
    assert (whole != photo).any()
    np.testing.assert_array_equal(degradations.compress(patches.cut(photo)[0], 80), patches.cut(whole)[0])


def test_more_bits_are_refused():
    deep = np.zeros((32, 32), np.uint16)
    with pytest.raises(ValueError, match="8 bits"):
        degradations.compress(deep, 80)
    with pytest.raises(ValueError, match="8 bits"):
        degradations.add_noise(deep, 2, np.random.default_rng(0))


def test_training_degrades_the_asked_shares_and_the_same_ones_again():
    samples = np.repeat(data.camera()[None, None, 200:232, 200:232], 20, axis=1).repeat(50, axis=0)
    recipe = recipes.Recipe(batch=1000, epochs=1, noisy=0.3, compressed=0.2)
    batch, _ = batches.batch_at(0, samples, recipe, seed=3)
    changed = (batch[..., 0] != dataset.as_float(samples[0, 0])).any((1, 2))
    assert changed.mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(batches.batch_at(0, samples, recipe, seed=3)[0], batch)
    assert (samples == samples[0, 0]).all()
