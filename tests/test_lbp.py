"""LBP: codes and sharpness against Yi and Eramian's program, belief propagation against exact inference."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from lib.estimators import lbp

GOLDEN = np.load(Path(__file__).parent / "golden" / "lbp.npz")
THRESHOLDS = {"005": 0.005, "016": 0.016, "025": 0.025}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_codes_and_shares_are_the_authors(name):
    codes = lbp.pattern_codes(GOLDEN["im"], THRESHOLDS[name])
    np.testing.assert_array_equal(codes, GOLDEN[f"code_t{name}"])
    for size in (7, 11, 15, 21):
        np.testing.assert_array_equal(lbp.sharpness(codes, size), GOLDEN[f"raw_s{size}_t{name}"])


def test_stretched_sharpness_is_the_authors():
    codes = lbp.pattern_codes(GOLDEN["im"], 0.016)
    np.testing.assert_array_equal(lbp.stretch(lbp.sharpness(codes, 11)), GOLDEN["ref_norm_s11_t016"])


def test_flat_levels_have_code_0_at_every_level():
    for level in range(256):
        assert not lbp.pattern_codes(np.full((3, 3), level), 0.005).any()


def exact(alphas, beta):
    """The probability of focus at the last scale, from all states of a small graph."""
    x = (alphas - alphas.mean()) / alphas.std()
    index = np.arange(x.size).reshape(x.shape)
    pairs = [
        (a, b)
        for axis in range(3)
        for a, b in zip(np.delete(index, -1, axis).ravel(), np.delete(index, 0, axis).ravel(), strict=True)
    ]
    total = np.zeros((x.size, 2))
    for states in itertools.product((0, 1), repeat=x.size):
        s = np.array(states)
        energy = np.abs(s - x.ravel()).sum() + beta * sum(s[a] != s[b] for a, b in pairs)
        total[np.arange(x.size), s] += np.exp(-energy)
    return (total[:, 1] / total.sum(axis=1)).reshape(x.shape)[-1]


def test_belief_is_exact_on_a_chain():
    alphas = np.random.default_rng(0).random((1, 1, 9))
    np.testing.assert_allclose(lbp.belief(alphas, 0.5, stop=1e-7), exact(alphas, 0.5), atol=1e-5)


def test_belief_is_nearly_exact_on_a_graph_with_loops():
    alphas = np.random.default_rng(1).random((3, 2, 2))
    np.testing.assert_allclose(lbp.belief(alphas, 0.25), exact(alphas, 0.25), atol=0.01)


def test_without_bonds_only_the_largest_scale_counts():
    alphas = np.random.default_rng(2).random((3, 4, 5))
    x = (alphas - alphas.mean()) / alphas.std()
    focus, blur = np.exp(-np.abs(1 - x[-1])), np.exp(-np.abs(x[-1]))
    np.testing.assert_allclose(lbp.belief(alphas, 0.0), focus / (focus + blur), rtol=1e-5)


def test_a_certain_foreground_stays():
    image = np.random.default_rng(0).random((64, 64, 3), np.float32)
    share = np.zeros((64, 64))
    share[:, :32] = 1
    alpha = lbp.matte(share, image)
    assert alpha[8:-8, 4:26].mean() > 0.9
    assert alpha[8:-8, 38:-4].mean() < 0.1


def test_parameters_of_the_figures_are_the_papers():
    assert lbp.FIG_8 == {"threshold": 0.025, "sizes": (7, 11, 15), "beta": 0.25}
    assert lbp.FIG_9 == {"threshold": 0.005, "sizes": (11, 15, 21), "beta": 0.5}
