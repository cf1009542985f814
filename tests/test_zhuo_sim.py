"""Zhuo and Sim's estimator against their own program, and steps of known blur."""

from pathlib import Path

import numpy as np
import pytest
from scipy import special

from lib import matting
from lib.estimators import zhuo_sim

GOLDEN = np.load(Path(__file__).parent / "golden" / "zhuo_step.npz")
EDGES = GOLDEN["edge"] > 0


def test_blur_at_edges_is_the_authors():
    found = zhuo_sim.blur_at_edges(GOLDEN["gray"], EDGES, 1.0, 10.0)
    np.testing.assert_allclose(found, GOLDEN["raw"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[20, GOLDEN["edge_cols"].astype(int)], GOLDEN["raw_sigma_row20"], atol=1e-9)


def test_ratio_at_edges_is_the_authors():
    ratio = zhuo_sim.gradient_ratio(GOLDEN["gray"], (1, 1.5), (5, 7))
    np.testing.assert_allclose(ratio[20, GOLDEN["edge_cols"].astype(int)], GOLDEN["ratio_at_edges"], atol=1e-9)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_smoothing_between_edges_of_one_blur_is_the_authors(variant):
    found = zhuo_sim.smooth_at_edges(GOLDEN["raw"], GOLDEN["rgb"], 1.0, variant)
    np.testing.assert_allclose(found, GOLDEN["sparse_bilateral"], rtol=0, atol=1e-6)


def test_full_map_is_the_authors():
    sparse = GOLDEN["sparse_bilateral"]
    found = matting.interpolate(sparse, sparse > 0, GOLDEN["rgb"], 0.001, zhuo_sim.EPSILON)
    np.testing.assert_allclose(found, GOLDEN["full_lambda0001_maxblur10"], rtol=0, atol=1e-6)


def test_smoothing_by_its_definition():
    rng = np.random.default_rng(0)
    image = rng.random((9, 12, 3))
    sparse = np.where(rng.random((9, 12)) > 0.6, rng.uniform(1, 4, (9, 12)), 0)
    row, column = np.nonzero(sparse)
    distance = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    near = (np.abs(row[:, None] - row) <= 10) & (np.abs(column[:, None] - column) <= 10)
    colors, value = image[row, column], sparse[row, column]
    for variant in ("paper", "released"):
        center = colors if variant == "paper" else colors[:, :1]
        difference = ((colors[None] - center[:, None]) ** 2).sum(axis=2)
        weight = near * np.exp(-distance / 50 - difference / (2 * 0.3**2))
        if variant == "released":
            weight = weight * np.exp(-value)
        found = zhuo_sim.smooth_at_edges(sparse, image, 0.3, variant)
        np.testing.assert_allclose(found[row, column], weight @ value / weight.sum(axis=1), rtol=1e-10)
        assert not found[sparse == 0].any()


@pytest.mark.parametrize("sigma", [0.8, 2.0, 4.0])
def test_a_step_has_the_blur_that_it_was_given(sigma):
    step = 0.5 + 0.3 * special.erf((np.arange(100) - 50) / (np.sqrt(2) * sigma))
    step = np.tile(step, (60, 1)).astype(np.float32)
    found = zhuo_sim.estimate(step)
    np.testing.assert_allclose(found[20:40, 45:55], sigma, rtol=0.05)


def test_edges_are_where_the_gradient_is_largest():
    step = np.tile(np.float64(np.arange(60) >= 30), (40, 1))
    edges = zhuo_sim.find_edges(step, 1.0, 0.1)
    assert edges[:, 29:31].any(axis=1)[2:-2].all()
    assert not edges[:, :28].any()
    assert not edges[:, 32:].any()


def test_a_picture_without_edges_is_zero():
    assert not zhuo_sim.estimate(np.full((40, 50, 3), 0.4, np.float32)).any()


def test_unknown_variant_is_named():
    with pytest.raises(ValueError, match="'text'"):
        zhuo_sim.estimate(np.zeros((40, 40), np.float32), variant="text")
