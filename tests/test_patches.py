import json

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from lib import dataset, patches
from lib.studies import profiles


def photo(height=100, width=140, seed=0, contrast=60):
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(128, contrast, (height, width)), 0, 255).astype(np.uint8)


def three_photos():
    flat = np.full((64, 64), 90, np.uint8)
    yield from (("noise", photo(seed=1)), ("flat", flat), ("half", np.hstack([photo(64, 64, 2), flat])))


def test_cut_tiles_the_picture_and_drops_the_rest():
    gray = photo(70, 101)
    cutout, corners = patches.cut(gray)
    assert cutout.shape == (2 * 3, 32, 32)
    for patch, (row, column) in zip(cutout, corners, strict=True):
        np.testing.assert_array_equal(patch, gray[row : row + 32, column : column + 32])


def test_sharpness_is_equation_5():
    patch = data.camera()[200:232, 200:232]
    smooth = np.round(ndimage.convolve(patch.astype(float), np.outer([1, 2, 1], [1, 2, 1]) / 16, mode="mirror"))
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    expected = ndimage.convolve(smooth, kernel, mode="mirror").var()
    # OpenCV's 3x3 Gaussian of "sigma 0" is the binomial [1 2 1] / 4; rounding of ties may differ.
    assert patches.sharpness(patch[None])[0] == pytest.approx(expected, rel=0.02)


def test_sharpness_falls_when_a_patch_is_blurred():
    patch = data.camera()[200:232, 200:232]
    blurred = [cv2.GaussianBlur(patch, (0, 0), sigma) for sigma in (0.5, 1, 2, 4)]
    scores = patches.sharpness(np.stack([patch, *blurred]))
    assert (np.diff(scores) < 0).all()


def test_sharpness_refuses_another_gray_scale():
    with pytest.raises(ValueError, match="uint8"):
        patches.sharpness(np.zeros((1, 32, 32), np.float32))


def test_flat_photo_has_no_sharp_patch():
    assert len(patches.sharp_corners(np.full((64, 96), 128, np.uint8))) == 0


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("sigma", [1, 4, 19])
def test_truncated_kernel_has_2_sigma_plus_1_taps(sigma, bits):
    gray = np.zeros((32, 32), np.uint8)
    gray[15, 15] = 255
    levels = patches.blur_levels(gray, np.array([[0, 0]]), patches.Reading("2sigma+1", "patch", bits))
    # cv2's kernel of that size is an independent maker of the same taps.
    tap = cv2.getGaussianKernel(2 * sigma + 1, sigma)
    point = np.zeros((32, 32))
    point[15, 15] = 1
    expected = cv2.sepFilter2D(point, -1, tap, tap, borderType=cv2.BORDER_REFLECT)
    step = 1 / np.iinfo(levels.dtype).max
    np.testing.assert_allclose(dataset.as_float(levels[0, sigma]), expected, atol=0.51 * step)


def test_level_0_is_the_patch_itself():
    gray = photo()
    corners = np.array([[0, 32], [32, 64]])
    for reading in (patches.Reading("full", "image", 8), patches.Reading("2sigma+1", "patch", 16)):
        levels = patches.blur_levels(gray, corners, reading)
        np.testing.assert_allclose(dataset.as_float(levels[1, 0]), gray[32:64, 64:96] / np.float32(255), atol=1e-6)


def test_image_context_blurs_across_the_patch_border():
    gray = photo(128, 128)
    corner = np.array([[32, 32]])
    levels = patches.blur_levels(gray, corner, patches.Reading("full", "image", 16))
    expected = ndimage.gaussian_filter(gray / 255, 5, mode="reflect", truncate=3)[32:64, 32:64]
    np.testing.assert_allclose(dataset.as_float(levels[0, 5]), expected, atol=2e-4)
    alone = patches.blur_levels(gray, corner, patches.Reading("full", "patch", 16))
    assert abs(dataset.as_float(alone[0, 5]) - expected).max() > 0.01


@pytest.mark.parametrize("wrong", [{"support": "3sigma"}, {"context": "pixel"}, {"bits": 12}])
def test_unknown_reading_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        patches.Reading(**wrong)


def test_photos_are_split_whole_and_by_share():
    counts = np.random.default_rng(0).integers(0, 40, 400)
    sets = dataset.split_by_photo(counts, (0.7, 0.2, 0.1), seed=3)
    shares = np.bincount(sets, weights=counts) / counts.sum()
    np.testing.assert_allclose(shares, (0.7, 0.2, 0.1), atol=0.02)
    assert (sets != dataset.split_by_photo(counts, (0.7, 0.2, 0.1), seed=4)).any()


def test_no_set_with_a_share_is_left_empty():
    for seed in range(20):
        sets = dataset.split_by_photo([40, 0, 35, 50, 60, 45], (0.85, 0.05, 0.10), seed)
        assert set(sets[[0, 2, 3, 4, 5]]) == {0, 1, 2}  # the photo without a patch does not count


def test_patches_are_split_by_share():
    sets = dataset.split_by_patch([30, 70], (0.5, 0.25, 0.25), seed=0)
    np.testing.assert_array_equal(np.bincount(sets), (50, 25, 25))


@pytest.mark.parametrize("split", ["photo", "patch"])
def test_data_set_holds_every_sharp_patch_once(tmp_path, split):
    reading = patches.Reading("full", "patch", 8)
    described = dataset.build(three_photos, tmp_path / "set", reading, (0.4, 0.3, 0.3), split)
    assert described == json.loads((tmp_path / "set" / "dataset.json").read_text())
    sets = [dataset.load(tmp_path / "set", name) for name in dataset.SPLITS]
    stored = np.concatenate([s[:, 0] for s in sets])
    mined = np.concatenate([patches.cut(gray)[0] for _, gray in three_photos()])
    mined = mined[patches.sharpness(mined) > 1000]
    assert len(stored) == len(mined) == sum(described["patches"].values())
    assert {p.tobytes() for p in stored} == {p.tobytes() for p in mined}


def test_data_set_without_sharp_patches_is_refused(tmp_path):
    with pytest.raises(ValueError, match="None of the 1 photos"):
        dataset.build(
            lambda: iter([("flat", np.zeros((64, 64), np.uint8))]), tmp_path / "set", patches.Reading(), (1, 0, 0)
        )
    assert not (tmp_path / "set").exists()


def test_existing_data_set_is_not_overwritten(tmp_path):
    with pytest.raises(FileExistsError, match="remove it"):
        dataset.build(three_photos, tmp_path, patches.Reading(), (1, 0, 0))


def test_photos_are_read_one_at_a_time(tmp_path):
    alive = []

    def photos():
        for name, gray in three_photos():
            alive.append(name)
            yield name, gray
            alive.remove(name)

    dataset.build(photos, tmp_path / "set", patches.Reading(), (0.5, 0.25, 0.25))
    assert not alive


@pytest.mark.parametrize("seed", range(3))
def test_the_quick_profile_finds_patches_for_all_sets(tmp_path, seed):
    described = dataset.build(
        lambda: profiles.training_photos("quick"),
        tmp_path / "set",
        patches.READINGS["lens"],
        profiles.fractions("quick"),
        "photo",
        seed,
        profiles.threshold("quick"),
    )
    assert all(described["patches"].values())
    assert described["patches"]["train"] > 100
    assert described["threshold"] == 300


def test_overlapping_training_patches_leave_the_other_sets_alone(tmp_path):
    pictures = [(f"noise {k}", photo(96, 128, seed=k)) for k in range(4)]
    build = [lambda: iter(pictures), tmp_path / "dense", patches.READINGS["lens"], (0.5, 0.25, 0.25)]
    dense = dataset.build(*build, train_stride=16)
    build[1] = tmp_path / "plain"
    plain = dataset.build(*build)
    assert dense["photos_of"] == plain["photos_of"]
    # A 96x128 photo has 3 x 4 patches; moved by 16 pixels, one fewer along each side.
    assert dense["patches"]["train"] == plain["patches"]["train"] // 12 * (3 + 2) * (4 + 3)
    for name in ("validation", "test"):
        np.testing.assert_array_equal(dataset.load(build[1], name), dataset.load(tmp_path / "dense", name))
    build[1] = tmp_path / "third"
    with pytest.raises(ValueError, match="split='photo'"):
        dataset.build(*build, split="patch", train_stride=16)
