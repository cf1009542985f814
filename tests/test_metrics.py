"""Fusion metrics against stored reference values, definitions worked out by hand, and properties."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lib import images, photos
from lib.metrics import FUSION_METRICS, fusion_metrics, qcb, qfmi, qg, qp, qy
from lib.metrics.inputs import gray_levels
from lib.metrics.qcb import qcb_map
from lib.metrics.qfmi import qfmi_map
from lib.metrics.qg import best, qg_map
from lib.metrics.qp import phase_congruency, qp_maps
from lib.metrics.qy import qy_map

FOLDER = Path(__file__).parent / "golden"
GOLDEN, FLAT = np.load(FOLDER / "metrics_small.npz"), np.load(FOLDER / "fmi_flat_crop.npz")
A, B, SHARP = GOLDEN["A"], GOLDEN["B"], GOLDEN["F1"]
FUSIONS = {"sharp": 1, "mean": 2, "max": 3}

fusions = pytest.mark.parametrize("number", FUSIONS.values(), ids=FUSIONS)
needs_mirror = pytest.mark.skipif(
    not os.environ.get(photos.MIRROR), reason=f"{photos.MIRROR} names no folder with the photo sets"
)


def stored(key, number):
    return GOLDEN[f"{key}_{number}"].item()


def noise(seed, shape=(40, 36)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def flat(level, shape=(40, 36)):
    return np.full(shape, level, np.uint8)


# The reference


@fusions
def test_all_five_match_the_reference(number):
    found = fusion_metrics(A, B, GOLDEN[f"F{number}"])
    assert list(found) == ["QG", "QP", "QY", "QCB", "QFMI"]
    for name, value in found.items():
        key = "QCB_noround" if name == "QCB" else name
        assert value == pytest.approx(stored(key, number), abs=1e-9), name


@fusions
def test_variants_match_their_toolboxes(number):
    fused = GOLDEN[f"F{number}"]
    assert qg(A, B, fused, variant="mfif") == pytest.approx(stored("LiuQG", number), abs=1e-9)
    assert qy(A, B, fused, flat="equal") == pytest.approx(stored("LiuQY", number), abs=1e-9)
    # Exact halves are rounded up or down, as the last bit of the stretched image has it.
    assert qcb(A, B, fused, rounded=True) == pytest.approx(stored("QCB_round255", number), abs=1e-4)


def test_variants_differ_from_the_paper():
    assert abs(qg(A, B, SHARP, variant="mfif") - qg(A, B, SHARP)) > 0.01
    assert abs(qcb(A, B, SHARP, rounded=True) - qcb(A, B, SHARP)) > 1e-4


def test_phase_congruency_and_its_moments_match_the_reference():
    for found, key in zip(phase_congruency(A), ("pc_A", "pc_M_A", "pc_m_A"), strict=True):
        np.testing.assert_allclose(found, GOLDEN[key], rtol=0, atol=1e-12)


def test_qfmi_has_the_references_habits_in_flat_windows():
    assert qfmi(FLAT["A"], FLAT["B"], FLAT["F"]) == pytest.approx(0.620414578919706, abs=1e-12)


@fusions
def test_each_map_averages_to_its_metric(number):
    pictures = A, B, GOLDEN[f"F{number}"]
    for metric, of_pixels in ((qg, qg_map), (qy, qy_map), (qcb, qcb_map), (qfmi, qfmi_map)):
        assert of_pixels(*pictures).mean() == pytest.approx(metric(*pictures), abs=1e-12)
    assert np.nanmean(qp_maps(*pictures), axis=(1, 2)).prod() == pytest.approx(qp(*pictures), abs=1e-12)


@needs_mirror
@pytest.mark.parametrize("pair", ["14", "17", "20"])
def test_qy_is_undefined_where_the_reference_is(pair):
    check_undefined(pair)


@needs_mirror
@pytest.mark.slow
@pytest.mark.parametrize("pair", [f"{n:02d}" for n in range(1, 21)])
def test_qy_is_undefined_for_11_of_the_20_lytro_pairs(pair):
    check_undefined(pair)


def check_undefined(pair):
    a, b = (images.to_uint8(images.read(photos.file(f"lytro/pairs/lytro-{pair}-{x}.jpg"))) for x in "AB")
    undefined = int(pair) in {2, 4, 6, 7, 9, 11, 12, 15, 17, 18, 19}
    assert np.isnan(qy(a, b, a)) == undefined
    assert 0.3 < qy(a, b, a, flat="exact") < 1


# Identical images, and who may be swapped


def test_identical_images_score_the_best_of_the_metric():
    found = fusion_metrics(A, A, A)
    assert found.pop("QP") < 0.999  # the features of the sources are masked, those of the fusion are not
    assert found == pytest.approx({"QG": best(), "QY": 1, "QCB": 1, "QFMI": 1}, abs=1e-9)
    assert best() == pytest.approx(1 / (1 + np.exp(-5)) ** 2)
    assert qg(A, A, A, variant="mfif") == pytest.approx(best("mfif"))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("flat", ["paper", "exact"])
def test_no_fusion_scores_more_than_the_best(seed, flat):
    found = fusion_metrics(noise(seed), noise(seed + 10), noise(seed + 20), flat=flat)
    bounds = {"QG": best(), "QP": 1, "QY": 1, "QCB": 1, "QFMI": 1}
    assert all(found[name] < bound for name, bound in bounds.items()), found


def test_three_metrics_do_not_care_which_source_comes_first():
    for metric in (qg, qy, qcb):
        assert metric(B, A, SHARP) == pytest.approx(metric(A, B, SHARP), abs=1e-12)
    # Where both sources have the same phase congruency, QP takes the moments of B.
    assert qp(B, A, SHARP) == pytest.approx(qp(A, B, SHARP), abs=1e-9)


def test_qfmi_depends_on_the_order_of_the_sources():
    assert qfmi(FLAT["B"], FLAT["A"], FLAT["F"]) != pytest.approx(qfmi(FLAT["A"], FLAT["B"], FLAT["F"]), abs=1e-4)


@pytest.mark.parametrize("metric", FUSION_METRICS.values(), ids=FUSION_METRICS)
def test_blur_costs(metric):
    blurred = ndimage.gaussian_filter(SHARP, 2)
    assert metric(A, B, blurred) < metric(A, B, SHARP) - 0.05


# Definitions


def test_qg_of_an_edge_turned_by_a_right_angle_is_nothing():
    ramp = np.tile(np.arange(0, 80, 2, dtype=np.uint8), (40, 1))
    inside = qg_map(ramp, ramp, ramp.T)[1:-1, 1:-1]  # beyond the border are zeros, and so more edges
    assert inside == pytest.approx(1 / (1 + np.exp(-5)) / (1 + np.exp(15)), rel=1e-4)


def test_qg_of_half_an_edge():
    ramp = np.tile(np.arange(0, 160, 4, dtype=np.uint8), (40, 1))
    inside = qg_map(ramp, ramp, ramp // 2)[1:-1, 1:-1]
    assert inside == pytest.approx(1 / 2 / (1 + np.exp(-5)))


def test_qg_takes_an_edge_and_its_negative_for_the_same():
    inside = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(qg_map(A, B, 255 - A)[inside], qg_map(A, B, A)[inside], rtol=0, atol=1e-6)


def test_qy_between_equal_sources_is_ssim_by_its_definition():
    i = np.arange(-3, 4)
    weights = np.exp(-(i**2 + i[:, None] ** 2) / 4.5).ravel()
    found = qy_map(A, A, SHARP)
    for row, column in ((0, 0), (10, 20), (33, 29)):
        x, y = (picture[row : row + 7, column : column + 7].ravel().astype(float) for picture in (A, SHARP))
        (var_x, cov), (_, var_y) = np.cov(x, y, aweights=weights, ddof=0)
        mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
        ssim = 2 * mean_x * mean_y / (mean_x**2 + mean_y**2) * 2 * cov / (var_x + var_y)
        assert found[row, column] == pytest.approx(ssim, abs=1e-9)


def test_qcb_sees_relative_contrast_only():
    dark = A // 2
    assert qcb(dark, B, 2 * dark) == pytest.approx(qcb(dark, B, dark), abs=1e-9)
    assert qg(dark, B, 2 * dark) < qg(dark, B, dark) - 0.01


def test_qfmi_sees_horizontal_gradients_only():
    rows = np.arange(40, dtype=np.uint8)[:, None]
    assert qfmi(A // 2, B // 2, A // 2 + rows) == pytest.approx(qfmi(A // 2, B // 2, A // 2), abs=0.01)
    assert qfmi(A // 2, B // 2, A // 2 + rows[:36].T) == pytest.approx(qfmi(A // 2, B // 2, A // 2), abs=0.01)


def test_qfmi_asks_whether_b_is_the_fusion_only_after_a_was():
    spike = np.zeros((3, 5), np.uint8)
    spike[1] = 100, 0, 100, 0, 100  # its gradients are 0 but for the last, so its entropy is 0
    other = noise(0, (3, 5))
    windows = [qfmi_map(*pictures)[0, 2] for pictures in ((spike, spike, spike), (spike, other, spike))]
    np.testing.assert_allclose(windows, [1, 0.5], atol=1e-12)
    assert qfmi_map(other, spike, spike)[0, 2] == pytest.approx(0, abs=1e-12)


# Where a metric is not defined


def test_pictures_without_anything_in_them():
    found = fusion_metrics(flat(0), flat(0), flat(0))
    assert {name for name, value in found.items() if np.isnan(value)} == {"QP", "QY", "QCB"}
    assert found["QFMI"] == 1
    assert qy(flat(0), flat(0), flat(0), flat="equal") == 1
    assert fusion_metrics(flat(7), flat(90), flat(7), flat="exact")["QY"] == 1


def test_a_fusion_without_anything_in_it():
    found = fusion_metrics(A, B, flat(100))
    assert np.isnan(found.pop("QCB"))
    assert found.pop("QP") > 0.99  # no variance: the constant of each correlation divides itself
    assert all(abs(value) < 0.1 for value in found.values()), found


def test_qy_of_flat_windows_is_rounding_unless_exact():
    a, b, fused = flat(46), flat(147), flat(100)
    assert not 0 <= qy(a, b, fused) <= 1
    luminance = 2 * 147 * 100 / (147**2 + 100**2)
    assert qy(a, b, fused, flat="exact") == pytest.approx((luminance + 2 * 46 * 100 / (46**2 + 100**2)) / 2, abs=0.1)


def test_qy_choices_agree_without_flat_windows():
    assert qy(A, B, SHARP) == qy(A, B, SHARP, flat="equal") == qy(A, B, SHARP, flat="exact")


# Inputs


def test_color_is_turned_to_gray_as_matlab_does():
    colors = np.random.default_rng(0).integers(0, 256, (40, 36, 3), dtype=np.uint8)
    exact = colors.astype(object) @ np.array([298936021293775, 587043074451121, 114020904255103])
    expected = ((exact + 5 * 10**14) // 10**15).astype(float)
    np.testing.assert_array_equal(gray_levels(colors, A, A, 3)[0], expected)
    # 106.500005: in float32 it is 106.499992
    assert gray_levels(*[np.full((3, 3, 3), (151, 102, 13), np.uint8)] * 3, 3)[0][0, 0] == 107


def test_gray_pictures_may_have_three_channels():
    color = [np.dstack([picture] * 3) for picture in (A, B, SHARP)]
    assert fusion_metrics(*color) == fusion_metrics(A, B, SHARP)


@pytest.mark.parametrize("shape", [(31, 31), (31, 40), (64, 33)])
def test_odd_sizes(shape):
    a, b = noise(1, shape), noise(2, shape)
    assert all(0.1 < value < 1 for value in fusion_metrics(a, b, a // 2 + b // 2).values())


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ((A / 255, B, SHARP), "a as uint8.*float64.*to_uint8"),
        ((A, B.astype(np.uint16), SHARP), "b as uint8.*uint16"),
        ((A, B, SHARP[:, :-1]), r"one size.*fused \(40, 35\)"),
        ((A, B, np.dstack([SHARP] * 4)), r"fused of shape.*\(40, 36, 4\)"),
        ((A[None], B, SHARP), r"a of shape.*\(1, 40, 36\)"),
        ((A[:30], B[:30], SHARP[:30]), r"31x31.*\(30, 36\)"),
    ],
)
def test_pictures_that_do_not_fit_are_named(pictures, message):
    with pytest.raises(ValueError, match=message):
        fusion_metrics(*pictures)


@pytest.mark.parametrize(("metric", "smallest"), [(qg, 3), (qp, 11), (qy, 7), (qcb, 31), (qfmi, 3)])
def test_each_metric_names_its_smallest_picture(metric, smallest):
    least = noise(0, (smallest, smallest))
    assert np.isfinite(metric(least, least, least))
    with pytest.raises(ValueError, match=f"at least {smallest}x{smallest}"):
        metric(least[1:], least[1:], least[1:])


@pytest.mark.parametrize(("metric", "option"), [(qg, "variant"), (qy, "flat")])
def test_unknown_options_are_named(metric, option):
    with pytest.raises(ValueError, match=rf"{option} to be one of \('paper', .*'matlab'"):
        metric(A, B, SHARP, **{option: "matlab"})
