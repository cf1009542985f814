"""The estimators against a camera's measured blur: the study's parts, on scenes whose answer is known."""

import numpy as np
import pytest
from scipy import ndimage, optimize

from lib import optics
from lib.studies import camera, public_sets


@pytest.fixture(scope="module")
def stand_in():
    return dict(camera.measured("quick"))


def test_stand_ins_are_photos_with_disks(stand_in):
    assert len(stand_in) == 2
    for scene in stand_in.values():
        assert scene.photo.shape == scene.sigma.shape == scene.known.shape == scene.all_in_focus.shape
        np.testing.assert_allclose(255 * scene.photo, np.rint(255 * scene.photo), atol=1e-4)
        assert scene.sigma.min() >= 0


def test_windows_find_the_disk_and_a_wider_gaussian(stand_in):
    """A Gaussian has to be wider than a disk of the same second moment to blur as much."""
    found = [row for scene in stand_in.values() for row in camera.windows(scene)]
    stated, disk, gaussian = (np.array([row[key] for row in found]) for key in ("stated", "disk", "gaussian"))
    assert len(found) >= 5
    assert np.median(disk / stated) == pytest.approx(1, abs=0.05)
    assert 1.03 < np.median(gaussian / stated) < 1.3
    better = [row["disk_residue"] < row["gaussian_residue"] for row in found]
    assert np.mean(better) > 0.8


def test_what_is_blurred_here_is_light_under_the_measured_map():
    rng = np.random.default_rng(0)
    sharp = rng.random((64, 80), np.float32)
    known = np.ones(sharp.shape, bool)
    known[20:30, 20:30] = False
    scene = public_sets.Measured(sharp, np.where(known, np.float32(2), 0), known, sharp)
    pictures = dict(camera.blurred_here(scene))
    assert tuple(pictures) == camera.RENDERED
    light = ndimage.gaussian_filter(optics.to_light(sharp).astype(np.float64), 2, mode="reflect")
    np.testing.assert_allclose(pictures["gaussian"], optics.to_srgb(light), atol=0.6 / 255)
    noise = pictures["gaussian, noise"] - pictures["gaussian"]
    assert np.std(noise) == pytest.approx(np.hypot(camera.NOISE, 1 / 255 / np.sqrt(6)), rel=0.15)


def test_the_factor_has_the_least_error():
    rng = np.random.default_rng(1)
    values, truth = rng.uniform(0.5, 3, 200), rng.uniform(1, 9, 200)
    factor = camera._factor(values, truth)
    best = optimize.minimize_scalar(lambda f: np.abs(f * values - truth).mean(), (0.1, 10))
    assert np.abs(factor * values - truth).mean() == pytest.approx(best.fun, rel=1e-3)


def test_a_map_that_is_wrong_by_a_factor_is_right_after_scaling():
    rng = np.random.default_rng(2)
    truth = {scene: rng.uniform(1, 9, 300) for scene in "abc"}
    rows = list(camera.judge("fdm", {scene: sigma / 2 for scene, sigma in truth.items()}, truth, 1.15))
    assert [row["scene"] for row in rows] == [*"abc"]
    for row in rows:
        assert row["factor"] == pytest.approx(2)
        assert row["scaled"] == pytest.approx(0, abs=1e-9)
        assert row["mae"] == pytest.approx(truth[row["scene"]].mean() / 2)
        assert row["mae_by_fit"] == pytest.approx(0.65 * truth[row["scene"]].mean())
        assert row["bias"] < 0
        assert row["spearman"] == pytest.approx(1)


def test_scores_are_calibrated_on_the_other_scenes():
    truth = {"a": np.linspace(1, 5, 50), "b": np.linspace(2, 6, 50)}
    rows = list(camera.judge("entropy", {scene: np.sqrt(sigma) for scene, sigma in truth.items()}, truth, 1.2))
    assert rows[0]["calibrated"]
    assert rows[0]["factor"] is None
    assert rows[0]["mae"] == pytest.approx(np.maximum(2 - truth["a"], 0).mean(), abs=0.05)  # clipped to what it knows
    assert rows[0]["mae_by_fit"] == pytest.approx(1.2 * rows[0]["mae"])
    constant = list(camera.judge("constant", {scene: np.zeros(50) for scene in truth}, truth, 1.2))
    assert constant[0]["mae"] == pytest.approx(np.abs(truth["a"] - truth["b"].mean()).mean())
    assert constant[0]["spearman"] is None
