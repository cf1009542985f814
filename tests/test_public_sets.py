"""Photos of public sets with their truth: against the files themselves and against what they must show."""

import os

import cv2
import numpy as np
import pytest

from lib import images, optics, photos
from lib.studies import public_sets

needs_mirror = pytest.mark.skipif(
    not os.environ.get(photos.MIRROR), reason=f"{photos.MIRROR} names no folder with the photo sets"
)


def warp_error(left, right, disparity):
    """Median difference between the left view and the right view moved by the disparity."""
    rows, columns = np.indices(disparity.shape, np.float32)
    moved = cv2.remap(right, columns - disparity, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.median(np.abs(moved - left).mean(axis=-1))


@needs_mirror
@pytest.mark.parametrize("scene", ["Art", "Books", "Cones", "Dolls", "Laundry", "Moebius", "Reindeer", "Teddy"])
def test_middlebury_disparity_is_in_pixels_of_the_picture(scene):
    left, disparity = public_sets.middlebury(scene)
    other = "im6" if scene in ("Cones", "Teddy") else "view5"
    right = images.read(photos.file(f"middlebury_third/{scene}/{other}.png"))
    error = warp_error(left, right, disparity)
    assert error < 0.03
    assert warp_error(left, right, disparity * 1.1) > 1.5 * error
    assert warp_error(left, right, disparity / 1.1) > 1.5 * error
    assert np.isfinite(disparity).all()
    assert disparity.min() > 0


def test_unknown_middlebury_scene_is_named():
    with pytest.raises(ValueError, match=r"'Fish'.*Teddy"):
        public_sets.middlebury("Fish")


@needs_mirror
@pytest.mark.parametrize("name", public_sets.MIDDLEBURY_2006)
def test_disparity_of_2006_is_a_third_of_what_is_stored(name):
    image, disparity = public_sets.middlebury(name)
    stored = cv2.imread(str(photos.file(f"middlebury2006/{name}/disp1.png")), cv2.IMREAD_UNCHANGED)
    known = stored > 0
    np.testing.assert_allclose(3 * disparity[known], stored[known], rtol=1e-6)
    assert disparity.shape == image.shape[:2]
    assert disparity.min() > 0


@needs_mirror
@pytest.mark.parametrize("number", [1, 17, public_sets.NYU_PAIRS])
def test_each_pixel_of_a_pair_is_in_focus_in_one_frame(number):
    frames, truth = public_sets.nyu_pair(number)
    nearest = np.min([np.abs(frame - truth).max(axis=-1) for frame in frames], axis=0)
    assert np.median(nearest) < 0.02  # JPEG
    for frame in frames:
        assert frame.shape == truth.shape
        assert np.mean(np.abs(frame - truth).max(axis=-1) > 0.05) > 0.002  # and out of focus somewhere


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"pair 31 of nyu_pairs; choose 1 to 30"):
        public_sets.nyu_pair(31)
    with pytest.raises(ValueError, match=r"001, 005.*'002' and 'moment'"):
        public_sets.pixel4("002")
    with pytest.raises(ValueError, match=r"'001' and 'radius'"):
        public_sets.pixel4("001", by="radius")


@needs_mirror
def test_pixel4_is_a_photo_of_8_bit_with_its_map():
    scene = public_sets.pixel4("001")
    levels = 255 * scene.photo
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    stored = cv2.imread(str(photos.file("pixel4/maps/001_gt.png")), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(scene.known, stored > 0)
    np.testing.assert_allclose(scene.sigma, stored * 8.07 / 255, rtol=1e-5)
    np.testing.assert_allclose(public_sets.pixel4("001", by="fit").sigma, stored * 9.28 / 255, rtol=1e-5)
    assert all(each.shape == (1008, 1344) and each.dtype == np.float32 for each in scene if each.dtype != bool)


@needs_mirror
def test_gaussians_blur_as_much_as_the_map_by_fit_says():
    """The picture in focus, blurred by Gaussians until it looks like the photo, window by window."""
    scene = public_sets.pixel4("001", by="fit")
    tried = np.arange(1, 12, 0.5)
    sharp, photo = (optics.to_light(each) for each in (scene.all_in_focus, scene.photo))
    blurred = [cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in tried]
    found = []
    for y in range(60, 940, 128):
        for x in range(60, 1270, 64):
            inner, outer = np.s_[y - 32 : y + 32, x - 32 : x + 32], np.s_[y - 38 : y + 38, x - 38 : x + 38]
            if scene.known[outer].all() and np.ptp(scene.sigma[outer]) < 0.6 and photo[inner].std() > 0.02:
                likeness = [
                    cv2.matchTemplate(each[outer], photo[inner], cv2.TM_CCOEFF_NORMED).max() for each in blurred
                ]
                found.append((scene.sigma[y, x], tried[np.argmax(likeness)]))
    stated, fitted = np.transpose(found)
    assert len(found) > 40
    assert np.median(fitted / stated) == pytest.approx(1, abs=0.05)
    assert np.mean(np.abs(fitted - stated)) < 0.7


@needs_mirror
def test_halves_are_balanced():
    """Right at the border the two halves differ by a third; together they are as bright as the picture in focus."""
    scene = public_sets.pixel4("013")
    photo, sharp = (cv2.blur(optics.to_light(each), (151, 151)) for each in (scene.photo, scene.all_in_focus))
    ratio = (photo / sharp)[75:-75:50, 75:-75:50]
    assert np.abs(np.log(ratio / np.median(ratio))).mean() < 0.05
    assert images.to_uint8(scene.photo).max() == 255
