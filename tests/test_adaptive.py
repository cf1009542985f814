from dataclasses import replace

import numpy as np
import pytest

from lib import enhancement
from lib.enhancement import FIGURE_10, FIGURE_11, GainCurve, adaptive, gain, unsharp_mask


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def test_parameters_are_the_papers():
    assert (FIGURE_10.alpha1, FIGURE_10.beta1, FIGURE_10.alpha2, FIGURE_10.strength) == (50, 0.1, 25, 1)
    assert GainCurve(alpha1=30, beta1=0.15, alpha2=92, beta2=0.4, strength=2) == FIGURE_11


@pytest.mark.parametrize("curve", [FIGURE_10, FIGURE_11])
def test_gain_is_equations_8_to_10(curve):
    sigma_map = 19 * noise(20, 30).astype(np.float64)
    M = sigma_map / 19
    lambda1 = 1 / (1 + np.exp(-curve.alpha1 * (M - curve.beta1)))
    lambda2 = 1 - 1 / (1 + np.exp(-curve.alpha2 * (M - curve.beta2)))
    out = gain(sigma_map, curve)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, curve.strength * lambda1 * lambda2, atol=1e-5)


@pytest.mark.parametrize("curve", [FIGURE_10, FIGURE_11])
def test_gain_is_half_at_beta(curve):
    np.testing.assert_allclose(gain([[19 * curve.beta1, 19 * curve.beta2]], curve), curve.strength / 2, rtol=1e-3)


@pytest.mark.parametrize("curve", [FIGURE_10, FIGURE_11])
def test_alpha_is_the_speed_at_beta(curve):
    # A sigmoid's slope in the middle is alpha / 4 of its height; the map is in pixels, so divided by 19.
    step = 1e-2
    for beta, alpha, sign in ((curve.beta1, curve.alpha1, 1), (curve.beta2, curve.alpha2, -1)):
        low, high = gain([[19 * beta - step, 19 * beta + step]], curve)[0].astype(np.float64)
        assert (high - low) / (2 * step) == pytest.approx(sign * curve.strength * alpha / 4 / 19, rel=0.01)


def test_gain_stays_finite_beyond_the_maps_range():
    out = gain([[-1e4, -1, 25, 1e4]], FIGURE_11)
    assert np.all((out >= 0) & (out < 0.1))


def test_sharp_and_heavily_blurred_pixels_are_left_alone():
    photo = noise(30, 60, 3)
    sigma_map = np.repeat([[0.0, 5.2, 15.0]], 20, axis=1) * np.ones((30, 1))
    out = adaptive(photo, sigma_map)
    change = np.abs(out - photo).mean(axis=(0, 2))
    assert change[20:40].mean() > 30 * change[:20].mean()
    assert change[40:].max() < 1e-6
    np.testing.assert_array_equal(out, unsharp_mask(photo, gain(sigma_map)))


def test_zero_strength_returns_the_input_bit_for_bit():
    photo = noise(16, 17, 3)
    np.testing.assert_array_equal(adaptive(photo, np.full((16, 17), 5.0), replace(FIGURE_11, strength=0)), photo)


def test_constant_stays_and_result_is_clipped():
    sigma_map = 19 * noise(20, 30)
    np.testing.assert_allclose(adaptive(np.full((20, 30, 3), 0.7, np.float32), sigma_map), 0.7, atol=1e-6)
    out = adaptive(noise(20, 30, 3), np.full((20, 30), 5), replace(FIGURE_11, strength=40))
    assert (out.min(), out.max()) == (0, 1)


def test_bad_input_is_named():
    photo, sigma_map = noise(20, 30), np.ones((20, 30))
    with pytest.raises(ValueError, match=r"\(30, 20\)"):
        adaptive(photo, sigma_map.T)
    with pytest.raises(ValueError, match="NaN"):
        adaptive(photo, sigma_map * np.nan)
    with pytest.raises(ValueError, match="alpha2"):
        replace(FIGURE_11, alpha2=-1)
    with pytest.raises(ValueError, match="strength"):
        replace(FIGURE_11, strength=np.inf)


@pytest.mark.parametrize("method", enhancement.METHODS)
def test_every_method_is_found_by_name(method):
    photo = 0.2 + 0.6 * noise(20, 30, 3)
    out = enhancement.enhance(photo, method, sigma_map=np.full((20, 30), 5.0))
    assert (out.dtype, out.shape) == (np.float32, photo.shape)
    assert out.std() > 1.05 * photo.std()


def test_unknown_method_and_missing_map_are_named():
    with pytest.raises(ValueError, match="'blur'"):
        enhancement.enhance(noise(4, 5), "blur")
    with pytest.raises(ValueError, match="sigma_map"):
        enhancement.enhance(noise(4, 5))
