import numpy as np
import pytest
from skimage import color as skcolor

from lib import optics, paths, photos
from lib.enhancement import cas
from lib.enhancement.cas import filter_plane, neighbor_weight

GOLDEN = np.load(paths.ROOT / "tests/golden/cas.npz")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def sharpened(plane, diagonals=True, weight_of=None):
    plane = np.ascontiguousarray(plane)
    weight = neighbor_weight(plane if weight_of is None else np.ascontiguousarray(weight_of), 0.125, diagonals)
    return np.clip(filter_plane(plane, weight), 0, 1)


@pytest.mark.parametrize(("diagonals", "name"), [(True, "cas_gray_diag_m0125"), (False, "cas_gray_nodiag_m0125")])
def test_gray_matches_the_formula(diagonals, name):
    np.testing.assert_allclose(sharpened(GOLDEN["I"], diagonals), GOLDEN[name], rtol=0, atol=1e-9)
    np.testing.assert_allclose(cas(GOLDEN["I"], diagonals=diagonals), GOLDEN[name], atol=1e-6)


def test_channels_and_green_match_the_formula():
    red, green, blue = np.moveaxis(GOLDEN["C"], 2, 0)
    each = np.dstack([sharpened(plane) for plane in (red, green, blue)])
    by_green = np.dstack([sharpened(plane, weight_of=green) for plane in (red, green, blue)])
    np.testing.assert_allclose(each, GOLDEN["cas_rgb_perchannel_diag_m0125"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(by_green, GOLDEN["cas_rgb_greenweight_diag_m0125"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(cas(GOLDEN["C"], color="channels"), each, atol=1e-6)
    np.testing.assert_allclose(cas(GOLDEN["C"], color="green"), by_green, atol=1e-6)


def test_8_bit_agrees_with_ffmpeg():
    out = 255 * cas(GOLDEN["I_u8"] / np.float32(255))
    assert np.abs(np.rint(out) - GOLDEN["ffmpeg_u8_peak_m0125"]).max() <= 1
    # ffmpeg cuts decimals off, which the unrounded result shows.
    assert np.abs(np.floor(out + 0.01) - GOLDEN["ffmpeg_u8_peak_m0125"]).mean() < 0.02


def test_papers_lambda_is_the_low_end_of_the_slider():
    # AMD interpolates 8 to 5 by the slider s and takes the reciprocal.
    assert [1 / (8 - 3 * s) for s in (0, 1)] == [0.125, 0.2]


def test_linear_light_is_sharpened_between_the_two_curves():
    photo = photos.load("coffee")[100:160, 200:280]
    expected = optics.to_srgb(cas(optics.to_light(photo), 0.2))
    np.testing.assert_array_equal(cas(photo, 0.2, linear=True), np.clip(expected, 0, 1))
    assert np.abs(cas(photo, 0.2, linear=True) - cas(photo, 0.2)).max() > 0.02


def test_luminance_keeps_the_hue():
    photo = photos.load("coffee")[::2, ::2]
    out = cas(photo, 0.2)
    before, after = (skcolor.rgb2hsv(each.astype(np.float64))[..., 0] for each in (photo, out))
    clear = np.minimum(np.ptp(photo, axis=2), np.ptp(out, axis=2)) > 0.02
    turn = np.abs(before - after)[clear]
    assert np.minimum(turn, 1 - turn).max() < 1e-4


def test_no_weight_beside_black_or_white():
    plane = np.full((5, 9), 0.5)
    plane[:, 2], plane[:, 6] = 0, 1
    weight = neighbor_weight(plane, 0.125, diagonals=False)
    np.testing.assert_array_equal(weight[2], [-0.125, 0, 0, 0, -0.125, 0, 0, 0, -0.125])


@pytest.mark.parametrize("color", ["luminance", "channels", "green"])
@pytest.mark.parametrize("linear", [False, True])
def test_zero_identity_constants_and_clipping(color, linear):
    photo = noise(16, 17, 3)
    copy = photo.copy()
    np.testing.assert_array_equal(cas(photo, 0, color, linear=linear), photo)
    for value in (0, 0.3, 1):
        flat = np.full((3, 4, 3), value, np.float32)
        np.testing.assert_allclose(cas(flat, 0.2, color, linear=linear), value, atol=1e-6)
    out = cas(photo, 0.2, color, linear=linear)
    assert (out.dtype, out.shape) == (np.float32, photo.shape)
    assert 0 <= out.min() < out.max() <= 1
    np.testing.assert_array_equal(photo, copy)


def test_gray_photo_has_no_green():
    photo = noise(16, 17)
    np.testing.assert_array_equal(cas(photo, color="green"), cas(photo))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strength": 0.25}, "0.25"),
        ({"strength": -0.125}, "strength"),
        ({"color": "red"}, "'red'"),
        ({"image": np.full((5, 5), 255.0)}, "scale"),
    ],
)
def test_bad_input_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        cas(**{"image": noise(5, 5, 3)} | parameters)
