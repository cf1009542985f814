"""Photographs whose truth is known: the reader, against the files themselves."""

import os

import cv2
import numpy as np
import pytest

from lib import photos, scenes

needs_mirror = pytest.mark.skipif(
    not os.environ.get(photos.MIRROR), reason=f"{photos.MIRROR} names no folder with the photo sets"
)


@needs_mirror
@pytest.mark.parametrize("name", scenes.MIDDLEBURY_2006)
def test_disparity_of_2006_is_a_third_of_what_is_stored(name):
    image, disparity = scenes.middlebury(name)
    stored = cv2.imread(str(photos.file(f"middlebury2006/{name}/disp1.png")), cv2.IMREAD_UNCHANGED)
    known = stored > 0
    np.testing.assert_allclose(3 * disparity[known], stored[known], rtol=1e-6)
    assert disparity.shape == image.shape[:2]
    assert disparity.min() > 0
