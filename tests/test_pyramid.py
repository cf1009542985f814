"""The Laplacian pyramid against scikit-image's, and what a fusion by it has to do."""

import cv2
import numpy as np
import pytest
from skimage.transform import pyramid_laplacian

from lib import photos
from lib.fusion import pyramid


def test_bands_hold_what_scikit_image_s_hold():
    gray = photos.load("chelsea")[:256, :256].mean(axis=2)
    ours = pyramid.split(gray, 4)
    theirs = list(pyramid_laplacian(gray, max_layer=3, sigma=1.0, order=1))  # another filter of about that width
    for level, (a, b) in enumerate(zip(ours[:-1], theirs, strict=True)):
        assert np.corrcoef(a[4:-4, 4:-4].ravel(), b[4:-4, 4:-4].ravel())[0, 1] > 0.8, level


@pytest.mark.parametrize("shape", [(1, 300), (4, 4), (37, 50, 3), (128, 64)])
def test_a_pyramid_gives_its_picture_back(shape):
    image = np.random.default_rng(0).random(shape, np.float32)
    bands = pyramid.split(image)
    assert len(bands) <= pyramid.LEVELS + 1
    np.testing.assert_allclose(pyramid.join(bands), image, atol=1e-6)


def test_a_line_of_one_frame_and_the_ground_of_the_other_are_both_there():
    ground = cv2.GaussianBlur(np.random.default_rng(0).random((80, 120), np.float32), (0, 0), 1)
    line = np.zeros((80, 120), np.float32)
    line[39:41] = 1
    sharp = np.where(line > 0, 0, ground)
    near = np.where(line > 0, 0, cv2.GaussianBlur(ground, (0, 0), 4))
    cover = cv2.GaussianBlur(line, (0, 0), 4)
    far = (1 - cover) * ground
    error = np.abs(pyramid.fuse([near, far]) - sharp).mean()
    assert error < 0.5 * min(np.abs(frame - sharp).mean() for frame in (near, far))
