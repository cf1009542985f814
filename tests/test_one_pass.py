"""The one-pass network: its lenses and scenes against what optics says, its use against itself on other ways."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import scipy.fft

from lib import filling, images, one_pass, optics, paths, photos
from lib.guided_filter import guided_filter
from lib.one_pass import interval, sizes, use, weights
from lib.studies import records
from lib.studies.one_pass import degrade, export, kernels, scenes, study

needs_photos = pytest.mark.skipif(photos.MIRROR not in os.environ, reason=f"{photos.MIRROR} names no mirror of photos")
LENSES = [kernels.draw(np.random.default_rng(seed)) for seed in range(12)]


def moments(spot):
    """Center and mean variance along the axes of a spot whose middle pixel is the origin."""
    y, x = np.mgrid[: len(spot), : len(spot)] - len(spot) // 2
    center = (spot * x).sum(), (spot * y).sum()
    return center, (spot * ((x - center[0]) ** 2 + (y - center[1]) ** 2)).sum() / 2


# Lenses


def test_a_plain_lens_makes_the_disk_of_optics():
    sigma = 5.0
    ours = kernels.kernel(kernels.Lens(), sigma)
    theirs = optics.disk_kernel(4 * sigma)
    ours = ours[(cut := (len(ours) - len(theirs)) // 2) : len(ours) - cut, cut : len(ours) - cut]
    assert np.abs(ours - theirs).sum() < 0.03


def test_a_gaussian_lens_makes_the_gaussian_of_optics():
    spot = np.fft.fftshift(scipy.fft.irfft2(kernels.transfer(kernels.Lens(gaussian=1.0), 3.0, 65), s=(65, 65)))
    theirs = optics.gaussian_kernel(3.0)
    pad = (65 - len(theirs)) // 2
    np.testing.assert_allclose(spot, np.pad(theirs, pad), atol=2e-5)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("lens", LENSES)
def test_whatever_its_form_sigma_is_its_second_moment(lens, behind):
    for sigma in (1.5, 6.0):
        spot = np.fft.fftshift(scipy.fft.irfft2(kernels.transfer(lens, sigma, 129, behind), s=(129, 129)))
        assert spot.sum() == pytest.approx(1, abs=1e-4)
        center, variance = moments(spot)
        assert np.hypot(*center) < 0.1
        assert variance == pytest.approx(sigma**2 + (1 - lens.gaussian) / 12, rel=0.03)  # and a pixel's own


def test_behind_the_focal_plane_the_spot_is_turned():
    lens = kernels.Lens(blades=5, softness=0.1)
    np.testing.assert_allclose(kernels.kernel(lens, 6, behind=True), kernels.kernel(lens, 6)[::-1, ::-1], atol=1e-4)


# Scenes


def sharp_photos():
    """A pool of one textured photo in each set."""
    rng = np.random.default_rng(3)
    blocks = cv2.resize(rng.random((150, 150, 3)), (600, 600), interpolation=cv2.INTER_NEAREST)
    return {name: [np.uint8(blocks * 255)] for name in photos.TRAINING_SETS}


def test_a_scene_is_a_function_of_its_seed():
    pictures = sharp_photos()
    one, two = (scenes.render(pictures, np.random.default_rng((0, 7))) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.sigma, two.sigma)
    assert one.image.shape == (scenes.SIZE, scenes.SIZE, 3)
    assert one.sigma.shape == (scenes.SIZE, scenes.SIZE)


def test_scenes_hold_what_they_say():
    made = [scenes.render(sharp_photos(), np.random.default_rng((1, number))) for number in range(8)]
    for image, sigma in made:
        assert 0 <= image.min() <= image.max() <= 1
        assert 0 <= sigma.min() <= sigma.max() <= scenes.GREATEST_SIGMA + 1e-3
    assert np.ptp([sigma.mean() for _, sigma in made]) > 1


def test_an_even_layer_is_blurred_as_opencv_does():
    light = np.float32(np.random.default_rng(0).random((scenes.TILE, scenes.TILE, 3)))
    blurred, sigma = scenes._blur(light, None, np.full(light.shape[:2], 3, np.float32), kernels.Lens(gaussian=1.0))
    expected = cv2.GaussianBlur(light, (0, 0), 3)[scenes.MARGIN : -scenes.MARGIN, scenes.MARGIN : -scenes.MARGIN]
    np.testing.assert_allclose(blurred.transpose(1, 2, 0), expected, atol=2e-3)
    assert (sigma == 3).all()


@needs_photos
def test_no_photo_of_training_is_held_out():
    train, dev, test = (set(scenes.names(split)) for split in ("train", "dev", "test"))
    assert len(test) == 35
    assert not train & dev
    assert not (train | dev) & test
    everything = {f"{path.parent.name}/{path.name}" for path in photos.training_files()}
    assert train | dev | test == everything


def test_a_pool_keeps_its_scenes(tmp_path):
    pool = scenes.Pool(tmp_path, "train", pictures=sharp_photos())
    first = pool[3]
    again = scenes.Pool(tmp_path, "train")  # without photos
    np.testing.assert_array_equal(again[3], first)
    assert first.shape == (scenes.SIZE, scenes.SIZE, 4)


def test_samples_keep_their_size_and_turn_with_their_truth():
    ramp = np.linspace(0, 10 * scenes.STORED_SIGMA, scenes.SIZE)
    stored = np.empty((scenes.SIZE, scenes.SIZE, 4), np.uint16)
    stored[..., :3], stored[..., 3] = np.linspace(0, 65535, scenes.SIZE)[:, None], ramp
    for seed in range(20):
        photo, sigma = degrade.sample(stored, np.random.default_rng(seed))
        assert photo.shape == (scenes.SIZE, scenes.SIZE, 3)
        assert sigma.shape == (scenes.SIZE, scenes.SIZE)
        assert 0 <= photo.min() <= photo.max() <= 1
        gray = cv2.GaussianBlur(photo.mean(axis=2), (0, 0), 4)
        assert np.corrcoef(gray.ravel(), sigma.ravel())[0, 1] > 0.9


def test_noise_has_its_level():
    flat = np.full((200, 200, 3), 0.5, np.float32)
    noisy = degrade.spoil(flat, 0, noise=5.0)
    assert 255 * (noisy - flat).std() == pytest.approx(5, rel=0.02)


# Use


@pytest.fixture(scope="module")
def flower():
    return photos.load("flower")[:300, :420]


def blurred(image, sigma):
    return np.rint(255 * cv2.GaussianBlur(image, (0, 0), sigma)) / np.float32(255)


def test_it_reads_sigma_of_photos_that_were_blurred_evenly():
    sharp = photos.load("china")[60:316, 200:456]
    for sigma in (2, 4, 8, 14):
        assert np.median(one_pass.estimate(blurred(sharp, sigma))) == pytest.approx(sigma, rel=0.3)


def test_the_part_that_was_blurred_reads_more(flower):
    half = flower.copy()
    half[:, 210:] = blurred(flower, 5)[:, 210:]
    sigma = one_pass.estimate(half)
    assert sigma.shape == flower.shape[:2]
    assert sigma.dtype == np.float32
    assert (sigma - one_pass.estimate(flower))[:, 230:].mean() > 2


@pytest.mark.parametrize("engine", ["openvino", "keras"])
def test_engines_agree(flower, engine):
    ours = one_pass.estimate(flower, engine=engine, filled=False)
    np.testing.assert_allclose(ours, one_pass.estimate(flower, engine="onnx", filled=False), atol=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (33, 200), (64, 64), (65, 31)])
def test_any_size_gets_a_map(shape):
    sigma, low, high = one_pass.estimate(np.random.default_rng(0).random(shape), interval=True)
    assert sigma.shape == low.shape == high.shape == shape
    assert np.isfinite(sigma).all()


def test_gray_is_read_like_color_without_color(flower):
    gray = flower.mean(axis=2)
    np.testing.assert_array_equal(one_pass.estimate(gray), one_pass.estimate(np.dstack([gray] * 3)))


def test_tiles_agree_with_the_whole(flower, monkeypatch):
    image = np.tile(flower, (4, 3, 1))[:1200, :1100]
    whole = one_pass.estimate(image, filled=False)
    monkeypatch.setattr(use, "LARGEST", 0)
    monkeypatch.setattr(use, "TILE", 1024)
    tiled = one_pass.estimate(image, filled=False)
    assert np.abs(tiled - whole).mean() < 0.005
    assert np.quantile(np.abs(tiled - whole), 0.999) < 0.05


@pytest.mark.parametrize("length", [1537, 2688, 3000, 6000])
def test_the_weights_of_tiles_add_up_to_one(length):
    total = np.zeros(length)
    for part, weight in use._tiles(length, whole=False):
        assert part.start % use.MULTIPLE == 0
        total[part] += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_smaller_sizes_are_means_that_say_nothing_where_full_size_is_sure(flower):
    smaller = sizes.reduce(flower[:7, :10], 4)
    np.testing.assert_allclose(smaller[0, 0], flower[:4, :4].mean((0, 1)), atol=1e-6)
    np.testing.assert_allclose(
        smaller[1, 2], np.pad(flower[:7, :10], ((0, 1), (0, 2), (0, 0)), "edge")[4:, 8:].mean((0, 1)), atol=1e-6
    )
    sharp = np.float32([0.2, 0.15, 0.25])[:, None, None] * np.ones((1, 8, 8), np.float32)
    unsure = np.float32([3, 0, 12])[:, None, None] * np.ones((1, 4, 4), np.float32)
    np.testing.assert_allclose(sizes.combine(sharp.copy(), {2: unsure, 4: unsure[:, :2, :2]}), sharp, rtol=0.01)


def test_enlarged_maps_are_opencvs():
    small = np.random.default_rng(0).random((3, 5, 7), np.float32)
    expected = np.stack([cv2.resize(plane, (28, 20), interpolation=cv2.INTER_LINEAR) for plane in small])
    parts = [images.enlarge(small, (20, 28), slice(top, top + 6)) for top in (0, 6, 12)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), expected[:, :18], atol=1e-6)


def test_an_unknown_engine_is_refused(flower):
    with pytest.raises(ValueError, match="expected one of onnx, openvino, keras"):
        one_pass.estimate(flower, engine="tpu")


@pytest.mark.parametrize("reductions", [(0,), (1,), (1.5,), (-2,), (30_000,), None, {2, 4}, (n for n in (2, 4))])
def test_what_makes_nothing_smaller_is_refused(flower, reductions):
    with pytest.raises(ValueError, match="whole numbers from 2 to 64"):
        one_pass.estimate(flower, reductions=reductions)


def test_reductions_may_be_an_array_or_one_number(flower):
    expected = one_pass.estimate(flower, reductions=(2,))
    np.testing.assert_array_equal(one_pass.estimate(flower, reductions=np.uint8([2])), expected)
    np.testing.assert_array_equal(one_pass.estimate(flower, reductions=2), expected)


def test_no_map_goes_beyond_19(flower):
    blurred = cv2.GaussianBlur(cv2.resize(flower, None, fx=2, fy=2), (0, 0), 30)
    assert max(each.max() for each in one_pass.estimate(blurred, interval=True)) <= 19.001


def test_a_file_that_is_no_network_is_refused(flower, tmp_path):
    (tmp_path / "odd.onnx").write_bytes(b"no network")
    for engine in use.installed():
        with pytest.raises(ValueError, match="odd"):
            one_pass.estimate(flower, engine=engine, model=tmp_path / "odd.onnx")


def test_the_constants_of_the_filling_may_be_changed(monkeypatch, flower):
    ends = np.full((2, 2), 4, np.float32), np.full((2, 2), 2, np.float32), np.full((2, 2), 9, np.float32)
    before = interval.trust(*ends)
    monkeypatch.setattr(interval, "HALF_KEPT", 10)
    assert (interval.trust(*ends) > before).all()


def test_use_imports_no_tensorflow():
    code = (
        "import sys, numpy; from lib import one_pass; one_pass.estimate(numpy.zeros((64, 64)));"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT).returncode == 0


def test_shipped_files_are_small():
    assert weights.shipped(".npz").stat().st_size <= 3e6
    assert weights.shipped(".onnx").stat().st_size <= 3e6


@pytest.mark.slow
def test_the_shipped_onnx_file_is_that_of_the_shipped_weights(flower, tmp_path):
    export.export(weights.shipped(".npz"), tmp_path / "again.onnx")
    again = use.estimate(flower, model=tmp_path / "again.onnx", filled=False)
    np.testing.assert_allclose(again, use.estimate(flower, filled=False), atol=1e-3)


# Filling


def test_what_is_sure_stays_and_what_is_not_is_filled_along_the_colors():
    color = np.zeros((80, 120, 3), np.float32)
    color[:, 60:] = (0.9, 0.4, 0.1)
    truth = np.where(np.arange(120) < 60, 1.0, 7.0) * np.ones((80, 1))
    sure = np.zeros((80, 120), bool)
    sure[:, ::4] = True
    sigma = np.float32(np.where(sure, truth, 4))
    low, high = np.where(sure, sigma, 0), np.where(sure, sigma, 19)
    filled = interval.fill(sigma, np.float32(low), np.float32(high), color)
    assert np.abs(filled - truth).mean() < 0.3 * np.abs(sigma - truth).mean()
    np.testing.assert_allclose(filled[sure], sigma[sure], atol=1e-5)


def test_a_map_that_is_unsure_everywhere_stays_in_its_range():
    rng = np.random.default_rng(0)
    sigma = np.float32(rng.uniform(2, 5, (50, 60)))
    nothing, all_of_it = np.zeros_like(sigma), np.full_like(sigma, 19)
    filled = interval.fill(sigma, nothing, all_of_it, np.float32(rng.random((50, 60, 3))))
    assert sigma.min() <= filled.min() <= filled.max() <= sigma.max()


def test_a_fill_where_all_count_alike_is_the_guided_filter():
    rng = np.random.default_rng(0)
    values, photo = np.float32(rng.random((60, 80))), np.float32(rng.random((60, 80, 3)))
    radius = round(filling.RADIUS * np.sqrt(values.size))
    expected = guided_filter(values, photo, radius, filling.EPSILON)
    found = filling.fill(values, np.ones_like(values), np.zeros_like(values), photo)
    inner = np.s_[2 * radius : -2 * radius, 2 * radius : -2 * radius]
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-4)


def test_the_interval_of_a_filled_map_is_in_order(flower):
    sigma, low, high = one_pass.estimate(flower, interval=True)
    assert (low <= sigma).all()
    assert (sigma <= high).all()


def test_the_narrower_interval_is_the_networks_own_but_for_its_width(flower, monkeypatch):
    sigma, low, high = (np.sqrt(each) for each in one_pass.estimate(flower, interval=True, filled=False))
    monkeypatch.setattr(interval, "NARROWER", 1.0)
    _, lowest, highest = (np.sqrt(each) for each in one_pass.estimate(flower, interval=True, filled=False))
    monkeypatch.undo()
    np.testing.assert_allclose(sigma - low, interval.NARROWER * (sigma - lowest), atol=1e-3)
    np.testing.assert_allclose(high - sigma, interval.NARROWER * (highest - sigma), atol=1e-3)


def test_the_factor_of_the_interval_is_what_the_scenes_that_chose_it_need():
    record = records.read("one_pass", "local")
    chose, _ = study.by_use(record["result"]["scenes"])
    if records.is_stale(record) or "needed" not in chose[0]:
        pytest.skip("the record is of other weights or of another factor")
    assert study.mean(chose, "needed") == pytest.approx(interval.NARROWER, abs=0.05)


def test_a_photo_through_a_lens_of_its_own_is_what_opencv_makes_of_it(flower):
    through = study.through(flower, kernels.Lens(gaussian=1.0), 3.0, behind=False)
    np.testing.assert_allclose(
        through, cv2.GaussianBlur(flower, (0, 0), 3, borderType=cv2.BORDER_REFLECT_101), atol=2e-3
    )
