"""Shallow depth of field: eq. 12, the region fill and resize against golden arrays, the variants against their formulas
and against what a lens with a wider aperture would have seen."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from lib import optics, photos, scenes, shallow_focus
from lib import region_fill as fill
from lib.enhancement.unsharp_mask import unsharp_mask
from lib.guided_filter import box_mean, guided_filter
from lib.region_fill import region_fill
from lib.shallow_focus import ours, paper, released, weights
from lib.shallow_focus.paper import resize

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = np.load(ROOT / "tests" / "golden" / "regionfill_imresize.npz")
VARIANTS = tuple(shallow_focus.VARIANTS)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def ramp(height, width, top=9.0):
    """A map that rises from left to right."""
    return np.tile(np.linspace(0, top, width, dtype=np.float32), (height, 1))


def red_disk(size=160, radius=40, blur=8.0):
    """A red subject in focus before a gray background with some texture, and its map."""
    y, x = np.mgrid[:size, :size] - size / 2
    subject = np.hypot(x, y) < radius
    background = (0.3 + 0.3 * noise(size, size, 1)).repeat(3, axis=2)
    image = np.where(subject[..., None], np.float32([0.9, 0.1, 0.1]), background)
    return image, np.where(subject, 0, blur).astype(np.float32), subject


# Eq. 12


def test_solve_gives_the_released_parameters():
    sigma, gamma = weights.solve(c0=0.5, c1=1.75)
    assert sigma == pytest.approx(9.21146, abs=5e-6)
    assert gamma == pytest.approx(62.6594, abs=5e-5)


@pytest.mark.parametrize(("c0", "c1", "W0", "W1"), [(1, 7, 0.999, 0.001), (0.5, 1.75, 0.999, 0.001), (2, 9, 0.9, 0.2)])
def test_the_weight_is_as_asked_for_at_both_ends(c0, c1, W0, W1):
    np.testing.assert_allclose(weights.weight_map([[c0, c1]], c0, c1, W0, W1), [[W0, W1]], rtol=2e-4)


def test_the_weight_follows_the_formula_and_stays_at_zero_beyond_10():
    M = np.linspace(-1, 19, 201)
    sigma, gamma = weights.solve()
    printed = 1 - np.exp(-(np.abs((M - 10) / sigma) ** gamma))
    W = weights.weight_map(M[None])[0]
    np.testing.assert_allclose(W[M <= 10], printed[M <= 10], atol=1e-5)
    assert printed[-1] == pytest.approx(0.999)  # as printed, the most blurred pixels would be sharpened
    assert np.all(W[M > 10] == 0)
    assert np.all(np.diff(W) <= 0)


@pytest.mark.parametrize(
    "values",
    [{"c0": 7, "c1": 1}, {"c0": 1, "c1": 10}, {"c0": np.nan}, {"W0": 1.0}, {"W1": 0.0}, {"W0": 0.1, "W1": 0.9}],
)
def test_solve_refuses_values_out_of_order(values):
    with pytest.raises(ValueError, match="Expected"):
        weights.solve(**values)


# Region fill and resize


def test_region_fill_matches_matlab():
    np.testing.assert_allclose(region_fill(GOLDEN["I"], GOLDEN["mask"]), GOLDEN["filled"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("direct", "tolerance"), [(100_000, 1e-12), (200, 3e-3)])
def test_a_region_of_a_plane_is_filled_by_the_plane(monkeypatch, direct, tolerance):
    monkeypatch.setattr(fill, "DIRECT", direct)
    y, x = np.mgrid[:90, :120]
    plane = 0.2 + 0.004 * x + 0.002 * y
    mask = np.hypot(x - 60, y - 45) < 30
    np.testing.assert_allclose(region_fill(np.where(mask, 0, plane), mask), plane, atol=tolerance)


def test_multigrid_is_near_the_exact_solution_and_converges_to_it(monkeypatch):
    photo = photos.load("flower")
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    mask = np.hypot(x - 320, y - 210) < 120
    exact = region_fill(photo, mask)
    monkeypatch.setattr(fill, "DIRECT", 2000)  # several sizes
    error = np.abs(region_fill(photo, mask) - exact)
    assert error[~mask].max() == 0
    assert error[mask].mean() < 1 / 255
    monkeypatch.setattr(fill, "CYCLES", 9)
    assert np.abs(region_fill(photo, mask) - exact).max() < 0.5 / 255
    assert np.abs(exact - photo)[mask].mean() > 30 / 255


def test_region_fill_reads_nothing_inside_and_returns_a_copy_where_nothing_can_be_done():
    image, mask = noise(40, 50, 3), noise(40, 50) > 0.4
    np.testing.assert_array_equal(region_fill(image, mask), region_fill(np.where(mask[..., None], 9, image), mask))
    for trivial in (np.zeros((40, 50), bool), np.ones((40, 50), bool)):
        np.testing.assert_array_equal(region_fill(image, trivial), image)
    with pytest.raises(ValueError, match="Expected a mask of the image's shape"):
        region_fill(image, mask[1:])


def test_resize_matches_matlab():
    image = GOLDEN["I"]
    down = resize(image, scale=0.25)
    for out, name in (
        (down, "down025"),
        (resize(down, image.shape), "up_back"),
        (resize(image, (13, 11)), "down_13_11"),
    ):
        np.testing.assert_allclose(out, GOLDEN[name], rtol=0, atol=2e-7)


def test_resize_keeps_type_constant_and_the_picture_at_its_own_size():
    image = noise(13, 17, 3)
    np.testing.assert_allclose(resize(image, (13, 17)), image, atol=1e-6)
    out = resize(np.full((13, 17), 0.3, np.float32), (31, 5))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, 0.3, atol=1e-6)
    for wrong in ({}, {"size": (4, 4), "scale": 2}, {"scale": 0}):
        with pytest.raises(ValueError, match="Expected a positive size or scale"):
            resize(image, **wrong)


# All variants


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50), (33, 20, 3)])
def test_shape_type_and_range(variant, shape):
    image = np.round(noise(*shape))  # black and white: sharpening leaves [0, 1]
    out = shallow_focus.render(image, ramp(*shape[:2]), variant)
    assert out.shape == shape
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1
    assert np.abs(out - image).max() > 0.01


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_photo_stays_constant(variant, value):
    image = np.full((60, 70, 3), value, np.float32)
    np.testing.assert_allclose(shallow_focus.render(image, ramp(60, 70), variant), image, atol=2e-6)


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("paper", {"strength": 0}),
        ("released", {"strength": 0}),
        ("lens", {"f_number": 8}),
        ("lens", {"f_number": 16, "photo_f_number": 11}),
    ],
)
def test_zero_strength_is_the_photo_bit_for_bit(variant, options):
    image = noise(40, 50, 3)
    out = shallow_focus.render(image, ramp(40, 50), variant, **options)
    assert out.tobytes() == image.tobytes()
    assert out is not image


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_strength_blends(variant):
    image = 0.3 + 0.4 * noise(40, 50, 3)
    full = shallow_focus.render(image, ramp(40, 50), variant)
    half = shallow_focus.render(image, ramp(40, 50), variant, strength=0.5)
    np.testing.assert_allclose(half, (image + full) / 2, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_mirrored_photos_give_mirrored_results(variant):
    image, blur = noise(48, 64, 3), ramp(48, 64)
    out = shallow_focus.render(image, blur, variant)
    mirrored = shallow_focus.render(image[::-1, ::-1], blur[::-1, ::-1], variant)
    np.testing.assert_allclose(mirrored[::-1, ::-1], out, atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("blur", "match"),
    [(np.zeros((3, 4)), r"Expected a blur map of shape \(40, 50\)"), (np.full((40, 50), np.nan), "finite blur map")],
)
def test_maps_that_do_not_fit_are_refused(variant, blur, match):
    with pytest.raises(ValueError, match=match):
        shallow_focus.render(noise(40, 50), blur, variant)


def test_wrong_parameters_are_refused():
    image, blur = noise(40, 50), ramp(40, 50)
    cases = [
        ("bokeh", {}, "Expected variant to be one of"),
        ("paper", {"strength": 1.1}, "Expected a strength from 0"),
        ("released", {"strength": np.nan}, "Expected a strength from 0"),
        ("released", {"limits": (3, 1)}, "Expected limits"),
        ("lens", {"f_number": 0}, "Expected f_number to be positive"),
        ("lens", {"photo_f_number": -1}, "Expected photo_f_number to be positive"),
        ("lens", {"c0": np.nan}, "Expected c0 to be finite"),
        ("lens", {"highlights": 0.5}, "Expected highlights of 1 or more"),
        ("lens", {"focus": (50, 0)}, "Expected a focus within the photo, 0 to 49 and 0 to 39, got 50,0"),
    ]
    for variant, options, match in cases:
        with pytest.raises(ValueError, match=match):
            shallow_focus.render(image, blur, variant, **options)


# The paper's text


def test_paper_is_eq_11_with_the_paper_s_parts():
    image, blur = 0.2 + 0.6 * noise(70, 90, 3), ramp(70, 90)
    B = image.astype(np.float64)
    for _ in range(5):
        B = np.dstack(
            [guided_filter(plane, plane, 33, 128 / 255**2, border="replicate") for plane in np.moveaxis(B, 2, 0).copy()]
        )
    W = weights.weight_map(blur, 1, 7)[..., None]
    expected = W * unsharp_mask(image, 0.25) + (1 - W) * B
    np.testing.assert_allclose(shallow_focus.shallow_paper(image, blur), expected.clip(0, 1), atol=1e-5)


def test_smoothing_takes_texture_and_leaves_strong_edges():
    step = np.where(np.arange(120) < 60, 0.2, 0.8).astype(np.float32) + 0.02 * (noise(90, 120) - 0.5)
    B = paper.smooth(step)
    assert max(B[:, :20].std(), B[:, 100:].std()) < 0.15 * step[:, :20].std()
    assert B[:, 61].mean() - B[:, 58].mean() > 0.45


def test_smoothing_at_the_working_size_is_near_that_at_full_size(monkeypatch):
    photo = photos.load("flower")[:300, :400]
    full = paper.smooth(photo)
    monkeypatch.setattr(paper, "WORKING_PIXELS", photo.shape[0] * photo.shape[1] / 4)
    reduced = paper.smooth(photo)
    assert reduced.shape == photo.shape
    assert (
        peak_signal_noise_ratio(full, reduced, data_range=1) > 32 > peak_signal_noise_ratio(full, photo, data_range=1)
    )


# The released code


def test_released_is_eq_11_with_the_background_of_the_fill():
    image, blur = 0.2 + 0.6 * noise(48, 64, 3), ramp(48, 64, top=4)
    W = weights.weight_map(blur * 10 / 4, 0.5, 1.75)
    B = region_fill(image, W > 0.01)
    for _ in range(3):
        # Epsilon is 128 and the guide's variance at most 1/4: two box means.
        small = [
            box_mean(box_mean(plane, 7, "replicate"), 7, "replicate")
            for plane in np.moveaxis(resize(B, scale=0.25), 2, 0).copy()
        ]
        B = resize(np.stack(small, axis=2), (48, 64))
    W = W[..., None]
    expected = W * (image + 0.2 * (image - B)) + (1 - W) * B
    np.testing.assert_allclose(shallow_focus.shallow_released(image, blur), expected.clip(0, 1), atol=1e-3)


def test_released_rescales_the_map_by_its_range_or_by_given_limits():
    image, blur = noise(40, 50, 3), ramp(40, 50)
    out = shallow_focus.shallow_released(image, blur)
    np.testing.assert_allclose(shallow_focus.shallow_released(image, 3 + 0.1 * blur), out, atol=1e-4)
    np.testing.assert_allclose(shallow_focus.shallow_released(image, blur, limits=(0, 9)), out, atol=1e-6)
    assert np.abs(shallow_focus.shallow_released(image, blur, limits=(0, 90)) - out).max() > 0.1
    np.testing.assert_array_equal(released.rescale(np.full((3, 4), 5.0)), 0)


@pytest.mark.parametrize(("variant", "clean"), [("paper", False), ("released", True), ("lens", True)])
def test_the_subject_s_color_stays_out_of_the_background_but_in_the_paper(variant, clean):
    image, blur, subject = red_disk()
    out = shallow_focus.render(image, blur, variant)
    reddish = (out[..., 0] - out[..., 1])[~subject]  # the background is gray
    assert (reddish.max() < 0.02) == clean
    assert np.abs(out - image)[~subject].mean() > 0.03


# The lens


def test_added_variance_is_what_the_wider_aperture_lacks():
    added = ours.added_blur(np.float32([[0, 1, 3, 5]]), f_number=2, photo_f_number=5.6, c0=1)
    total = 2.8 * np.array([0, 0, 2, 4])
    np.testing.assert_allclose(added[0] ** 2 + np.array([0, 0, 2, 4]) ** 2, total**2, rtol=1e-5)


def test_a_point_becomes_a_disk_of_light():
    sigma, size = 2.0, 41
    image = np.zeros((size, size), np.float32)
    image[20, 20] = 1
    out = shallow_focus.shallow_lens(image, np.full((size, size), sigma), f_number=4, c0=0)
    added = np.abs(ours._levels(np.float32([[sigma * np.sqrt(3)]]))[0, 0])
    assert added == pytest.approx(sigma * np.sqrt(3), rel=0.1)
    disk = optics.disk_kernel(4 * added)
    reach = len(disk) // 2
    spot = optics.to_light(out)[20 - reach : 21 + reach, 20 - reach : 21 + reach]
    np.testing.assert_allclose(spot, disk, atol=1e-4)
    assert optics.to_light(out).sum() == pytest.approx(1, rel=0.01)


def test_highlights_bloom_more_in_light_than_in_values_and_more_where_they_were_clipped():
    image = np.full((60, 60), 0.1, np.float32)
    image[30, 30] = 1
    blur = np.full((60, 60), 3.0)
    in_light = shallow_focus.shallow_lens(image, blur)
    levels = ours._levels(ours.added_blur(blur.astype(np.float32)))
    in_values = ours._in_layers(image, levels, 1)
    clipped = shallow_focus.shallow_lens(image, blur, highlights=20)
    middle = np.s_[27:34, 27:34]
    assert in_values[middle].mean() + 0.005 < in_light[middle].mean() < clipped[middle].mean() - 0.05


def test_what_is_in_focus_stays_bit_for_bit():
    image, blur, subject = red_disk()
    out = shallow_focus.shallow_lens(image, blur)
    np.testing.assert_array_equal(out[subject], image[subject])


def test_focus_on_the_background_blurs_the_subject_over_it():
    image, blur, subject = red_disk(blur=4.0)
    out = shallow_focus.shallow_lens(image, blur, focus=(5, 5), c0=0)
    assert np.abs(out - image)[:6].max() == 0  # far from the subject
    reddish = (out[..., 0] - out[..., 1])[~subject]
    assert reddish.max() > 0.2
    inside = out[80, 80] - image[80, 80]
    assert np.abs(inside).max() < 0.01  # the middle of a wide, even subject
    on_subject = shallow_focus.shallow_lens(image, blur, focus=(80, 80), c0=0)
    np.testing.assert_array_equal(on_subject, shallow_focus.shallow_lens(image, blur, c0=0))


def test_rendering_at_the_working_size_is_near_that_at_full_size(monkeypatch):
    photo = photos.load("flower")[60:360, 140:540]
    y, x = np.mgrid[:300, :400]
    blur = np.clip(np.hypot(x - 170, y - 140) / 12 - 10, 0, 6).astype(np.float32)
    full = shallow_focus.shallow_lens(photo, blur, c0=0)
    monkeypatch.setattr(ours, "WORKING_PIXELS", 300 * 400 / 9)
    reduced = shallow_focus.shallow_lens(photo, blur, c0=0)
    assert (
        peak_signal_noise_ratio(full, reduced, data_range=1) > 38 > peak_signal_noise_ratio(full, photo, data_range=1)
    )
    np.testing.assert_array_equal(reduced[blur == 0], photo[blur == 0])


def test_the_lens_comes_near_a_photo_taken_at_the_wider_aperture_and_the_paper_does_not():
    image, depth = (each[100:300, 300:560] for each in scenes.motorcycle())
    camera = optics.Camera(0.305, 8, focus_distance=2.2, sensor_width=0.229 * 260 / 741, image_width=260)
    photo, blur = optics.render_defocus(image, depth, camera, kernel="disk", linear=True)
    truth, _ = optics.render_defocus(image, depth, replace(camera, f_number=2), kernel="disk", linear=True)

    def score(out):
        return peak_signal_noise_ratio(truth, out, data_range=1)

    of_lens = score(shallow_focus.shallow_lens(photo, blur, f_number=2, photo_f_number=8, c0=0))
    of_paper = score(shallow_focus.shallow_paper(photo, blur, c0=0.5, c1=1.5))
    assert of_lens > 35
    assert of_lens > max(of_paper, score(photo)) + 8


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_12_megapixels_stay_within_time_and_memory(variant):
    code = f"""if True:
        import time
        import cv2, numpy as np
        from lib import photos, shallow_focus
        from lib.studies import records
        photo = np.clip(cv2.resize(photos.load("flower"), (4000, 3000), interpolation=cv2.INTER_CUBIC), 0, 1)
        blur = np.clip(np.hypot(*np.ogrid[-1200:1800, -1800:2200]) / 100 - 9, 0, 12).astype(np.float32)
        start = time.process_time()
        shallow_focus.render(photo, blur, {variant!r})
        print(time.process_time() - start, records.peak_memory() / 2**10)
    """
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, gigabytes = map(float, ran.stdout.split())
    assert seconds < 40  # of processor time: 20 s on two cores
    assert gigabytes < 3
