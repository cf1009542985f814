"""Arrays that are images: what is refused, gray, 8 bit."""

import cv2
import numpy as np
import pytest
from skimage.util import img_as_ubyte

from lib import images


@pytest.mark.parametrize(
    ("image", "part"),
    [
        (np.zeros(5), "shape"),
        (np.zeros((5, 5, 4)), "shape"),
        (np.zeros((0, 5)), "shape"),
        (np.zeros((5, 5), np.uint8), "divide 8 bit values by 255"),
        (np.array([[0, np.nan]]), "NaN"),
        (np.array([[0, np.inf]]), "infinity"),
        (np.array([[0, 1.5]]), "from 0 to 1.5"),
        (np.array([[-0.5, 1]]), "from -0.5 to 1"),
    ],
)
def test_check_image_names_the_trouble(image, part):
    with pytest.raises(ValueError, match=part) as error:
        images.check_image(image, "guide")
    assert "guide" in str(error.value)
    assert "\n" not in str(error.value)


def test_check_image_gives_float32():
    assert images.check_image(np.random.default_rng(0).random((3, 4, 3))).dtype == np.float32


def test_to_gray_is_rec_601_luma():
    rgb = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.float32) / 255
    np.testing.assert_allclose(images.to_gray(rgb), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), atol=1e-4)
    assert images.to_gray(np.ones((9, 9, 3))).max() <= 1
    gray = rgb[..., 0]
    np.testing.assert_array_equal(images.to_gray(gray), gray)


def test_to_uint8_rounds_and_clips():
    picture = np.random.default_rng(0).random((30, 40))
    np.testing.assert_array_equal(images.to_uint8(picture), img_as_ubyte(picture))
    np.testing.assert_array_equal(images.to_uint8(np.array([[-1, 2.0]])), [[0, 255]])
