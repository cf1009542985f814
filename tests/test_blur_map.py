import numpy as np
import pytest
import tensorflow as tf

from lib import blur_map


class Recorder:
    """A classifier that answers with a window's mean gray value, in levels, and keeps what it saw."""

    input_shape = (None, 32, 32, 1)

    def __init__(self):
        self.seen = []

    def __call__(self, batch, training):
        assert training is False
        level = tf.cast(tf.round(tf.reduce_mean(batch, (1, 2, 3)) * 19), tf.int32)
        return tf.one_hot(level, 20) * 0.8 + 0.01


def released_code(gray, step):
    """Section 3.2 by the book: loop over the windows, add, count, divide."""
    height, width = gray.shape
    total, count = np.zeros(gray.shape), np.zeros(gray.shape)
    for r in range(0, height, step):
        for c in range(0, width, step):
            real = gray[r : r + 32, c : c + 32]
            window = np.pad(real, ((0, 32 - real.shape[0]), (0, 32 - real.shape[1])), "symmetric")
            total[r : r + 32, c : c + 32] += np.round(window.mean(dtype=np.float32) * 19)
            count[r : r + 32, c : c + 32] += 1
    return total / count


def smooth_noise(shape):
    rng = np.random.default_rng(0)
    return np.clip(np.cumsum(rng.normal(0, 0.05, shape), axis=1) * 0.3 + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "step"),
    [((70, 90), 8), ((64, 64), 32), ((33, 40), 1), ((50, 41), 7), ((20, 50), 8), ((1, 1), 3), ((5, 31), 16)],
)
def test_map_is_equation_6_with_the_released_borders(shape, step):
    gray = smooth_noise(shape)
    result = blur_map.estimate(gray, Recorder(), step)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, released_code(gray, step), atol=1e-5)


def test_windows_without_overlap_keep_their_label():
    answers = np.arange(6.0).reshape(2, 3)
    expected = np.kron(answers, np.ones((32, 32)))
    np.testing.assert_array_equal(blur_map.average(answers, (64, 96), 32), expected)


def test_average_of_equal_answers_is_that_answer():
    np.testing.assert_allclose(blur_map.average(np.full((13, 9), 7.25), (100, 70), 8), 7.25, rtol=1e-6)


def test_expected_labels_are_the_mean_level():
    gray = np.full((40, 40), 5 / 19, np.float32)
    result = blur_map.estimate(gray, Recorder(), 8, labels="expected")
    np.testing.assert_allclose(result, 0.8 * 5 + 0.01 * 190, rtol=1e-5)


def test_confidence_is_the_probability_of_the_chosen_level():
    blur, confidence = blur_map.estimate(smooth_noise((40, 50)), Recorder(), 16, confidence=True)
    assert confidence.shape == blur.shape == (40, 50)
    np.testing.assert_allclose(confidence, 0.81, rtol=1e-5)


def test_color_counts_as_its_luma():
    color = np.random.default_rng(1).random((48, 40, 3), dtype=np.float32)
    luma = color @ np.float32([0.298936021293775, 0.587043074451121, 0.114020904255103])
    np.testing.assert_allclose(blur_map.estimate(color, Recorder()), blur_map.estimate(luma, Recorder()))


def test_batches_do_not_change_the_map(monkeypatch):
    gray = smooth_noise((64, 80))
    whole = blur_map.estimate(gray, Recorder())
    monkeypatch.setattr(blur_map, "BATCH", 7)
    seen = []
    np.testing.assert_array_equal(blur_map.estimate(gray, Recorder(), progress=lambda *n: seen.append(n)), whole)
    assert seen[-1] == (80, 80)


@pytest.mark.parametrize("step", [0, 33, -1, 2.5])
def test_impossible_step_is_refused(step):
    with pytest.raises(ValueError, match="step of 1 to 32"):
        blur_map.estimate(np.zeros((40, 40), np.float32), Recorder(), step)


def test_image_with_nan_is_refused():
    gray = np.zeros((40, 40), np.float32)
    gray[3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        blur_map.estimate(gray, Recorder())


def test_a_filled_map_follows_the_sure_windows_along_the_colors(monkeypatch):
    photo = np.zeros((64, 96, 3), np.float32)
    photo[:, 48:] = 0.9, 0.5, 0.1
    truth = np.where(np.arange(96) < 48, 2.0, 8.0) * np.ones((64, 1))
    sure = np.random.default_rng(0).random((64, 96)) > 0.7
    answers = np.where(sure, truth, 5), np.where(sure, 0.99, 0.2)
    monkeypatch.setattr(blur_map, "classify", lambda *_: answers)
    monkeypatch.setattr(blur_map, "average", lambda values, *_: np.float32(values))
    plain, confidence = blur_map.estimate(photo, None, confidence=True)
    filled = blur_map.estimate(photo, None, filled=True)
    np.testing.assert_array_equal(confidence, np.float32(answers[1]))
    assert np.abs(filled - truth).mean() < 0.2 * np.abs(plain - truth).mean()


def test_gray_photos_can_be_filled():
    gray = smooth_noise((40, 50))
    filled = blur_map.estimate(gray, Recorder(), filled=True)
    plain = blur_map.estimate(gray, Recorder())
    assert plain.min() <= filled.min() <= filled.max() <= plain.max()
