import cv2
import numpy as np
import pytest

from lib import paths
from lib.enhancement.clahe import BINS, clahe, redistribute

GOLDEN = np.load(paths.ROOT / "tests/golden/fusion_small.npz")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def test_matches_the_golden_array():
    out = clahe(GOLDEN["clahe_in"], 0.003)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, GOLDEN["clahe_out_8x8_0003"], rtol=0, atol=1e-6)


def test_without_a_limit_it_is_opencvs():
    # OpenCV differs only in how it hands out what is cut off; here nothing is.
    plane = np.uint8(255 * noise(128, 192))
    expected = cv2.createCLAHE(0, (3, 2)).apply(plane)
    assert np.abs(255 * clahe(plane / 255, 1.0, tiles=(2, 3)) - expected).max() <= 1


def test_strips_do_not_show(monkeypatch):
    plane = noise(200, 150)
    whole = clahe(plane, 0.01)
    monkeypatch.setattr("lib.enhancement.clahe._STRIP_PIXELS", 1000)
    np.testing.assert_array_equal(clahe(plane, 0.01), whole)


@pytest.mark.parametrize("clip_limit", [0, 5e-4, 0.005, 0.02])
def test_limit_bounds_the_gain_of_contrast(clip_limit):
    dim = (0.4 + 0.1 * noise(512, 512)).astype(np.float32)
    gain = clahe(dim, clip_limit).std() / dim.std()
    assert gain < (1 + 255 * clip_limit) * 1.05
    assert gain > 0.95 * min(1 + 255 * clip_limit, 4)


def test_precision_of_16_bit_stays():
    ramp = np.tile(np.linspace(0.2, 0.8, 4096, dtype=np.float32), (128, 1))
    assert len(np.unique(clahe(ramp, 5e-4)[64])) > 4000


def test_constant_moves_a_level_at_most():
    for value in (0, 0.3, 0.5, 1):
        out = clahe(np.full((600, 500), float(value)), 0)
        assert np.ptp(out) == 0
        assert abs(out[0, 0] - value) <= 1.2 / 255


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (65, 7)])
def test_any_size(shape):
    out = clahe(noise(*shape), 0.01)
    assert out.shape == shape
    assert 0 <= out.min() <= out.max() <= 1


def test_redistribution_keeps_the_sum_and_the_limit():
    rng = np.random.default_rng(0)
    for limit in (4, 5, 9, 40):
        histogram = np.bincount(rng.integers(0, 40, 1000), minlength=BINS)
        out = redistribute(histogram, limit)
        assert (out.sum(), out.max() <= limit) == (1000, True)


def test_bad_input_is_named():
    plane = noise(20, 30)
    for arguments in ((noise(5, 6, 3), 0.1), (plane, -0.1), (plane, 1.5), (plane, np.nan), (plane, 0.1, (0, 8))):
        with pytest.raises(ValueError, match="clip limit"):
            clahe(*arguments)
