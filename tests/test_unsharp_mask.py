import numpy as np
import pytest
from scipy import ndimage
from skimage import color as skcolor

from lib import images, photos
from lib.enhancement import unsharp_mask
from lib.enhancement.planes import replace_luma


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def test_gray_is_equation_7():
    plane = 0.4 + 0.2 * noise(40, 50)  # away from 0 and 1, so that nothing is clipped
    blurred = ndimage.gaussian_filter(plane.astype(np.float64), 1.5, truncate=4.0, mode="reflect")
    np.testing.assert_allclose(unsharp_mask(plane, 0.7, 1.5), plane + 0.7 * (plane - blurred), atol=1e-6)


def test_channels_are_sharpened_each_for_itself():
    photo = noise(20, 30, 3)
    out = unsharp_mask(photo, 1.0, color="channels")
    for channel in range(3):
        np.testing.assert_array_equal(out[..., channel], unsharp_mask(photo[..., channel], 1.0))


def test_luminance_gets_what_the_gray_photo_gets():
    photo = photos.load("coffee")[100:200, 200:320]
    expected = unsharp_mask(images.to_gray(photo), 3.0)
    np.testing.assert_allclose(images.to_gray(unsharp_mask(photo, 3.0)), expected, atol=2e-6)


def hue_shift(photo, other):
    """Largest turn of the hue, as a share of the circle, among colors that are clear enough to have one."""
    before, after = skcolor.rgb2hsv(photo.astype(np.float64)), skcolor.rgb2hsv(other.astype(np.float64))
    clear = np.minimum(np.ptp(photo, axis=2), np.ptp(other, axis=2)) > 0.02
    turn = np.abs(before[..., 0] - after[..., 0])[clear]
    return np.minimum(turn, 1 - turn).max()


def test_hues_stay_even_where_channels_are_clipped():
    photo = photos.load("coffee")[::2, ::2]
    assert hue_shift(photo, unsharp_mask(photo, 5.0)) < 1e-4
    assert hue_shift(photo, unsharp_mask(photo, 5.0, color="channels")) > 0.1  # the measure sees a shift


def test_strength_may_differ_from_pixel_to_pixel():
    photo = noise(30, 40, 3)
    strength = np.zeros((30, 40), np.float32)
    strength[:, 20:] = 1.5
    out = unsharp_mask(photo, strength)
    np.testing.assert_array_equal(out[:, :20], photo[:, :20])
    np.testing.assert_array_equal(out[:, 20:], unsharp_mask(photo, 1.5)[:, 20:])


@pytest.mark.parametrize("parameters", [{"strength": 0}, {"strength": np.zeros((16, 17))}, {"sigma": 0}])
@pytest.mark.parametrize("color", ["luminance", "channels"])
def test_zero_returns_a_copy_bit_for_bit(parameters, color):
    photo = noise(16, 17, 3)
    out = unsharp_mask(photo, color=color, **parameters)
    np.testing.assert_array_equal(out, photo)
    assert not np.shares_memory(out, photo)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (3, 40), (25, 2, 3)])
def test_constant_stays_whatever_the_size(shape):
    out = unsharp_mask(np.full(shape, 0.3, np.float32), 2.0)
    assert (out.shape, out.dtype) == (shape, np.float32)
    np.testing.assert_allclose(out, 0.3, atol=1e-6)


def test_result_is_clipped_and_input_left_alone():
    photo = noise(30, 40, 3)
    copy = photo.copy()
    out = unsharp_mask(photo, 50.0)
    assert (out.min(), out.max()) == (0, 1)
    np.testing.assert_array_equal(photo, copy)
    # Never wrapped: what clipping turned white was bright, what it turned black was dark.
    luma, sharpened = images.to_gray(photo), images.to_gray(out)
    assert luma[sharpened > 0.999].min() > luma[sharpened < 0.001].min()
    assert luma[sharpened > 0.999].mean() > 0.5 > luma[sharpened < 0.001].mean()


def test_replaced_luma_is_exact_where_no_channel_fits():
    colors = noise(50, 60, 3)
    wanted = noise(50, 60, seed=1)
    out = replace_luma(colors, images.to_gray(colors), wanted)
    np.testing.assert_allclose(images.to_gray(out), wanted, atol=1e-6)
    assert (out.min(), out.max()) == (0, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strength": -1}, "strength"),
        ({"strength": np.nan}, "strength"),
        ({"strength": np.zeros((3, 4))}, r"\(3, 4\)"),
        ({"sigma": -1}, "sigma"),
        ({"sigma": np.inf}, "sigma"),
        ({"color": "red"}, "'red'"),
        ({"image": np.full((5, 5), 255.0)}, "scale"),
    ],
)
def test_bad_input_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        unsharp_mask(**{"image": noise(5, 5, 3)} | parameters)
