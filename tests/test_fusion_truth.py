"""The study of what the fusion scores say beside the truth."""

import numpy as np
import pytest
from scipy import stats

from lib import fusion, images, metrics, photos
from lib.studies import fusion_truth


def test_scores_are_those_of_the_library_and_of_scikit_image():
    truth = photos.load("chelsea")[80:144, 120:200]
    frames = [np.where(np.arange(80)[:, None] < 40, *each) for each in ((truth, truth / 2), (truth / 2, truth))]
    found = fusion_truth.scores(frames, truth)
    a, b = map(images.to_uint8, frames)
    for method, row in found.items():
        fused = fusion.fuse(frames, method)
        error = np.mean((fused - truth) ** 2)
        assert row["PSNR"] == pytest.approx(min(fusion_truth.CAP, -10 * np.log10(error)), rel=1e-5)
        assert row["QG"] == metrics.qg(a, b, images.to_uint8(fused))
        assert set(row) == {*metrics.METRICS, "PSNR", "SSIM"}


def test_what_is_put_together_exactly_has_the_cap():
    truth = photos.load("chelsea")[80:144, 120:200]
    assert fusion_truth.scores([truth, truth], truth)["defocus"]["PSNR"] == fusion_truth.CAP


def test_rank_correlations_are_scipy_s_over_methods_and_leave_out_what_has_no_order():
    rng = np.random.default_rng(0)
    rows = {name: dict.fromkeys([*metrics.METRICS, "PSNR", "SSIM"], 0.5) for name in "abcd"}
    for row in rows.values():
        row["QG"], row["PSNR"] = rng.random(2)
    found = fusion_truth.rank_correlations([{"scores": rows}])
    expected = stats.spearmanr([row["QG"] for row in rows.values()], [row["PSNR"] for row in rows.values()]).statistic
    assert found == {("QG", "PSNR"): [pytest.approx(expected)]}


def test_every_method_that_needs_no_maps_is_asked():
    assert set(fusion.METHODS) - set(fusion_truth.methods()) == set(fusion.METHODS.taking("blur_maps")) - {"defocus"}
    assert {"defocus", "gff", "gfdf", "ifgd", "pyramid"} <= set(fusion_truth.methods())
    assert "paper" not in fusion_truth.methods()
