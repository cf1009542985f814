import os

import numpy as np
import pytest
from scipy import ndimage
from skimage import metrics

from lib import photos, scenes
from lib.enhancement import METHODS, unsharp_mask
from lib.studies import enhancement as enhancement_study
from lib.studies import photographed
from lib.studies.run import Job


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.fixture(scope="module")
def photo():
    return photos.load("coffee")[100:260, 200:400]


def test_a_photo_beside_itself_has_no_halo_and_no_gain(photo):
    assert enhancement_study.overshoot(photo, photo) == 0
    assert enhancement_study.noise_gain(photo, photo) == 1
    assert enhancement_study.sharpness_gain(photo, photo) == 1


def test_halos_grow_with_the_strength_and_blur_makes_none(photo):
    halos = [enhancement_study.overshoot(photo, unsharp_mask(photo, strength)) for strength in (0.5, 1, 2)]
    assert 0 < halos[0] < halos[1] < halos[2]
    blurred = ndimage.gaussian_filter(photo, (2, 2, 0))
    assert enhancement_study.overshoot(photo, blurred) == pytest.approx(0, abs=1e-4)


def test_halos_count_beside_edges_only():
    flat = 0.5 + 0.02 * noise(60, 60)
    assert np.isnan(enhancement_study.overshoot(flat, unsharp_mask(flat, 2)))
    step = np.tile(np.float32([0.3] * 30 + [0.7] * 30), (60, 1))
    haloed = step.copy()
    haloed[:, 30] += 0.1
    assert enhancement_study.overshoot(step, haloed, np.arange(60) < 28 * np.ones((60, 1))) == 0
    assert enhancement_study.overshoot(step, haloed) == pytest.approx(
        25.5 / (2 * enhancement_study.REACH + 2), rel=1e-4
    )


def test_noise_gain_is_that_of_the_filter():
    noisy = (0.5 + np.random.default_rng(0).normal(0, 0.01, (300, 300))).astype(np.float32)
    # Far finer than the low-pass filter, noise is amplified by 1 + lambda.
    assert enhancement_study.noise_gain(noisy, unsharp_mask(noisy, 1.5, sigma=3)) == pytest.approx(2.5, rel=0.02)
    assert np.isnan(enhancement_study.noise_gain(np.full((9, 9), 0.5), noisy[:9, :9]))


def test_noise_level_does_not_see_slopes():
    y, x = np.mgrid[:50, :60]
    inner = np.zeros((50, 60), bool)
    inner[1:-1, 1:-1] = True
    assert enhancement_study.noise_level(0.01 * x + 0.005 * y, inner) < 1e-7


def test_sharpness_gain_is_that_of_the_contrast(photo):
    softer = (0.5 + 0.5 * (photo - 0.5)).astype(np.float32)
    assert enhancement_study.sharpness_gain(softer, photo) == pytest.approx(2, rel=1e-3)


def test_regions_part_the_photo_where_the_gain_is_half():
    found = enhancement_study.regions(np.array([[0, 2.84, 2.86, 7.59, 7.61, 19]]))
    assert [found[name][0].tolist() for name in enhancement_study.REGIONS] == [
        [True, True, False, False, False, False],
        [False, False, True, True, False, False],
        [False, False, False, False, True, True],
    ]


def test_psnr_and_ssim_are_scikit_images(photo):
    noisy = np.clip(photo + 0.05 * (noise(*photo.shape) - 0.5), 0, 1)
    assert enhancement_study.psnr(photo, noisy) == pytest.approx(
        metrics.peak_signal_noise_ratio(photo, noisy), abs=1e-4
    )
    assert 0.5 < enhancement_study.ssim(photo, noisy) < enhancement_study.ssim(photo, photo) == pytest.approx(1)
    half = np.zeros(photo.shape[:2], bool)
    half[:80] = True
    expected = metrics.peak_signal_noise_ratio(photo[:80], noisy[:80])
    assert enhancement_study.psnr(photo, noisy, half) == pytest.approx(expected, abs=1e-4)
    assert enhancement_study.psnr(photo, photo) == np.inf
    assert np.isnan(enhancement_study.psnr(photo, noisy, ~half & half))


def test_true_map_of_the_blurred_photos_is_the_one_asked_for():
    nearness = np.tile(np.linspace(0, 1, 64), (48, 1))
    image = noise(48, 64, 3)
    out, sigma = scenes.defocus(image, nearness, max_sigma=5, noise=0)
    np.testing.assert_allclose(sigma, 5 * (1 - nearness), atol=1e-5)
    np.testing.assert_array_equal(out[:, -1], image[:, -1])
    # Well inside one layer the blur is that Gaussian.
    deep, _ = scenes.defocus(image, np.full((48, 64), 0.4), max_sigma=5, noise=0)
    np.testing.assert_allclose(deep, ndimage.gaussian_filter(image, (3, 3, 0), mode="reflect"), atol=2e-3)


def test_noise_of_the_blurred_photos_is_seeded():
    image, nearness = np.full((40, 50), 0.5), np.full((40, 50), 0.5)
    first, again, other = (scenes.defocus(image, nearness, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    assert first.std() == pytest.approx(scenes.NOISE, rel=0.1)


def test_adaptive_beats_plain_unsharp_masking_where_the_paper_says_so(photo):
    blurred, sigma = photographed.slanted(photo)
    rows = enhancement_study.measure(blurred, sigma, photo)
    first, *_, last = rows
    assert (first, last) == ("none", "adaptive")
    assert rows.keys() == {"none", *METHODS}
    assert rows["none"]["halo"] == 0
    assert rows["adaptive"]["halo"] < rows["um"]["halo"] / 3
    assert rows["adaptive"]["noise, blurred"] < 1.3 < rows["um"]["noise, blurred"]
    assert rows["adaptive"]["sharpness, middle"] > 1.3
    assert rows["adaptive"]["psnr, all"] > rows["um"]["psnr, all"]


def test_measures_without_a_region_are_left_out(photo):
    rows = enhancement_study.measure(photo, np.zeros(photo.shape[:2]))
    assert not {"noise, blurred", "noise, marked"} & rows["um"].keys()
    assert "sharpness, sharp" in rows["um"]
    assert "psnr, all" not in rows["um"]


def test_record_says_what_it_was_measured_on(tmp_path, monkeypatch):
    rows = {"real": {"a": {"um": {"halo": 1.0}}}, "blurred": {"b": {"um": {"halo": 2.0}}}}
    asked = []
    monkeypatch.setattr(enhancement_study, "run", lambda *words, **options: asked.append(words) or rows)
    job = Job("quick", seed=3, scale=1.0, folder=tmp_path)
    assert enhancement_study.enhancement(job) == rows
    assert job.data == {"real": ["a"], "blurred": ["b"]}
    assert (asked[0][0], asked[0][2]) == ("quick", 3)


@pytest.mark.skipif(not os.environ.get(photos.MIRROR), reason=f"{photos.MIRROR} names no folder with the photo sets")
def test_registry_photos_are_photos_and_their_masks():
    found = list(enhancement_study.real_photos("local"))
    assert len({name for name, _, _ in found}) == len(found) == 22
    marked = [(photo, mask) for _, photo, mask in found if mask is not None]
    assert len(marked) == 11
    for photo, mask in marked:
        assert mask.shape == photo.shape[:2]
        # What is marked is the blurred part: it has less fine structure.
        assert enhancement_study.noise_level(photo, mask) < enhancement_study.noise_level(photo, ~mask)
