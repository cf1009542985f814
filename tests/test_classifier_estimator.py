"""What our estimator adds to the paper's: octaves, noise, and answers spread from texture."""

import cv2
import numpy as np
import pytest

from lib import blur_map, classifiers, photos, refinement
from lib.estimators import classifier

LENS = "mobilenet_v2-lens"


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.fixture(scope="module")
def photo():
    return photos.load("flower")[100:230, 150:320]


def test_one_octave_and_the_papers_refinement_are_the_papers_estimator(photo):
    found = classifier.estimate(photo, LENS, step=16, labels="hard", octaves=1, refinement="paper")
    expected = refinement.refine(blur_map.estimate(photo, classifiers.load(LENS), step=16), photo)
    np.testing.assert_array_equal(found, expected)


def constant(sigma):
    """A classifier that always finds the blur that the photo has: `sigma`, or less in a smaller photo."""
    return lambda gray, step: np.full(gray.shape, sigma * gray.shape[1] / 256, np.float32)


def test_octaves_agree_where_the_classifier_does():
    gray = cv2.GaussianBlur(noise(256, 256), (0, 0), 2)
    for sigma in (1.0, 5.0, 9.0):
        found = classifier.two_octaves(gray, constant(sigma), 8)
        np.testing.assert_allclose(found, sigma, atol=0.15)  # the averaging's own blur is taken off at half the size


@pytest.mark.parametrize(("coarse", "expected"), [(3.0, 2.0), (12.0, 12.0), (6.0, 4.0)])
def test_small_sigmas_are_the_larger_photos(coarse, expected):
    gray = cv2.GaussianBlur(noise(128, 128), (0, 0), 2)

    def classify(picture, step):
        assert step == (8 if len(picture) == 128 else 4)
        half = np.sqrt(coarse**2 + 0.25) / 2  # with the blur that averaging 2x2 pixels adds
        return np.full(picture.shape, 2.0 if len(picture) == 128 else half, np.float32)

    np.testing.assert_allclose(classifier.two_octaves(gray, classify, 8), expected, rtol=1e-5)


def test_a_noisy_photo_is_halved_first():
    sizes = []

    def classify(picture, step):
        sizes.append(len(picture))
        return np.ones_like(picture)

    noisy = 0.5 + 0.02 * (noise(256, 256) - 0.5) * np.sqrt(12)
    classifier.two_octaves(noisy.astype(np.float32), classify, 8)
    assert sizes == [128, 64]


def test_a_small_photo_has_one_octave():
    sizes = []

    def classify(picture, step):
        sizes.append(picture.shape)
        return np.ones_like(picture)

    assert classifier.two_octaves(noise(100, 40), classify, 8).shape == (100, 40)
    assert sizes == [(100, 40)]


def test_noise_level_sees_noise_and_not_slopes():
    y, x = np.mgrid[:200, :200] / 200
    slope = (0.2 + 0.3 * x + 0.2 * y).astype(np.float32)
    assert classifier.noise_level(slope) < 1e-5
    added = np.random.default_rng(0).normal(0, 0.02, slope.shape).astype(np.float32)
    assert classifier.noise_level(slope + added) == pytest.approx(0.02, rel=0.05)


def test_texture_is_trusted_and_flatness_is_not():
    gray = np.full((64, 128), 0.5, np.float32)
    gray[:, 64:] = noise(64, 64)
    trust = classifier.texture(gray)
    assert trust[:, 90:].min() == 1
    assert trust[:, :40].max() == pytest.approx(classifier.LEAST_TRUST)


def test_a_guess_in_a_flat_part_gives_way_to_the_textured_part_of_its_color():
    gray = np.full((96, 128), 0.5, np.float32)
    gray[:, 64:] += 0.2 * (noise(96, 64) - 0.5)
    guessed = np.full(gray.shape, 2.0, np.float32)
    guessed[:, :40] = 9.0
    found = classifier.spread(guessed, gray)
    assert np.abs(found - 2).max() < 1
    assert np.abs(found[:, 70:] - 2).max() < 0.1


def test_spread_stays_in_the_range_of_the_map(photo):
    guessed = 19 * noise(*photo.shape[:2])
    found = classifier.spread(guessed, photo)
    assert guessed.min() <= found.min() < found.max() <= guessed.max()


def test_a_number_of_octaves_that_there_is_not_is_named(photo):
    with pytest.raises(ValueError, match="got 3"):
        classifier.estimate(photo, octaves=3)
