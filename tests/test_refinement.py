"""Refinement of the blur map: both variants against compositions of reference parts, and properties."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lib import refinement
from lib.guided_filter import guided_filter
from lib.refinement import guidance, refine, refine_paper, refine_released

GOLDEN = np.load(Path(__file__).parent / "golden" / "filters.npz")
VARIANTS = tuple(refinement.VARIANTS)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def scene(offset=6, size=96):
    """A photo with one edge and light texture, and a map whose step misses the edge by `offset` pixels."""
    texture = 0.02 * noise(size, size, 3)
    photo = np.where(np.arange(size) < size // 2, 0.2, 0.8)[None, :, None].astype(np.float32) + texture
    blur_map = np.where(np.arange(size) < size // 2 + offset, 1.0, 9.0).astype(np.float32)
    return photo, np.tile(blur_map, (size, 1))


def test_guidance_matches_seven_passes_of_the_authors_filter():
    out = guidance(GOLDEN["I"].astype(np.float32), radius=2, epsilon=0.005, iterations=7)
    np.testing.assert_allclose(out, GOLDEN["wgif_self_m3_p5_e0005_iter7"], rtol=0, atol=2e-6)


def test_guidance_without_iterations_is_the_gray_photo():
    photo = noise(12, 14, 3)
    expected = photo @ np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
    np.testing.assert_allclose(guidance(photo, iterations=0), expected, rtol=0, atol=1e-6)


def test_guidance_removes_texture_and_keeps_a_large_edge():
    photo, _ = scene()
    smooth = guidance(photo)
    sides = smooth[:, :40], smooth[:, -40:]
    assert max(side.std() for side in sides) < 0.002
    assert sides[1].mean() - sides[0].mean() > 0.55


def test_paper_is_one_pass_of_the_authors_filter_under_the_smoothed_guide():
    blur_map = GOLDEN["I"].astype(np.float32)
    guide = GOLDEN["G"].astype(np.float32)
    out = refine_paper(blur_map, guide, radius=2, epsilon=0.05, iterations=0)
    expected = np.clip(GOLDEN["wgif_cross_m3_p5_e005"], blur_map.min(), blur_map.max())
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-6)


def test_released_is_a_box_mean_and_two_color_guided_filters_on_gray_levels():
    blur_map, photo = 19 * noise(40, 50), noise(40, 50, 3, seed=1)
    expected = ndimage.uniform_filter(blur_map.astype(np.float64), 45, mode="reflect")
    for _ in range(2):
        expected = guided_filter(expected, 255.0 * photo, 22, 1e-6, border="replicate")
    np.testing.assert_allclose(refine(blur_map, photo, "released"), expected, rtol=0, atol=1e-4)


def test_released_takes_a_gray_photo():
    blur_map, photo = 19 * noise(40, 50), noise(40, 50, seed=1)
    color = np.repeat(photo[..., None], 3, axis=2)
    np.testing.assert_allclose(refine(blur_map, photo, "released"), refine(blur_map, color, "released"), atol=1e-3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_misplaced_step_moves_to_the_edge_of_the_photo(variant):
    photo, blur_map = scene(offset=6)
    middle = 48
    rise = np.diff(refine(blur_map, photo, variant)[10:-10].mean(axis=0))
    assert np.argmax(rise) == middle - 1  # between the last dark and the first bright column
    assert rise[middle - 1] > 3.0


@pytest.mark.parametrize("variant", VARIANTS)
def test_scale_and_offset_of_the_map_pass_through(variant):
    photo, blur_map = scene()
    expected = 2 * refine(blur_map, photo, variant) + 1
    np.testing.assert_allclose(refine(2 * blur_map + 1, photo, variant), expected, rtol=0, atol=1e-4)


def test_released_adds_maps():
    photo, step = scene()
    other = 9 * noise(*step.shape, seed=2)
    expected = refine_released(step, photo) + refine_released(other, photo)
    np.testing.assert_allclose(refine_released(step + other, photo), expected, rtol=0, atol=1e-3)


def test_paper_stays_in_the_range_of_the_map():
    blur_map, photo = np.rint(19 * noise(60, 70)), noise(60, 70, 3, seed=1)
    out = refine_paper(blur_map, photo, radius=4, iterations=1)
    assert blur_map.min() <= out.min()
    assert out.max() <= blur_map.max()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (40, 1), (64, 50)])
def test_constant_map_stays_whatever_the_size(variant, shape):
    out = refine(np.full(shape, 4.5), noise(*shape, 3), variant)
    assert (out.dtype, out.shape) == (np.float32, shape)
    np.testing.assert_allclose(out, 4.5, rtol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_inputs_are_not_changed(variant):
    blur_map, photo = 19 * noise(40, 50), noise(40, 50, 3, seed=1)
    copies = blur_map.copy(), photo.copy()
    refine(blur_map, photo, variant)
    np.testing.assert_array_equal(blur_map, copies[0])
    np.testing.assert_array_equal(photo, copies[1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_bad_input_is_named(variant):
    photo = noise(20, 30, 3)
    blur_map = np.zeros((20, 30), np.float32)
    with pytest.raises(ValueError, match="shape"):
        refine(blur_map.T, photo, variant)
    with pytest.raises(ValueError, match="NaN"):
        refine(np.full_like(blur_map, np.nan), photo, variant)
    with pytest.raises(ValueError, match="image"):
        refine(blur_map, np.full_like(photo, np.nan), variant)


def test_unknown_variant_is_named():
    with pytest.raises(ValueError, match="'text'"):
        refine(np.zeros((4, 4)), np.zeros((4, 4)), "text")
