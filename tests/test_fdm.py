"""FDM: its propagation against the authors' program, and steps of known blur."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from lib.estimators import fdm

GOLDEN = np.load(Path(__file__).parent / "golden" / "fdm_spp.npz")
LABELS = GOLDEN["labels"].astype(int) - 1


def step(sigma):
    image = np.zeros((60, 80), np.float32)
    image[:, 40:] = 1
    return cv2.GaussianBlur(image, (0, 0), sigma)


def test_propagation_is_the_authors():
    bonds = fdm.superpixel_bonds(GOLDEN["ycbcr"], LABELS)
    values = fdm.propagate(*fdm.superpixel_values(GOLDEN["sparse"], LABELS), bonds)
    unit = (values - values.min()) / np.ptp(values)
    np.testing.assert_allclose(unit[LABELS], GOLDEN["map"], rtol=0, atol=1e-5)


def test_colors_are_those_of_the_authors():
    np.testing.assert_allclose(rgb2ycbcr(GOLDEN["rgb"]), GOLDEN["ycbcr"], atol=1e-9)


def test_superpixels_with_few_edges_have_no_value():
    values, known = fdm.superpixel_values(GOLDEN["sparse"], LABELS)
    for label in range(LABELS.max() + 1):
        inside = GOLDEN["sparse"][label == LABELS]
        inside = inside[inside > 1e-4]
        assert known[label] == (len(inside) >= 10)
        if known[label]:
            assert values[label] == np.median(inside)


# A Gaussian of 0.75 pixels is sampled coarsely: small sigmas are read a little too large.
@pytest.mark.parametrize(("sigma", "tolerance"), [(1.0, 0.15), (2.0, 0.05), (3.0, 0.05)])
def test_a_step_has_the_blur_that_it_was_given(sigma, tolerance):
    edge = fdm.blur_at_edges(step(sigma).astype(np.float64), 0.75)[20:40]
    np.testing.assert_allclose(edge[edge > 0], sigma, rtol=tolerance)


def test_the_released_formula_reads_a_third_too_much():
    edge = fdm.blur_at_edges(step(3).astype(np.float64), 0.75, "released")[20:40]
    np.testing.assert_allclose(edge[edge > 0], 1.342 * np.hypot(3, 0.75), rtol=0.05)


def test_bonds_hold_where_colors_are_alike():
    colors = np.zeros((4, 12, 3))
    colors[:, 8:] = 200
    labels = np.repeat([[0, 1, 2]], 4, axis=0).repeat(4, axis=1)
    bonds = fdm.superpixel_bonds(colors, labels)
    assert bonds[0, 1] > 1e10 * bonds[1, 2] > 0 == bonds[0, 2]


def test_propagation_by_its_definition():
    rng = np.random.default_rng(0)
    bonds = rng.random((6, 6))
    bonds = np.triu(bonds, 1) + np.triu(bonds, 1).T
    values, known = rng.random(6), np.array([True, False, True, True, False, True])
    weights = np.linalg.inv(np.diag(bonds.sum(axis=1)) - (1 - 1e-4) * bonds)[:, known]
    expected = weights @ values[known] / weights.sum(axis=1)
    np.testing.assert_allclose(fdm.propagate(values * known, known, bonds), expected, rtol=1e-9)


def test_nothing_known_is_zero():
    assert not fdm.propagate(np.zeros(3), np.zeros(3, bool), np.ones((3, 3))).any()


def test_unknown_formula_is_named():
    with pytest.raises(ValueError, match="'right'"):
        fdm.estimate(np.zeros((40, 40), np.float32), formula="right")
