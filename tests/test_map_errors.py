"""Errors of blur maps."""

import numpy as np
import pytest

from lib.studies.map_errors import map_errors

RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(0, 19, (20, 30)).astype(np.float32)
ESTIMATE = TRUTH + RNG.normal(0, 2, TRUTH.shape)


def test_errors_by_their_definition():
    found = map_errors(ESTIMATE, TRUTH)
    assert found["rmse"] == pytest.approx(np.linalg.norm(ESTIMATE - TRUTH) / np.sqrt(TRUTH.size))
    assert found["mae"] == pytest.approx(np.abs(ESTIMATE - TRUTH).sum() / TRUTH.size)
    ranks = [each.ravel().argsort().argsort() for each in (ESTIMATE, TRUTH)]
    assert found["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_order_is_what_spearman_sees():
    assert map_errors(np.exp(TRUTH), TRUTH)["spearman"] == pytest.approx(1)
    assert map_errors(-TRUTH, TRUTH)["spearman"] == pytest.approx(-1)


def test_only_the_mask_counts():
    mask = np.zeros(TRUTH.shape, bool)
    mask[5:10, 3:20] = True
    spoiled = np.where(mask, ESTIMATE, np.nan)
    assert map_errors(spoiled, TRUTH, mask) == map_errors(ESTIMATE[5:10, 3:20], TRUTH[5:10, 3:20])


@pytest.mark.filterwarnings("error")
def test_a_constant_map_has_errors_but_no_order():
    found = map_errors(np.full(TRUTH.shape, 3.0), TRUTH)
    assert np.isnan(found.pop("spearman"))
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize(
    ("estimate", "mask", "message"),
    [
        (ESTIMATE[:-1], None, r"one shape.*\(19, 30\), \(20, 30\)"),
        (ESTIMATE, np.ones((3, 3), bool), r"one shape.*\(3, 3\)"),
        (ESTIMATE, TRUTH, "mask of bool.*float32"),
        (ESTIMATE, np.zeros(TRUTH.shape, bool), "at least one pixel"),
        (np.where(TRUTH > 18, np.nan, TRUTH), None, "finite"),
    ],
)
def test_what_does_not_fit_is_named(estimate, mask, message):
    with pytest.raises(ValueError, match=message):
        map_errors(estimate, TRUTH, mask)
