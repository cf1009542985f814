"""Guided filters against stored reference values, least squares per window, and properties."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lib import guided_filter as module
from lib.guided_filter import box_mean, guided_filter, weighted_guided_filter

GOLDEN = np.load(Path(__file__).parent / "golden" / "filters.npz")
IMAGE, GRAY, COLOR = GOLDEN["I"], GOLDEN["G"], GOLDEN["C"]
FILTERS = {
    "plain": guided_filter,
    "edge": weighted_guided_filter,
    "edge+variance": lambda *args: weighted_guided_filter(*args, weighting="edge+variance"),
}


def self_guided(image, times, *args):
    for _ in range(times):
        image = weighted_guided_filter(image, image, *args)
    return image


@pytest.mark.parametrize(
    ("key", "radius", "epsilon", "guide"),
    [
        ("gray_n5_e1e3", 2, 1e-3, GRAY),
        ("gray_n9_e1e6", 4, 1e-6, GRAY),
        ("rgb_n5_e1e3", 2, 1e-3, COLOR),
        ("rgb_n9_e1e6", 4, 1e-6, COLOR),
        ("rgb255_n9_e1e6", 4, 1e-6, 255 * COLOR),
        ("rgb255_n9_e1e6", 4, 1e-6 / 255**2, COLOR),
    ],
)
def test_replicate_border_matches_reference(key, radius, epsilon, guide):
    out = guided_filter(IMAGE, guide, radius, epsilon, border="replicate")
    np.testing.assert_allclose(out, GOLDEN[f"imguided_{key}"], rtol=0, atol=1e-8)


@pytest.mark.parametrize(("key", "radius", "epsilon"), [("r2_e1e3", 2, 1e-3), ("r5_e03", 5, 0.3), ("r7_e1e6", 7, 1e-6)])
def test_shrinking_border_matches_reference(key, radius, epsilon):
    out = guided_filter(IMAGE, GRAY, radius, epsilon, border="shrink")
    np.testing.assert_allclose(out, GOLDEN[f"he_shrink_{key}"], rtol=0, atol=1e-9)


def test_shrinking_box_divides_the_reference_sum_by_the_true_count():
    rows, columns = (np.convolve(np.ones(n), np.ones(7), "same") for n in IMAGE.shape)
    expected = GOLDEN["box_r3_sum"] / np.outer(rows, columns)
    np.testing.assert_allclose(box_mean(IMAGE, 3, border="shrink"), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("border", "mode"), [("symmetric", "reflect"), ("replicate", "nearest")])
@pytest.mark.parametrize("shape", [(24, 20), (3, 20), (1, 1)])
def test_box_mean_matches_scipy_beyond_the_border(border, mode, shape):
    image = IMAGE[: shape[0], : shape[1]].copy()
    expected = ndimage.uniform_filter(image, 11, mode=mode)
    np.testing.assert_allclose(box_mean(image, 5, border), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("mode", "name"), [(0, "plain"), (3, "edge"), (6, "edge+variance")])
@pytest.mark.parametrize(("kind", "guide"), [("self", IMAGE), ("cross", GRAY)])
def test_symmetric_border_matches_the_authors_modes(mode, name, kind, guide):
    out = FILTERS[name](IMAGE, guide, 2, 0.05)
    np.testing.assert_allclose(out, GOLDEN[f"wgif_{kind}_m{mode}_p5_e005"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("side", [5, 13])
def test_variance_weights_match_the_authors_on_gray_levels(side):
    out = weighted_guided_filter(255 * IMAGE, 255 * IMAGE, side // 2, 0.05, weighting="edge+variance")
    np.testing.assert_allclose(out, GOLDEN[f"wgif_self_m6_p{side}_e005_x255"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("mode", "weighting", "atol"), [(3, "edge", 1e-9), (6, "edge+variance", 1e-6)])
def test_seven_self_guided_passes_match_the_authors(mode, weighting, atol):
    out = self_guided(IMAGE, 7, 2, 0.005, weighting)
    np.testing.assert_allclose(out, GOLDEN[f"wgif_self_m{mode}_p5_e0005_iter7"], rtol=0, atol=atol)


@pytest.mark.parametrize("guide", [GRAY, COLOR], ids=["gray", "color"])
def test_equals_ridge_regression_in_every_window(guide):
    radius, epsilon = 2, 0.01
    height, width, channels = 7, 8, np.atleast_3d(guide).shape[2]
    image, guide = IMAGE[:height, :width], np.atleast_3d(guide)[:height, :width]
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            window = (slice(max(y - radius, 0), y + radius + 1), slice(max(x - radius, 0), x + radius + 1))
            p, g = image[window].ravel(), guide[window].reshape(-1, channels)
            # Ridge: rows of the data, then sqrt(N epsilon) times the slopes; the offset is free.
            data = np.vstack(
                [np.c_[g, np.ones(len(p))], np.c_[np.sqrt(len(p) * epsilon) * np.eye(channels), np.zeros(channels)]]
            )
            fit = np.linalg.lstsq(data, np.r_[p, np.zeros(channels)], rcond=None)[0]
            total[window] += guide[window] @ fit[:-1] + fit[-1]
            count[window] += 1
    out = guided_filter(image, guide.squeeze(), radius, epsilon, border="shrink")
    np.testing.assert_allclose(out, total / count, rtol=0, atol=1e-12)


def test_gray_photo_stored_as_color_filters_like_the_gray_photo():
    color = np.repeat(GRAY[..., None], 3, axis=2)  # singular covariance: epsilon alone makes it solvable
    out = guided_filter(IMAGE, color, 4, 1e-6 / 255**2)
    np.testing.assert_allclose(out, guided_filter(IMAGE, GRAY, 4, 1e-6 / 255**2 / 3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", FILTERS)
def test_constant_image_stays(name):
    np.testing.assert_allclose(FILTERS[name](np.full_like(IMAGE, 7.0), GRAY, 3, 0.01), 7.0, rtol=1e-12)
    np.testing.assert_allclose(FILTERS[name](IMAGE * 0 + 0.3, IMAGE * 0 + 0.5, 3, 0.01), 0.3, rtol=1e-12)


def test_large_epsilon_is_two_box_means():
    twice = ndimage.uniform_filter(ndimage.uniform_filter(IMAGE, 7, mode="reflect"), 7, mode="reflect")
    np.testing.assert_allclose(guided_filter(IMAGE, GRAY, 3, 1e9), twice, rtol=0, atol=1e-9)


def test_small_epsilon_returns_the_image_that_guides_itself():
    np.testing.assert_allclose(guided_filter(IMAGE, IMAGE, 3, 1e-12), IMAGE, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_linear_in_the_image(name):
    smooth = FILTERS[name]
    expected = 3 * smooth(IMAGE, GRAY, 3, 0.01) - smooth(COLOR[..., 2], GRAY, 3, 0.01)
    np.testing.assert_allclose(smooth(3 * IMAGE - COLOR[..., 2], GRAY, 3, 0.01), expected, rtol=0, atol=1e-10)


def test_weighted_filter_smooths_an_edge_less_and_flat_noise_more():
    rng = np.random.default_rng(0)
    noisy = np.where(np.arange(80) < 40, 0.2, 0.8) + rng.normal(0, 0.02, (80, 80))
    plain, weighted = (FILTERS[name](noisy, noisy, 5, 0.01) for name in ("plain", "edge"))
    assert np.mean(weighted[:, 40] - weighted[:, 39]) > np.mean(plain[:, 40] - plain[:, 39])
    flat = np.s_[15:-15, 15:25]
    assert weighted[flat].std() < plain[flat].std() + 1e-4


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, np.transpose])
def test_filters_turn_with_the_image(name, turn):
    smooth = FILTERS[name]
    out = smooth(turn(IMAGE).copy(), turn(GRAY).copy(), 3, 0.01)
    np.testing.assert_allclose(out, turn(smooth(IMAGE, GRAY, 3, 0.01)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("guide", [GRAY, COLOR.astype(np.float32), (255 * COLOR).astype(np.uint8)])
@pytest.mark.parametrize("border", module.BORDERS)
def test_output_has_the_type_and_shape_of_the_image(dtype, guide, border):
    out = guided_filter(IMAGE.astype(dtype), guide, 3, 0.01, border)
    assert (out.dtype, out.shape) == (dtype, IMAGE.shape)
    exact = guided_filter(IMAGE, guide, 3, 0.01, border)
    np.testing.assert_allclose(out, exact, rtol=0, atol=2e-7 if dtype == np.float32 else 0)


@pytest.mark.parametrize("border", module.BORDERS)
@pytest.mark.parametrize("guide", [GRAY, COLOR], ids=["gray", "color"])
def test_strips_do_not_change_the_result(monkeypatch, border, guide):
    image = IMAGE.astype(np.float32)
    whole = guided_filter(image, guide, 2, 0.01, border)
    monkeypatch.setattr(module, "_STRIP_PIXELS", 1)
    np.testing.assert_allclose(guided_filter(image, guide, 2, 0.01, border), whole, rtol=0, atol=1e-7)


@pytest.mark.parametrize("weighting", module.WEIGHTINGS)
def test_strips_do_not_change_the_weighted_result(monkeypatch, weighting):
    whole = weighted_guided_filter(IMAGE, GRAY, 1, 0.01, weighting)
    monkeypatch.setattr(module, "_STRIP_PIXELS", 1)
    np.testing.assert_allclose(weighted_guided_filter(IMAGE, GRAY, 1, 0.01, weighting), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 7)])
@pytest.mark.parametrize("name", FILTERS)
def test_images_smaller_than_the_window_work(shape, name):
    image = IMAGE[: shape[0], : shape[1]]
    out = FILTERS[name](image, image, 16, 0.005)
    assert out.shape == shape
    assert np.abs(out - image.mean()).max() <= np.abs(image - image.mean()).max() + 1e-12


def with_nan(array):
    array = array.copy()
    array[3, 3] = np.nan
    return array


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGE, GRAY, -1, 0.1), "radius"),
        ((IMAGE, GRAY, 0, 0.1), "radius"),
        ((IMAGE, GRAY, 2.5, 0.1), "radius"),
        ((IMAGE, GRAY, 2, 0.0), "epsilon"),
        ((IMAGE, GRAY, 2, np.nan), "epsilon"),
        ((IMAGE, GRAY[:-1], 2, 0.1), "guide of shape"),
        ((IMAGE, COLOR[..., :2], 2, 0.1), "guide of shape"),
        ((COLOR, COLOR, 2, 0.1), "image"),
        ((IMAGE[:0], GRAY[:0], 2, 0.1), "image"),
        (((255 * IMAGE).astype(np.uint8), GRAY, 2, 0.1), "float32 or float64"),
        ((with_nan(IMAGE), GRAY, 2, 0.1), "finite values in the image"),
        ((IMAGE, with_nan(GRAY), 2, 0.1), "finite values in the guide"),
        ((IMAGE, GRAY, 2, 0.1, "mirror"), "border"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        guided_filter(*arguments)


def test_weighted_filter_refuses_color_guides_and_unknown_weightings():
    with pytest.raises(ValueError, match="gray"):
        weighted_guided_filter(IMAGE, COLOR, 2, 0.1)
    with pytest.raises(ValueError, match="weighting"):
        weighted_guided_filter(IMAGE, GRAY, 2, 0.1, weighting="mode-3")
