"""The comparison with ground truth: scenes, calibration, masks, tables, cost."""

import os

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import fbeta_score, jaccard_score, precision_recall_fscore_support

from lib import estimators, photos
from lib.studies import comparisons, photographed, profiles, public_sets
from lib.studies.map_errors import mask_scores, public_scores
from lib.studies.photographed import Setting

needs_mirror = pytest.mark.skipif(
    not os.environ.get(photos.MIRROR), reason=f"{photos.MIRROR} names no folder with the photo sets"
)


@pytest.fixture
def small_scenes(monkeypatch):
    """Two small scenes in place of the profile's."""
    rng = np.random.default_rng(0)
    image = rng.random((48, 64, 3), np.float32)
    depth = np.tile(np.linspace(1, 3, 64), (48, 1))

    def small(profile="quick", only=None):
        for k, setting in enumerate((Setting(0.05, 4), Setting(0.9, 6, "disk"))):
            yield f"scene-{k}", *photographed.render(image, depth, setting, seed=k)

    monkeypatch.setattr(photographed, "scenes", small)
    return list(small())


def test_a_setting_says_where_is_focus_and_how_large_is_the_largest_sigma():
    image, depth = np.full((20, 101, 3), 0.5, np.float32), np.tile(np.linspace(1, 3, 101), (20, 1))
    photo, sigma, textured = photographed.render(image, depth, Setting(0.25, 7.0, noise=0.1), seed=1)
    assert sigma.max() == pytest.approx(7, rel=1e-5)
    assert np.argmin(sigma[0]) == 25
    assert photo.std() == pytest.approx(0.1, rel=0.1)
    assert not textured.any()


def test_textured_is_judged_in_focus(small_scenes):
    assert all(textured.all() for *_, textured in small_scenes)


def test_quick_scenes_are_bundled():
    found = list(photographed.scenes("quick"))
    assert [name for name, *_ in found] == photographed.names("quick")
    assert all(image.shape[:2] == sigma.shape == textured.shape for _, image, sigma, textured in found)


def test_calibration_is_fitted_to_the_other_scenes(small_scenes):
    rows = comparisons.judge_scenes(["entropy", "fdm"], folder=None)
    assert [(row["scene"], row["method"]) for row in rows] == [
        (f"scene-{k}", name) for k in (0, 1) for name in ("entropy", "fdm", "constant")
    ]
    assert [row["calibrated"] for row in rows[:3]] == [True, False, True]
    truths = [sigma for _, _, sigma, _ in small_scenes]
    constant = rows[2]["all"]["mae"]
    assert constant == pytest.approx(np.abs(truths[0] - truths[1].mean()).mean(), rel=0.02)


def test_a_scene_is_not_calibrated_on_its_other_photos(monkeypatch):
    """Photos of one scene are alike: what is known of one tells of the other."""
    rng = np.random.default_rng(0)
    truths = {"a-0": 1.0, "a-1": 1.0, "b-0": 3.0}

    def three(profile="quick", only=None):
        for name, sigma in truths.items():
            yield name, rng.random((32, 32), np.float32), np.full((32, 32), sigma), np.ones((32, 32), bool)

    monkeypatch.setattr(photographed, "scenes", three)
    error = {row["scene"]: row["all"]["mae"] for row in comparisons.judge_scenes([])}
    assert error == {"a-0": 2.0, "a-1": 2.0, "b-0": 2.0}


def test_scenes_that_constants_were_chosen_on_are_left_out_where_others_are():
    few = [{"scene": name} for name in ("motorcycle-0", "Art-0", "china-2", "coffee-3")]
    assert comparisons.untuned(few) == few
    many = [*few, {"scene": "Books-1"}]
    assert comparisons.untuned(many) == many[2:]


def test_intervals_are_those_of_scipys_bootstrap():
    rng = np.random.default_rng(3)
    of_scene = {method: shift + rng.normal(0, 1, 12) for method, shift in {"a": 2.0, "b": 2.3}.items()}
    rows = [
        {"method": method, "scene": f"s{k}-{setting}", "all": {"mae": value + offset}}
        for method, values in of_scene.items()
        for k, value in enumerate(values)
        for setting, offset in enumerate((-0.5, 0.5))
    ]
    found = comparisons.intervals(rows, "all.mae")
    for method, values in of_scene.items():
        oracle = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
        assert found[method]["low"] == pytest.approx(oracle.low, abs=0.03)
        assert found[method]["high"] == pytest.approx(oracle.high, abs=0.03)
    assert found["a"]["first"] + found["b"]["first"] == pytest.approx(1)
    difference = stats.bootstrap(
        (of_scene["b"] - of_scene["a"],), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).bootstrap_distribution
    assert found["a"]["first"] == pytest.approx(np.mean(difference > 0), abs=0.02)


def test_all_scenes_are_photographed_in_all_settings():
    names = photographed.names("local")
    assert len(names) == len(set(names)) == 19 * len(photographed.SETTINGS)
    assert {comparisons.scene_of(name) for name in names} == {*public_sets.SCENES, *public_sets.MIDDLEBURY_2006}
    assert set(comparisons.TUNED) < {comparisons.scene_of(name) for name in names}


@needs_mirror
def test_only_what_is_asked_for_is_rendered():
    found = list(photographed.scenes("local", only=["Wood1-3"]))
    assert [name for name, *_ in found] == ["Wood1-3"]
    _, image, sigma, _ = found[0]
    assert image.shape[:2] == sigma.shape
    assert sigma.max() == pytest.approx(photographed.SETTINGS[3].largest)


def test_spearman_is_that_of_the_map_before_calibration(small_scenes):
    name, image, sigma, _ = small_scenes[0]
    estimator = estimators.get("standard_deviation")
    row = next(row for row in comparisons.judge_scenes(["standard_deviation"]) if row["scene"] == name)
    expected = comparisons.map_errors(-estimator(image), sigma)["spearman"]
    assert row["all"]["spearman"] == pytest.approx(expected)


def test_a_perfect_estimator_has_no_error(small_scenes, monkeypatch):
    answers = {image.tobytes(): sigma for _, image, sigma, _ in small_scenes}
    monkeypatch.setattr("lib.estimators.fdm.estimate", lambda image: answers[image.tobytes()])
    estimators.get.cache_clear()
    rows = [row for row in comparisons.judge_scenes(["fdm"]) if row["method"] == "fdm"]
    estimators.get.cache_clear()
    assert all(row["all"]["mae"] == row["textured"]["rmse"] == 0 for row in rows)


def test_maps_that_are_there_are_not_estimated_again(tmp_path, monkeypatch):
    image = np.random.default_rng(0).random((40, 40), np.float32)
    first = comparisons.estimate_once("entropy", image, tmp_path / "a" / "entropy.npy")
    monkeypatch.setattr(estimators, "get", None)
    np.testing.assert_array_equal(comparisons.estimate_once("entropy", image, tmp_path / "a" / "entropy.npy"), first)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["entropy.npy"]


def test_mask_scores_by_their_definition():
    rng = np.random.default_rng(0)
    blurred = rng.random((30, 40)) > 0.4
    blur = np.where(rng.random((30, 40)) > 0.2, blurred, ~blurred) + 2.0  # every fifth pixel is wrong
    found = mask_scores(blur, blurred)
    precision, recall, *_ = precision_recall_fscore_support(blurred.ravel(), blur.ravel() > 2.5, average="binary")
    assert found["f_measure"] == pytest.approx(1.3 * precision * recall / (0.3 * precision + recall))
    assert found["mae"] == pytest.approx((blurred != (blur > 2.5)).mean())
    pairs = (blur[blurred][:, None] > blur[~blurred]).mean() + (blur[blurred][:, None] == blur[~blurred]).mean() / 2
    assert found["auc"] == pytest.approx(pairs)


def test_masks_by_the_public_protocol_are_scikit_learns():
    rng = np.random.default_rng(1)
    masks, maps = rng.random((3, 20, 30)) > 0.4, rng.random((3, 20, 30))
    rows = [{"method": "ours"} | public_scores(7 * blur, mask) for blur, mask in zip(maps, masks, strict=True)]
    low, high = (maps.reshape(3, -1).min(1)[:, None, None], maps.reshape(3, -1).max(1)[:, None, None])
    cut = (maps - low) / (high - low) > 0.5
    expected = []
    for wanted, found in ((masks, cut), (~masks, ~cut)):
        pairs = [(one.ravel(), other.ravel()) for one, other in zip(wanted, found, strict=True)]
        expected.append(np.mean([fbeta_score(*pair, beta=0.3**0.5) for pair in pairs]))
        expected.append(jaccard_score(wanted.ravel(), found.ravel()))
    assert comparisons.by_public_protocol(rows)["ours"] == pytest.approx(expected)


def test_mask_scores_of_a_constant_map():
    blurred = np.arange(20).reshape(4, 5) > 4
    assert mask_scores(np.full((4, 5), 3.0), blurred)["auc"] == 0.5


def test_table_averages_by_method_and_leaves_out_none():
    rows = [{"method": "a", "all": {"mae": value, "spearman": None}} for value in (1.0, None, 3.0)]
    assert comparisons.table(rows, ["all.mae", "all.spearman"]) == {"a": {"all.mae": 2.0, "all.spearman": None}}


def test_methods_are_ranked_by_a_mean():
    means = {"lbp": {"auc": 0.5, "mae": 2.0}, "constant": {"auc": 0.3, "mae": 3.0}, "fdm": {"auc": 0.75, "mae": 1.0}}
    assert comparisons.ranked(means, "mae") == [("FDM", 0.75, 1.0), ("LBP", 0.5, 2.0), ("constant", 0.3, 3.0)]
    assert comparisons.ranked(means, "auc", largest=True) == comparisons.ranked(means, "mae")


def test_every_method_is_compared_and_parameter_sets_are_not():
    assert len(set(comparisons.methods())) == len(comparisons.methods())
    assert {*estimators.names(), "mobilenet_v2-lens"} <= set(comparisons.methods())
    assert "lbp-fig8" not in comparisons.methods()


@needs_mirror
def test_masks_are_read_as_white_for_blurred():
    rows = comparisons.judge_masks(["standard_deviation"])
    assert len(rows) == 11
    assert np.mean([row["auc"] for row in rows]) > 0.7


# Cost


@pytest.mark.parametrize("megapixels", [0.05, 0.25, 1.0])
def test_the_photo_has_the_size_asked_for(megapixels):
    image = profiles.photo(megapixels)
    assert image.shape[0] * image.shape[1] == pytest.approx(1e6 * megapixels, rel=0.01)
    assert image.std() > 0.1


def test_a_measurement_has_a_process_of_its_own():
    row = comparisons._in_a_process_of_its_own("standard_deviation", 0.1)
    assert row["method"] == "standard_deviation"
    assert row["mebibytes"] >= row["idle_mebibytes"] > 10
    assert 0 < row["seconds"] < 5
