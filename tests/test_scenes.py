"""Photographs whose truth is known: the motorcycle and its depth."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from lib import scenes


def test_motorcycle_depth_is_metric():
    image, depth = scenes.motorcycle()
    disparity = data.stereo_motorcycle()[2]
    known = np.isfinite(disparity)
    assert image.shape == (*depth.shape, 3)
    assert depth.dtype == np.float32
    # As calib.txt has it for the full size: four times the disparity, focal length and offset.
    expected = 193.001 * 3979.911 / (4 * disparity[known] + 124.343) / 1000
    np.testing.assert_allclose(depth[known], expected, rtol=1e-4)
    assert np.isfinite(depth).all()
    assert depth.min() > 2
    assert depth.max() < 5.1


def test_fill_disparity_takes_the_farther_side():
    n = np.nan
    filled = scenes.fill_disparity(np.array([[n, 7, n, n, 3, 0], [n, n, np.inf, 0, n, n], [n, n, n, 9, n, -1]]))
    np.testing.assert_array_equal(filled, [[7, 7, 3, 3, 3, 3], [7, 7, 3, 3, 3, 3], [9, 9, 9, 9, 9, 9]])


def test_fill_disparity_keeps_what_is_known_and_adds_no_values():
    disparity = data.stereo_motorcycle()[2]
    known = np.isfinite(disparity)
    filled = scenes.fill_disparity(disparity)
    np.testing.assert_array_equal(filled[known], disparity[known])
    assert np.isin(filled, disparity[known]).all()
    # Never nearer than the nearest known pixel of the same row.
    for row in (0, 250, 499):
        nearest = ndimage.distance_transform_edt(~known[row], return_distances=False, return_indices=True)[0]
        assert (filled[row] <= disparity[row][nearest]).mean() > 0.99


def test_fill_disparity_refuses_holes_only():
    with pytest.raises(ValueError, match="holes only"):
        scenes.fill_disparity(np.zeros((3, 3)))
