"""What every estimator promises, the registry, and the helpers that several share."""

import cv2
import numpy as np
import pymatting
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from lib import estimators, matting
from lib.estimators._method import at_working_size

SECTION_4 = {"entropy", "fdm", "laplacian_variance", "lbp", "standard_deviation", "zhuo_sim"}
NAMES = [name for name in estimators.names() if name != "dmenet"]  # that has tests of its own, and is slow


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def halves(height=64, width=96, sigma=3.0):
    """Noise, its right half blurred."""
    image = noise(height, width)
    image[:, width // 2 :] = cv2.GaussianBlur(image, (0, 0), sigma)[:, width // 2 :]
    return image


# The promise


def test_the_methods_of_section_4_are_here():
    assert {*SECTION_4, "ours", "one_pass", "dmenet"} <= set(estimators.names())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((32, 32), np.float32),
        np.ones((33, 47, 3), np.float32),
        np.full((32, 200, 3), (0.2, 0.5, 0.7), np.float32),
        noise(40, 33),
        noise(61, 34, 3),
    ],
    ids=["black", "white", "one color", "gray noise", "color noise"],
)
def test_any_picture_gets_a_finite_map_of_its_size(name, image):
    before = image.copy()
    values = estimators.get(name)(image)
    assert values.shape == image.shape[:2]
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", NAMES)
def test_gray_is_color_with_equal_channels(name):
    gray = halves()
    values, same = (estimators.get(name)(image) for image in (gray, np.dstack([gray] * 3)))
    np.testing.assert_allclose(same, values, rtol=0.01, atol=0.02 * np.ptp(values))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("entropy", "zhuo_sim")])
def test_the_blurred_half_has_more_blur(name):
    # Zhuo-Sim needs single edges, see tests/test_zhuo_sim.py; the entropy of noise hardly falls.
    estimator = estimators.get(name)
    blur = estimator.blur(estimator(halves()))
    assert np.median(blur[:, 64:]) > np.median(blur[:, :32])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image", [np.zeros((40, 40, 4), np.float32), np.full((40, 40), np.nan, np.float32)])
def test_what_is_no_picture_is_refused(name, image):
    with pytest.raises(ValueError, match="Expected image"):
        estimators.get(name)(image)


# The registry


def test_a_file_is_all_that_a_new_method_takes(tmp_path, monkeypatch):
    (tmp_path / "gray_level.py").write_text("def estimate(image, scale=1):\n    return scale * image\n")
    monkeypatch.setattr(estimators, "__path__", [*estimators.__path__, str(tmp_path)])
    assert "gray_level" in estimators.names()
    estimator = estimators.get("gray_level")
    assert (estimator.title, estimator.method.unit) == ("gray_level", "sigma")
    np.testing.assert_array_equal(estimator(noise(4, 5), scale=2), 2 * noise(4, 5))


def test_variants_have_options_of_their_own():
    image = halves()
    by_name = estimators.get("lbp-fig8")(image)
    np.testing.assert_array_equal(by_name, estimators.get("lbp")(image, threshold=0.025, sizes=(7, 11, 15), beta=0.25))
    assert "lbp-fig8" in estimators.names(variants=True)
    assert "lbp-fig8" not in estimators.names()


def test_unknown_method_is_named():
    with pytest.raises(ValueError, match=r"'focus'.*zhuo_sim"):
        estimators.get("focus")


def test_blur_turns_scores_round():
    assert estimators.get("entropy").blur(np.array([1.0, 2.0])).tolist() == [-1, -2]
    assert estimators.get("fdm").blur(np.array([1.0, 2.0])).tolist() == [1, 2]


def test_a_method_without_its_weights_is_not_usable(monkeypatch):
    def lacking(image):
        msg = "no weights"
        raise ValueError(msg)

    monkeypatch.setattr("lib.estimators.entropy.estimate", lacking)
    estimators.get.cache_clear()
    assert not estimators.usable("entropy")
    estimators.get.cache_clear()
    assert estimators.usable("fdm")


def test_a_file_that_cannot_be_imported_stops_no_other(tmp_path, monkeypatch):
    (tmp_path / "a_lacking.py").write_text("import no_such_package_for_blur\n")
    monkeypatch.setattr(estimators, "__path__", [*estimators.__path__, str(tmp_path)])
    estimators.get.cache_clear()
    assert "a_lacking" in estimators.names()
    assert estimators.usable("fdm")
    assert not estimators.usable("a_lacking")


# The working size


@pytest.mark.parametrize(("unit", "expected"), [("sigma", 6.0), ("score", 2.0)])
def test_sigma_grows_with_the_photo_and_a_score_does_not(unit, expected):
    seen = []

    def estimate(image):
        seen.append(image.shape)
        return np.full(image.shape[:2], 2.0, np.float32)

    method = estimators.Method("test", unit, working_pixels=120 * 80)
    values = at_working_size(estimate, noise(240, 360, 3), method)
    assert seen == [(80, 120, 3)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_an_enlarged_map_ends_at_the_edge_of_the_photo():
    photo = np.full((160, 162), 0.2, np.float32)
    photo[:, 81:] = 0.8  # no border of a pixel of the small photo
    method = estimators.Method("test", "score", working_pixels=40 * 40)
    values = at_working_size(lambda image: np.float32(image > 0.5), photo, method)
    rise = np.diff(values[20:-20].mean(axis=0))
    assert np.argmax(rise) == 80
    assert rise[80] > 0.7  # a step enlarged by interpolation rises by less than 0.3 a pixel


# Matting


def test_laplacian_is_pymattings_for_colors_with_much_color():
    image = noise(9, 11, 3).astype(np.float64)
    expected = pymatting.cf_laplacian(image, 9e-4).toarray()
    np.testing.assert_allclose(matting.laplacian(image, 1e-4).toarray(), expected, rtol=0, atol=1e-9)


def test_interpolation_solves_its_equations():
    image, values = noise(20, 30, 3), noise(20, 30, seed=1)
    trust = np.where(noise(20, 30, seed=2) > 0.7, noise(20, 30, seed=3), 0)
    found = matting.interpolate(values, trust, image, 0.1, 1e-3)
    equations = pymatting.cf_laplacian(image.astype(np.float64), 9e-3) + sparse.diags(0.1 * trust.ravel())
    expected = spsolve(equations.tocsc(), 0.1 * (trust * values).ravel())
    np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=1e-4)


def test_large_equations_are_solved_by_conjugate_gradients_just_as_well(monkeypatch):
    image, values = cv2.GaussianBlur(noise(60, 70, 3), (0, 0), 2), 9 * noise(60, 70, seed=1)
    trust = noise(60, 70, seed=2) > 0.8
    direct = matting.interpolate(values, trust, image, 0.001, 1e-5)
    monkeypatch.setattr(matting, "DIRECT", 0)
    iterated = matting.interpolate(values, trust, image, 0.001, 1e-5)
    assert np.abs(iterated - direct).mean() < 0.02


def test_upsampling_a_linear_function_of_the_colors_is_exact():
    large = cv2.resize(noise(15, 18, 3), (72, 60), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, (18, 15), interpolation=cv2.INTER_AREA)
    slope = np.array([1.0, -2.0, 0.5], np.float32)
    found = matting.upsample(small @ slope + 0.3, small, large, 1e-9)
    np.testing.assert_allclose(found, large @ slope + 0.3, rtol=0, atol=2e-3)
