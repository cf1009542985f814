"""Section 2's model against SciPy, closed forms and eq. 4 taken literally."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, special

from lib import optics
from lib.optics import Camera, render_defocus

CAMERA = Camera(focal_length=0.05, f_number=1.0, focus_distance=2.0, sensor_width=0.0025, image_width=96)


def depth_for(signed_sigma, camera=CAMERA):
    """Depth of a given blur: eq. 2 solved for S2; negative sigma lies before the focal plane."""
    inverse = 4 * np.asarray(signed_sigma) * camera.pixel_pitch / (camera.aperture * camera.sensor_distance)
    return 1 / (1 / camera.focus_distance - inverse)


@pytest.fixture
def texture():
    return np.random.default_rng(0).random((64, 96, 3), np.float32)


def second_moment(kernel):
    x = np.arange(kernel.shape[1]) - kernel.shape[1] // 2
    return (kernel.sum(axis=0) * x**2).sum()


# Equations 1 and 2


def test_thin_lens_law_holds():
    assert 1 / CAMERA.focus_distance + 1 / CAMERA.sensor_distance == pytest.approx(1 / CAMERA.focal_length)
    assert optics.image_distance(0.1, 0.05) == pytest.approx(0.1)  # 2f images to 2f
    assert optics.image_distance(np.inf, 0.05) == pytest.approx(0.05)


@pytest.mark.parametrize("depth", [0.3, 1.0, 2.0, 7.0, 1e6])
def test_circle_of_confusion_is_equation_2(depth):
    s1, f, a = CAMERA.focus_distance, CAMERA.focal_length, CAMERA.focal_length / CAMERA.f_number
    assert optics.circle_of_confusion(depth, CAMERA) == pytest.approx(a * f * abs(depth - s1) / (depth * abs(s1 - f)))


@pytest.mark.parametrize("depth", [0.4, 1.5, 3.0, 20.0])
def test_circle_of_confusion_is_where_traced_rays_hit_the_sensor(depth):
    behind = optics.image_distance(depth, CAMERA.focal_length)  # the rays through the rim meet here
    spot = CAMERA.aperture * abs(1 - CAMERA.sensor_distance / behind)
    assert optics.circle_of_confusion(depth, CAMERA) == pytest.approx(spot)


def test_circle_of_confusion_at_infinity():
    far = replace(CAMERA, focus_distance=np.inf)
    assert optics.circle_of_confusion(np.inf, far) == 0
    assert optics.circle_of_confusion(4.0, far) == pytest.approx(far.aperture * far.focal_length / 4)
    assert optics.circle_of_confusion(np.inf, CAMERA) == pytest.approx(optics.circle_of_confusion(1e9, CAMERA))


def test_circle_of_confusion_is_the_disparity_of_a_stereo_pair_as_far_apart_as_the_aperture():
    depths = np.array([1.0, 2.0, 5.0])
    shift = CAMERA.aperture * CAMERA.sensor_distance / depths
    expected = np.abs(shift - shift[1])
    np.testing.assert_allclose(optics.circle_of_confusion(depths, CAMERA), expected, atol=1e-12)


def test_sigma_map_is_a_quarter_of_the_circle_of_confusion_in_pixels():
    depth = np.linspace(0.5, 9, 24).reshape(4, 6)
    spot = 0.05 * 0.05 * np.abs(depth - 2) / (depth * 1.95)
    np.testing.assert_allclose(optics.sigma_map(depth, CAMERA), spot / (0.0025 / 96) / 4, rtol=1e-6)
    assert optics.sigma_map(depth, CAMERA).dtype == np.float32


# Kernels (eq. 3)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 3.3])
def test_gaussian_kernel_is_scipys(sigma):
    size = 2 * int(4 * sigma + 0.5) + 1
    point = np.zeros((size, size))
    point[size // 2, size // 2] = 1
    oracle = ndimage.gaussian_filter(point, sigma, truncate=4.0, mode="constant")
    np.testing.assert_allclose(optics.gaussian_kernel(sigma), oracle, atol=1e-12)


@pytest.mark.parametrize("sigma", [1.0, 2.5, 6.0])
def test_gaussian_kernel_has_second_moment_sigma_squared(sigma):
    assert second_moment(optics.gaussian_kernel(sigma, truncate=8)) == pytest.approx(sigma**2, rel=1e-6)


@pytest.mark.parametrize("diameter", [1.7, 4.0, 9.3, 40.0])
def test_disk_kernel_is_a_disk(diameter):
    kernel = optics.disk_kernel(diameter)
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel, kernel.T)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-12)
    area = np.pi * diameter**2 / 4
    assert kernel.max() <= 1 / area * 1.01  # nowhere denser than the disk
    x = np.arange(len(kernel)) - len(kernel) // 2
    radius = np.hypot(*np.meshgrid(x, x))
    np.testing.assert_allclose(kernel[radius < diameter / 2 - 0.71], 1 / area, rtol=0.01)
    assert kernel[radius > diameter / 2 + 0.71].sum() == 0


@pytest.mark.parametrize("diameter", [4.0, 11.3, 40.0])
def test_disk_and_its_gaussian_share_the_second_moment(diameter):
    pixel = 1 / 12  # a pixel's own width adds its variance to the disk's
    expected = optics.coc_to_sigma(diameter) ** 2 + pixel
    assert second_moment(optics.disk_kernel(diameter)) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("kernel", [optics.gaussian_kernel, optics.disk_kernel])
def test_kernel_without_blur_is_the_unit_sample(kernel):
    assert kernel(0).tolist() == [[1]]


# Rendering (eq. 4)


@pytest.mark.parametrize("signed_sigma", [-4.2, -1.0, 0.0, 0.6, 2.5, 9.0])
def test_constant_depth_is_one_gaussian_filter(texture, signed_sigma):
    rendered, sigma = render_defocus(texture, np.full((64, 96), depth_for(signed_sigma)), CAMERA)
    np.testing.assert_allclose(sigma, abs(signed_sigma), atol=1e-5)
    oracle = ndimage.gaussian_filter(texture, abs(signed_sigma), mode="reflect", truncate=4.0, axes=(0, 1))
    np.testing.assert_allclose(rendered, oracle, atol=2e-6)
    assert rendered.dtype == np.float32


@pytest.mark.parametrize("signed_sigma", [-3.0, 0.8, 5.0])
def test_constant_depth_is_one_disk_filter(texture, signed_sigma):
    gray = texture[..., 0]
    rendered, _ = render_defocus(gray, np.full(gray.shape, depth_for(signed_sigma)), CAMERA, kernel="disk")
    oracle = ndimage.convolve(gray, optics.disk_kernel(4 * abs(signed_sigma)), mode="reflect")
    np.testing.assert_allclose(rendered, oracle, atol=2e-5)


@pytest.mark.parametrize("kernel", ["gaussian", "disk"])
def test_point_source_keeps_its_energy(kernel):
    point = np.zeros((96, 96), np.float32)
    point[48, 48] = 1
    rendered, _ = render_defocus(point, np.full((96, 96), depth_for(5.0)), CAMERA, kernel=kernel)
    assert rendered.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("depth", [1.2, 3.0, 8.0])
def test_point_source_spreads_to_equation_2s_diameter(depth):
    point = np.zeros((96, 96), np.float32)
    point[48, 48] = 1
    rendered, _ = render_defocus(point, np.full((96, 96), depth), CAMERA, kernel="disk")
    diameter = 0.05 * 0.05 * abs(depth - 2) / (depth * 1.95) / (0.0025 / 96)
    density = rendered[48, 48]  # uniform: area = 1 / density
    assert np.sqrt(4 / np.pi / density) == pytest.approx(diameter, rel=0.01)
    assert (rendered[48] / density).sum() == pytest.approx(diameter, abs=0.6)  # the row through the middle


def test_sharp_foreground_ends_sharp_before_a_blurred_background():
    """The foreground is untouched to its last pixel, and no dark or red fringe lies beyond it."""
    near = np.arange(96) < 48
    image = np.where(near[:, None], [0.9, 0.1, 0.1], [0.1, 0.3, 0.8]).astype(np.float32)[None].repeat(40, 0)
    depth = np.where(near, 2.0, depth_for(5.0))[None].repeat(40, 0)
    rendered, _ = render_defocus(image, depth, CAMERA)
    np.testing.assert_allclose(rendered, image, atol=1e-6)


def test_blurred_background_is_blurred_under_its_own_light_only():
    """A stripe in the background spreads as a Gaussian that the sharp foreground cuts off."""
    x = np.arange(96)
    stripe = np.where(np.abs(x - 70) < 4, 1.0, 0.2)
    image = np.where(x < 40, 0.0, stripe).astype(np.float32)[None].repeat(40, 0)
    depth = np.where(x < 40, 2.0, depth_for(3.0))[None].repeat(40, 0)
    rendered, _ = render_defocus(image, depth, CAMERA)
    oracle = ndimage.gaussian_filter1d(stripe, 3.0, mode="reflect")
    np.testing.assert_allclose(rendered[20], np.where(x < 40, 0.0, oracle), atol=1e-4)


@pytest.mark.parametrize("behind", [0.0, 2.0])
def test_blurred_foreground_covers_what_is_behind_by_the_error_function(behind):
    """A straight edge: front * Phi + back * (1 - Phi), on both sides of it."""
    sigma, front, back = 4.0, 0.9, 0.2
    x = np.arange(96)
    image = np.where(x < 48, front, back).astype(np.float32)[None].repeat(40, 0)
    depth = np.where(x < 48, depth_for(-sigma), depth_for(behind))[None].repeat(40, 0)
    rendered, _ = render_defocus(image, depth, CAMERA)
    cover = special.ndtr((47.5 - x) / sigma)
    np.testing.assert_allclose(rendered[20], front * cover + back * (1 - cover), atol=1e-3)


def test_a_near_blur_uncovers_the_plane_it_stands_before():
    """Left of the near bar lies the far plane, right of it the middle one; neither shows through on the wrong side."""
    x = np.arange(96)
    regions = [x < 30, x < 66]
    image = np.select(regions, [0.1, 0.5], 0.9).astype(np.float32)[None].repeat(40, 0)
    depth = np.select(regions, [depth_for(2.0), depth_for(-3.0)], 2.0)[None].repeat(40, 0)
    rendered, _ = render_defocus(image, depth, CAMERA)
    bar = special.ndtr((x - 29.5) / 3) - special.ndtr((x - 65.5) / 3)
    expected = 0.5 * bar + np.where(x < 48, 0.1, 0.9) * (1 - bar)
    np.testing.assert_allclose(rendered[20], expected, atol=2e-3)


def test_mixed_pixels_of_an_outline_are_not_extended_behind_the_foreground():
    x = np.arange(96)
    image = np.select([x < 48, x < 50], [0.9, 0.5], 0.2).astype(np.float32)[None].repeat(40, 0)
    depth = np.where(x < 48, depth_for(-4.0), 2.0)[None].repeat(40, 0)
    rendered, _ = render_defocus(image, depth, CAMERA)
    cover = special.ndtr((47.5 - x) / 4)
    np.testing.assert_allclose(rendered[20, :48], (0.9 * cover + 0.2 * (1 - cover))[:48], atol=2e-3)


@pytest.mark.parametrize("kernel", ["gaussian", "disk"])
def test_constant_image_stays_constant_at_any_depth(kernel):
    depth = np.random.default_rng(1).uniform(1.0, 9.0, (48, 96))
    depth[10:30, 20:60] = 1.2
    rendered, _ = render_defocus(np.full((48, 96), 0.6, np.float32), depth, CAMERA, kernel=kernel)
    np.testing.assert_allclose(rendered, 0.6, atol=1e-5)


def test_slanted_plane_is_equation_4_taken_literally():
    """Without occlusion the layers add up to a Gaussian of each pixel's own sigma, before and behind the focus."""
    image = ndimage.gaussian_filter(np.random.default_rng(2).random((48, 96)), 1.0)
    image = np.float32((image - image.min()) / np.ptp(image))
    signed = np.linspace(-3, 5, 96)[None].repeat(48, 0)
    rendered, sigma = render_defocus(image, depth_for(signed), CAMERA)
    rows, columns = np.indices(image.shape)
    oracle = np.empty_like(image)
    padded = np.pad(image, 24, mode="symmetric")
    offset = np.arange(-24, 25)
    for r, c in zip(rows.flat, columns.flat, strict=True):
        profile = np.exp(-(offset**2) / (2 * max(sigma[r, c], 0.05) ** 2))
        oracle[r, c] = profile @ padded[r : r + 49, c : c + 49] @ profile / profile.sum() ** 2
    assert np.abs(rendered - oracle).max() < 0.06
    assert np.sqrt(np.mean((rendered - oracle) ** 2)) < 0.01
    flat = ndimage.gaussian_filter(image, sigma.mean())
    assert np.sqrt(np.mean((flat - oracle) ** 2)) > 0.05  # one blur for all would not pass


def test_mirrored_scene_renders_to_the_mirrored_picture(texture):
    depth = np.random.default_rng(3).uniform(1.5, 4.0, (8, 12)).repeat(8, 0).repeat(8, 1)
    rendered, _ = render_defocus(texture, depth, CAMERA)
    mirrored, _ = render_defocus(texture[:, ::-1], depth[:, ::-1], CAMERA)
    differs = np.abs(mirrored[:, ::-1] - rendered) > 0.02
    assert differs.mean() < 0.005  # where two pixels are equally near, either may be extended


def test_noise_has_the_asked_deviation_and_repeats():
    gray = np.full((96, 96), 0.5, np.float32)
    depth = np.full(gray.shape, 2.0)
    first, _ = render_defocus(gray, depth, CAMERA, noise=0.05, seed=4)
    again, _ = render_defocus(gray, depth, CAMERA, noise=0.05, seed=4)
    other, _ = render_defocus(gray, depth, CAMERA, noise=0.05, seed=5)
    assert first.std() == pytest.approx(0.05, rel=0.03)
    assert first.mean() == pytest.approx(0.5, abs=0.002)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_linear_light_averages_light_and_keeps_a_sharp_picture(texture):
    checks = (np.indices((64, 96)).sum(axis=0) % 2).astype(np.float32)
    rendered, _ = render_defocus(checks, np.full((64, 96), depth_for(6.0)), CAMERA, linear=True)
    assert rendered[32, 48] == pytest.approx(0.7354, abs=1e-3)  # half the light is sRGB 188 of 255, not 128
    sharp, _ = render_defocus(texture, np.full((64, 96), 2.0), CAMERA, linear=True)
    np.testing.assert_allclose(sharp, texture, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"kernel": "disk", "noise": 0.01, "seed": 3, "linear": True}])
def test_a_camera_and_the_blur_that_it_makes_render_alike(texture, options):
    signed = np.linspace(-4, 6, 96, dtype=np.float32)[None].repeat(64, 0)
    by_camera, sigma = render_defocus(texture, depth_for(signed), CAMERA, **options)
    np.testing.assert_allclose(sigma, np.abs(signed), atol=1e-5)
    by_map = optics.render(texture, signed, **options)
    assert np.abs(by_map - by_camera).mean() < 1e-3  # a column at a layer's border may be in either


def test_unknown_blur_is_refused(texture):
    with pytest.raises(ValueError, match="NaN or infinity; mask or fill"):
        optics.render(texture, np.full((64, 96), np.nan))


def test_inputs_are_left_alone(texture):
    depth = np.linspace(1.5, 4, 64 * 96).reshape(64, 96)
    image_before, depth_before = texture.copy(), depth.copy()
    render_defocus(texture, depth, CAMERA)
    np.testing.assert_array_equal(texture, image_before)
    np.testing.assert_array_equal(depth, depth_before)


# Errors


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"focal_length": 0}, "focal_length"),
        ({"f_number": -2}, "f_number"),
        ({"sensor_width": np.nan}, "sensor_width"),
        ({"image_width": 0}, "image_width"),
        ({"focus_distance": 0.05}, "focal length"),
        ({"focus_distance": np.nan}, "focal length"),
    ],
)
def test_impossible_cameras_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        replace(CAMERA, **change)


@pytest.mark.parametrize("depth", [0.0, -1.0, np.nan])
def test_impossible_depths_are_refused(depth):
    with pytest.raises(ValueError, match="depths in metres"):
        optics.circle_of_confusion(depth, CAMERA)


@pytest.mark.parametrize(
    ("shape", "value", "depth_shape", "options", "named"),
    [
        ((8, 96, 4), 0.5, (8, 96), {}, r"\(H, W\) or \(H, W, 3\)"),
        ((8, 96), 1.5, (8, 96), {}, r"\[0, 1\]"),
        ((8, 96), np.nan, (8, 96), {}, "NaN"),
        ((8, 96), 0.5, (8, 95), {}, "map of shape .* as the image"),
        ((8, 50), 0.5, (8, 50), {}, "image_width"),
        ((8, 96), 0.5, (8, 96), {"kernel": "box"}, "box"),
        ((8, 96), 0.5, (8, 96), {"noise": -0.1}, "noise"),
        ((8, 96), 0.5, (8, 96), {"step": 0}, "step"),
    ],
)
def test_unusable_scenes_are_refused(shape, value, depth_shape, options, named):
    with pytest.raises(ValueError, match=named):
        render_defocus(np.full(shape, value, np.float32), np.full(depth_shape, 2.0), CAMERA, **options)


@pytest.mark.parametrize("kernel", [optics.gaussian_kernel, optics.disk_kernel])
@pytest.mark.parametrize("size", [-1.0, np.nan, np.inf])
def test_impossible_blurs_are_refused(kernel, size):
    with pytest.raises(ValueError, match="not negative"):
        kernel(size)
