"""Fusion methods against the programs of their authors, the numbers of the paper, and properties."""

import os
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest

from lib import fusion, images, paths, photos, scenes
from lib.fusion import gfdf, gff, ifgd, ours, paper
from lib.fusion import stack as module
from lib.metrics import fusion_metrics
from lib.studies import fusion as fusion_study
from lib.studies import records

GOLDEN = np.load(Path(__file__).parent / "golden" / "fusion_small.npz")
A, B = GOLDEN["A"] / 255, GOLDEN["B"] / 255
LUMA_6_DIGITS = np.array([0.298936, 0.587043, 0.114021])
"""The weights of the program that made the golden weight."""
PUBLISHED = ("gff", "gff-table3", "gfdf", "ifgd")

needs_mirror = pytest.mark.skipif(
    not os.environ.get(photos.MIRROR), reason=f"{photos.MIRROR} names no folder with the photo sets"
)


@pytest.fixture(scope="module")
def scene():
    """A sharp photo, two frames of it with the left or the right half blurred, and their true blur."""
    sharp = photos.load("coffee")[60:220, 120:340]
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3)
    left = np.arange(sharp.shape[1]) < 110
    frames = [np.where(half[:, None], sharp, blurred) for half in (left, ~left)]
    return sharp, frames, [np.broadcast_to(np.where(half, 0.5, 3), sharp.shape[:2]) for half in (left, ~left)]


def options(method, maps):
    return {"blur_maps": maps} if method in fusion.METHODS.taking("blur_maps") else {}


# Against the authors' programs


def levels(image):
    return images.to_uint8(image).astype(int)


def test_gff_matches_the_program():
    out = gff.fuse([A, B], base_radius=15, base_epsilon=0.3, detail_radius=5, detail_epsilon=1e-6)
    assert np.abs(levels(out) - GOLDEN["gff_r15_e03_r5_e1e6"]).max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gfdf_decides_as_the_program(dtype):
    labels = gfdf.decide([A.astype(dtype), B.astype(dtype)])
    np.testing.assert_array_equal(labels == 0, GOLDEN["gfdf_decision"] == 1)


def test_gfdf_weighs_as_the_program():
    decision = GOLDEN["gfdf_decision"] == 1
    guide = np.where(decision, A @ LUMA_6_DIGITS, B @ LUMA_6_DIGITS)
    np.testing.assert_allclose(gfdf.weight(decision, guide), GOLDEN["gfdf_weight"], rtol=0, atol=1e-9)


def test_gfdf_matches_the_program():
    assert np.abs(levels(gfdf.fuse([A, B])) - GOLDEN["gfdf"]).max() <= 1


@pytest.mark.parametrize(("steps", "key"), [(3, "ifgd_recon_mean0"), (0, "ifgd_recon_nopoisson")])
def test_haar_multigrid_matches_the_program(steps, key):
    out = ifgd.haar_multigrid(GOLDEN["ifgd_fused_gx"], GOLDEN["ifgd_fused_gy"], steps)
    np.testing.assert_allclose(out, GOLDEN[key], rtol=0, atol=1e-9)


def test_stretch_and_clahe_of_ifgd_match_the_program():
    np.testing.assert_allclose(ifgd.stretch(GOLDEN["ifgd_recon_mean0"], 16, 235), GOLDEN["channelnorm"], atol=1e-9)
    np.testing.assert_allclose(ifgd.equalize(GOLDEN["clahe_in"]), GOLDEN["clahe_out_8x8_0003"], atol=1e-6)


def test_ifgd_matches_the_program():
    assert np.abs(levels(ifgd.fuse([A, B])) - GOLDEN["ifgd"]).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 2), (5, 3), (33, 64), (40, 130)])
@pytest.mark.parametrize("reconstruct", [ifgd.haar_multigrid, ifgd.poisson])
def test_a_true_gradient_is_integrated_exactly(shape, reconstruct):
    image = np.random.default_rng(0).random(shape)
    np.testing.assert_allclose(reconstruct(*ifgd.gradient(image)), image - image.mean(), atol=1e-9)


# The paper's Table 3


@needs_mirror
@pytest.mark.slow
@pytest.mark.parametrize("image", ["Cookie", "Flower"])
@pytest.mark.parametrize(("method", "row"), [("gff-table3", "GFF"), ("gfdf", "GFDF"), ("ifgd", "GDIIF")])
def test_rows_of_table_3_are_the_paper_s(image, method, row):
    stack = [images.read(photos.file(name)) for name in fusion_study.PAIRS[image]]
    measured = fusion_metrics(*map(images.to_uint8, (*stack, fusion.fuse(stack, method))))
    printed = np.genfromtxt(paths.PAPER / "table3.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    (expected,) = printed[(printed["image"] == image) & (printed["method"] == row)]
    for metric, value in measured.items():
        slack = 2e-4 if (metric, image, row) == ("QY", "Cookie", "GDIIF") else 1e-4
        assert value == pytest.approx(float(expected[metric]), abs=slack), metric


def test_recorded_table_3_holds_the_paper_s_digits():
    result = records.read("table3")["result"]
    printed = np.genfromtxt(paths.PAPER / "table3.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    for image in ("Cookie", "Flower"):
        for method, row in (("gff-table3", "GFF"), ("gfdf", "GFDF"), ("ifgd", "GDIIF")):
            (expected,) = printed[(printed["image"] == image) & (printed["method"] == row)]
            for metric in ("QG", "QP", "QY", "QCB", "QFMI"):
                assert result[image][method][metric] == pytest.approx(float(expected[metric]), abs=2e-4)


def test_ours_is_above_gfdf_in_four_metrics_of_the_recorded_lytro_pairs():
    pairs = records.read("fusion_lytro")["result"]["pairs"]
    assert len(pairs) == 20
    mean = {
        method: {m: np.mean([scores[method][m] for scores in pairs.values()]) for m in pairs["01"][method]}
        for method in ("defocus", "gfdf", "paper")
    }
    for other in ("gfdf", "paper"):
        assert sum(mean["defocus"][m] > mean[other][m] for m in mean["gfdf"]) >= 4


# Properties


@pytest.mark.parametrize("method", [method for method in fusion.METHODS if method != "ifgd"])
@pytest.mark.parametrize("count", [2, 3])
def test_an_image_fused_with_itself_comes_back(method, count, scene):
    image = scene[0]
    maps = [np.full(image.shape[:2], 2.0)] * count
    out = fusion.fuse([image] * count, method, **options(method, maps))
    np.testing.assert_allclose(out, image, atol=1e-6 if method != "gff" else 1e-5)


@pytest.mark.parametrize("method", tuple(fusion.METHODS))
@pytest.mark.parametrize("gray", [False, True])
def test_takes_each_half_from_the_frame_that_is_sharp_there(method, gray, scene):
    sharp, frames, maps = scene
    if gray:
        sharp, frames = images.to_gray(sharp), [images.to_gray(frame) for frame in frames]
    out = fusion.fuse(frames, method, **options(method, maps))
    assert out.shape == sharp.shape
    assert out.dtype == np.float32
    assert 0 <= out.min() <= out.max() <= 1
    away = np.abs(np.arange(sharp.shape[1]) - 110) > 50
    error = np.abs(out - sharp)[:, away]
    if method == "ifgd":  # changes the contrast: its gradients should go with the sharp ones all the same
        slopes = [np.diff(images.to_gray(each), axis=1)[:, away[1:]].ravel() for each in (out, sharp, frames[0])]
        assert np.corrcoef(slopes[0], slopes[1])[0, 1] > 0.85
    else:
        assert error.mean() < (1e-4 if method in ("defocus", "paper", "gfdf") else 0.004)


@pytest.mark.parametrize("method", ["defocus", "paper"])
def test_the_order_of_the_frames_does_not_matter(method):
    rng = np.random.default_rng(1)
    sharp = photos.load("chelsea")[40:140, 100:220]
    blurred = [cv2.GaussianBlur(sharp, (0, 0), s) for s in (2, 3, 4)]
    zone = cv2.resize(rng.integers(0, 3, (3, 3)).astype(np.uint8), (120, 100), interpolation=cv2.INTER_NEAREST)
    frames = [np.where((zone == n)[..., None], sharp, each) for n, each in enumerate(blurred)]
    frames = [np.where(np.arange(120)[:, None] < 20, 1, frame).astype(np.float32) for frame in frames]  # all alike
    maps = [np.where(zone == n, 0.5, 3 + n / 8) for n in range(3)]
    maps = [np.where(np.arange(120) < 40, 1.0, each) for each in maps]  # ties
    out = fusion.fuse(frames, method, **options(method, maps))
    for order in ([2, 0, 1], [1, 0, 2]):
        again = fusion.fuse([frames[n] for n in order], method, **options(method, [maps[n] for n in order]))
        np.testing.assert_allclose(again, out, atol=1e-6)


@pytest.mark.parametrize("count", [2, 5])
def test_weights_add_up_to_one(count):
    rng = np.random.default_rng(2)
    frames = list(rng.random((count, 50, 60)).astype(np.float32))
    maps = list(np.round(rng.random((count, 50, 60)) * 4))
    labels = ours.decide(frames, maps)
    sums = {
        "paper": paper.weights(frames, maps).sum(axis=0),
        "gfdf": sum(gfdf.weight(labels == n, frames[0]) for n in range(count)),
    }
    for name, total in sums.items():
        np.testing.assert_allclose(total, 1, atol=1e-6, err_msg=name)
    assert (paper.weights(frames, maps) >= 0).all()


def test_paper_decides_by_the_lowest_map_and_shares_ties():
    maps = [np.array([[0.0, 2.0, 5.0]]), np.array([[1.0, 2.0, 4.0]]), np.array([[1.0, 3.0, 4.0]])]
    decisions = np.stack(list(paper.decisions(maps)))
    np.testing.assert_array_equal(decisions[:, 0], [[True, True, False], [False, True, True], [False, False, True]])


def test_maps_decide_where_there_is_no_texture():
    flat = np.full((80, 100), 0.5, np.float32)
    near, far = flat.copy(), flat.copy()
    near[:, 50:] += 0.01  # a frame that is a little brighter there, and sharper by its map
    maps = [np.where(np.arange(100) < 50, 4.0, 1.0) * np.ones((80, 1)), np.full((80, 100), 2.5)]
    labels = ours.decide([near, far], maps)
    assert (labels[:, 60:] == 0).all()
    assert (labels[:, :40] == 1).all()


def test_small_regions_go_to_their_surroundings():
    labels = np.zeros((60, 60), int)
    labels[10:13, 10:13] = 1
    labels[30:50, 30:50] = 1
    labels[13, 13] = 1  # touches by its corner
    small = module.small_regions(labels == 1, 11)
    assert small.sum() == 10
    filled = module.fill(labels, small)
    assert filled[10:14, 10:14].sum() == 0
    assert filled.sum() == 400


def test_a_method_holds_one_frame_at_a_time(scene):
    class Lazy:
        alive = most = 0

        def __len__(self):
            return 6

        def __getitem__(self, number):
            if number >= 6:
                raise IndexError
            frame = scene[1][number % 2].copy()
            Lazy.alive += 1
            Lazy.most = max(Lazy.most, Lazy.alive)
            weakref.finalize(frame, self.freed)
            return frame

        @staticmethod
        def freed():
            Lazy.alive -= 1

    for method in ("defocus", "gff", "gfdf", "ifgd", "pyramid"):
        fusion.fuse(Lazy(), method)
    assert Lazy.most <= 3


@pytest.mark.parametrize("method", PUBLISHED + fusion.METHODS.taking("blur_maps"))
@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([np.zeros((40, 50))], "two or more frames"),
        ([np.zeros((40, 50)), np.zeros((40, 51))], "one shape"),
        ([np.zeros((40, 50)), np.full((40, 50), 2.0)], r"frame 2 in \[0, 1\]"),
    ],
)
def test_a_stack_that_is_none_is_refused(method, frames, message):
    maps = options(method, [np.zeros((40, 50))] * len(frames))
    with pytest.raises(ValueError, match=message):
        fusion.fuse(frames, method, **maps)


@pytest.mark.parametrize("method", fusion.METHODS.taking("blur_maps"))
def test_maps_that_do_not_fit_are_refused(method):
    frames = [np.zeros((40, 50), np.float32)] * 2
    with pytest.raises(ValueError, match="for each of 2 frames"):
        fusion.fuse(frames, method, blur_maps=[np.zeros((40, 50))])
    with pytest.raises(ValueError, match="frames' shape"):
        fusion.fuse(frames, method, blur_maps=[np.zeros((4, 5))] * 2)


def test_unknown_method_is_named():
    with pytest.raises(ValueError, match=r"'best'.*gfdf"):
        fusion.fuse([A, B], "best")


# On known truth


OTHERS = tuple(method for method in fusion.METHODS.first if method != "defocus")
"""A method that joins may come nearer."""


@pytest.mark.parametrize(("count", "noises"), [(2, (0.0, 0.02)), (5, (0.0,))])
def test_ours_comes_nearest_to_the_truth_of_the_rendered_motorcycle(count, noises):
    part = np.s_[60:360, 250:700]
    image, depth = (each[part] for each in scenes.motorcycle())
    stacks = [scenes.stack(image, depth, count, noise=noise) for noise in noises]

    def mean(method):
        fused = [fusion.fuse(frames, method, **options(method, sigmas)) for frames, sigmas in stacks]
        scores = [fusion_study.against_truth(each, image) for each in fused]
        return {name: np.mean([each[name] for each in scores]) for name in ("PSNR", "SSIM")}

    ours = mean("defocus")
    for method in OTHERS:
        other = mean(method)
        assert ours["PSNR"] > other["PSNR"], method
        assert ours["SSIM"] > other["SSIM"], method


def test_a_composite_with_an_exact_mask_is_put_together_exactly_away_from_its_border(scene):
    sharp, frames, _ = scene
    away = np.abs(np.arange(sharp.shape[1]) - 110) > 12
    assert np.array_equal(fusion.fuse(frames, "defocus")[:, away], sharp[:, away])


@pytest.mark.parametrize(("height", "width"), [(5, 5), (8, 8), (2, 100), (24, 24)])
def test_small_and_thin_things_stay(height, width):
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((400, 400)).astype(np.float32), (0, 0), 1)
    texture = np.clip(0.5 + (texture - 0.5) * 2, 0, 1)
    blurred = cv2.GaussianBlur(texture, (0, 0), 4)
    thing = np.zeros((400, 400), bool)
    thing[188 : 188 + height, 150 : 150 + width] = True
    stack = [np.where(near, texture, blurred) for near in (thing, ~thing)]
    error = np.abs(fusion.fuse(stack, "defocus") - texture)
    for method in ("gff", "gfdf", "pyramid"):
        assert error[thing].mean() < np.abs(fusion.fuse(stack, method) - texture)[thing].mean(), method
    assert error[~thing].mean() < 1 / 255


@pytest.mark.parametrize("factor", [1 / 64, 1 / 1024])
def test_a_dark_stack_is_fused_as_its_bright_copy(factor, scene):
    bright = fusion.fuse(scene[1], "defocus")
    dark = fusion.fuse([np.float32(factor) * frame for frame in scene[1]], "defocus")
    np.testing.assert_allclose(np.minimum(dark / factor, 1), bright, atol=1e-5)


def test_noise_is_averaged_where_there_is_nothing_else():
    rng = np.random.default_rng(0)
    frames = [np.clip(0.5 + rng.normal(0, 0.02, (120, 160, 3)), 0, 1).astype(np.float32) for _ in range(4)]
    left = {method: fusion.fuse(frames, method).std() for method in ("defocus", "gfdf", "pyramid")}
    assert left["defocus"] < min(left["gfdf"], left["pyramid"])
    assert left["defocus"] < 0.02 / np.sqrt(2)  # of a mean of two; of all four it is half


def test_the_noise_of_bands_and_gradients_is_what_it_says():
    noise = np.random.default_rng(0).standard_normal((1024, 1024)).astype(np.float32)
    for level, variance in enumerate(ours._BAND_NOISE[:4]):
        assert ours.pyramid.split(noise)[level].var() == pytest.approx(variance, rel=0.05)
    assert ours._gradient_energy(noise).mean() == pytest.approx(ours._GRADIENT_NOISE, rel=0.02)


def test_the_score_of_a_triple_is_the_mean_over_its_pairs():
    a, b, c = (np.random.default_rng(n).random((40, 50, 3)).astype(np.float32) for n in range(3))
    a[:10, :10] = b[:10, :10] = 0.2  # flat: the paper's QY would be NaN
    score = fusion_study.score([a, b, c], b)
    of_pairs = [fusion_study.score(pair, b) for pair in ([a, b], [a, c], [b, c])]
    for name, value in score.items():
        assert value == pytest.approx(np.mean([each[name] for each in of_pairs]), abs=1e-12), name
