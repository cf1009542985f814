import numpy as np
import pytest

from lib import images, paths, photos
from lib.enhancement import gum
from lib.enhancement.clahe import clahe
from lib.enhancement.gum import GUARD, add, detail_gain, enhance_contrast, recombine, scale, subtract

GOLDEN = np.load(paths.ROOT / "tests/golden/gum_ops.npz")
X, Y = GOLDEN["x"], GOLDEN["y"]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize(
    ("result", "name"),
    [(add(X, Y), "add"), (subtract(X, Y), "sub"), (scale(0.5, X), "scale05"), (scale(3, X), "scale3")],
)
def test_operations_match_the_golden_arrays(result, name):
    np.testing.assert_allclose(result, GOLDEN[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize("strength", [3, 5, 7])
def test_gain_and_recombination_match_the_golden_arrays(strength):
    np.testing.assert_allclose(detail_gain(subtract(X, Y), strength), GOLDEN[f"gamma_max{strength}"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(recombine(X, Y, Y, strength), GOLDEN[f"v_noCE_max{strength}"], rtol=0, atol=1e-9)


def test_log_ratio_system_is_a_vector_space():
    np.testing.assert_allclose(subtract(add(X, Y), Y), X, atol=1e-12)
    np.testing.assert_allclose(scale(2, X), add(X, X), atol=1e-12)
    np.testing.assert_allclose(add(X, 0.5), X, atol=1e-12)


def test_gain_falls_from_its_maximum_to_one():
    np.testing.assert_allclose(detail_gain(np.array([0.0, 0.5, 1.0]), 7), [1, 7, 1], atol=1e-12)


def test_gain_of_one_without_contrast_changes_nothing():
    photo = photos.load("coffee")[100:160, 200:280]
    np.testing.assert_allclose(gum(photo, 1, contrast=0), photo, atol=2e-6)


def test_zero_strength_returns_the_input_bit_for_bit():
    photo = noise(16, 17, 3)
    np.testing.assert_array_equal(gum(photo, 0, contrast=0.01), photo)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40, 3), (150, 130)])
@pytest.mark.parametrize("value", [0, 0.001, 0.3, 1])
def test_constant_stays_black_and_white_too(shape, value):
    out = gum(np.full(shape, value, np.float32))
    assert (out.dtype, out.shape) == (np.float32, shape)
    np.testing.assert_allclose(out, value, atol=1e-6)


def test_result_is_clipped_and_input_left_alone():
    photo = noise(70, 90, 3)
    copy = photo.copy()
    out = gum(photo, 50)
    assert 0 <= out.min() < 1e-3
    assert 1 - 1e-3 < out.max() <= 1
    np.testing.assert_array_equal(photo, copy)


def test_guard_is_half_a_level():
    assert images.to_uint8(np.array([GUARD * 0.99, GUARD * 1.01])).tolist() == [0, 1]


def test_contrast_keeps_the_precision_of_16_bit():
    ramp = np.tile(np.linspace(0.2, 0.8, 4096, dtype=np.float32), (128, 1))
    out = enhance_contrast(ramp, 5e-4)
    assert len(np.unique(out[64])) > 4000


def test_contrast_is_that_of_clahe():
    dim = (0.4 + 0.1 * noise(150, 200)).astype(np.float32)
    np.testing.assert_array_equal(enhance_contrast(dim, 0.01), clahe(dim, 0.01, (2, 3)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strength": 0.5}, "blur"),
        ({"strength": -1}, "strength"),
        ({"contrast": 2}, "contrast"),
        ({"contrast": np.nan}, "contrast"),
        ({"color": "red"}, "'red'"),
        ({"image": np.full((5, 5), 255.0)}, "scale"),
    ],
)
def test_bad_input_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        gum(**{"image": noise(5, 5, 3)} | parameters)
