"""What our estimator adds to the paper's: answers spread from texture."""

import numpy as np
import pytest

from lib import blur_map, classifiers, photos, refinement
from lib.estimators import ours

LENS = "mobilenet_v2-lens"


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.fixture(scope="module")
def photo():
    return photos.load("flower")[100:230, 150:320]


def test_the_papers_refinement_makes_it_the_papers_estimator(photo):
    found = ours.estimate(photo, LENS, step=16, labels="hard", refinement="paper")
    expected = refinement.refine(blur_map.estimate(photo, classifiers.load(LENS), step=16), photo)
    np.testing.assert_array_equal(found, expected)


def test_texture_is_trusted_and_flatness_is_not():
    gray = np.full((64, 128), 0.5, np.float32)
    gray[:, 64:] = noise(64, 64)
    trust = ours.texture(gray)
    assert trust[:, 90:].min() == 1
    assert trust[:, :40].max() == pytest.approx(ours.LEAST_TRUST)


def test_a_guess_in_a_flat_part_gives_way_to_the_textured_part_of_its_color():
    gray = np.full((96, 128), 0.5, np.float32)
    gray[:, 64:] += 0.2 * (noise(96, 64) - 0.5)
    guessed = np.full(gray.shape, 2.0, np.float32)
    guessed[:, :40] = 9.0
    found = ours.spread(guessed, gray)
    assert np.abs(found - 2).max() < 1
    assert np.abs(found[:, 70:] - 2).max() < 0.1


def test_spread_stays_in_the_range_of_the_map(photo):
    guessed = 19 * noise(*photo.shape[:2])
    found = ours.spread(guessed, photo)
    assert guessed.min() <= found.min() < found.max() <= guessed.max()
