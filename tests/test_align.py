"""Alignment finds a known motion between frames that are focused differently."""

import cv2
import numpy as np
import pytest
from skimage import data

from lib import images, photos
from lib.fusion import align

SHAPE = (500, 741)


def moved(image, scale=1.012, degrees=0.4, shift=(6.3, -9.2)):
    """A frame in which the scene is drawn larger, turned and shifted, and the matrix that says so."""
    c, s = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    matrix = np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1]])
    size = image.shape[1::-1]
    frame = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.clip(frame, 0, 1), matrix


def corners(matrix):
    height, width = SHAPE
    x, y, w = matrix @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    return np.stack([x, y]) / w


@pytest.fixture(scope="module")
def scene():
    image = photos.load("motorcycle")
    assert image.shape[:2] == SHAPE
    return image


def defocused(image, sigma, columns):
    out = image.copy()
    out[:, columns] = cv2.GaussianBlur(image, (0, 0), sigma)[:, columns]
    return out


@pytest.mark.parametrize("change", [{}, {"shift": (-40, 25), "scale": 0.98}])
def test_finds_the_motion_between_frames_of_different_focus(scene, change):
    frame, matrix = moved(scene, **change)
    reference = images.to_gray(defocused(scene, 4, slice(370, None)))
    found = align.estimate(reference, images.to_gray(defocused(frame, 4, slice(0, 370))))
    assert np.abs(corners(found) - corners(matrix)).max() < 0.4


def test_a_good_start_is_kept(scene):
    frame, matrix = moved(scene)
    found = align.estimate(images.to_gray(scene), images.to_gray(frame), start=matrix)
    assert np.abs(corners(found) - corners(matrix)).max() < 0.1


def test_the_inputs_are_not_changed(scene):
    gray = images.to_gray(scene)
    before = gray.copy()
    align.estimate(gray, gray)
    np.testing.assert_array_equal(gray, before)


def test_warp_undoes_the_motion(scene):
    smooth = cv2.GaussianBlur(scene, (0, 0), 1.5)
    frame, matrix = moved(smooth)
    back, inside = align.warp(frame, matrix)
    inner = cv2.erode(inside, np.ones((31, 31))) > 0
    assert 0.8 < inner.mean() < 1
    assert np.abs(back - smooth)[inner].max() < 0.02


def test_warp_tells_what_is_beyond_the_frame():
    _, inside = align.warp(np.ones((10, 20), np.float32), np.array([[1, 0, -3], [0, 1, 2], [0, 0, 1.0]]))
    expected = np.zeros((10, 20))
    expected[:8, 3:] = 1
    np.testing.assert_array_equal(inside, expected)


@pytest.mark.parametrize("pictures", [(np.zeros((60, 80)),) * 2, tuple(np.random.default_rng(0).random((2, 200, 300)))])
def test_frames_that_have_nothing_in_common_are_refused(pictures):
    with pytest.raises(ValueError, match="cannot be aligned"):
        align.estimate(*pictures)


def test_frames_that_do_not_fit_are_refused(scene):
    gray = images.to_gray(scene)
    with pytest.raises(ValueError, match="one shape"):
        align.estimate(gray, gray[1:])


@pytest.mark.parametrize("shape", [(60, 5000), (5000, 60), (8, 8), (16, 900), (1, 300), (2, 2), (100, 100)])
def test_equal_frames_of_any_shape_stay_where_they_are(shape):
    frame = cv2.resize(images.to_gray(data.astronaut() / np.float32(255)), shape[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(align.estimate(frame, frame.copy()), np.eye(3))
    if min(shape) < 8:
        with pytest.raises(ValueError, match="8x8 pixels or more"):
            align.estimate(frame, 1 - frame)
    elif min(shape) > 8:
        noisy = frame + np.random.default_rng(0).normal(0, 0.01, shape).astype(np.float32)
        np.testing.assert_allclose(align.estimate(frame, noisy), np.eye(3), atol=0.2)
