import numpy as np
import pytest

from lib import classifiers, paths


@pytest.fixture(scope="module")
def model():
    return classifiers.build("mobilenet_v2")


def test_mobilenet_has_the_published_number_of_parameters(model):
    # 2,257,984 in the published backbone for RGB; one input channel less in each of two: -2 * 3 * 3 * 32; 20 classes.
    assert model.count_params() == 2257984 - 2 * 9 * 32 + 20 * (1280 + 1)


def test_answers_are_probabilities(model):
    answers = model.predict_on_batch(np.random.default_rng(0).random((5, 32, 32, 1), dtype=np.float32))
    assert answers.shape == (5, 20)
    np.testing.assert_allclose(answers.sum(1), 1, rtol=1e-5)


def test_saved_weights_come_back_within_half_precision(model, tmp_path):
    classifiers.save(model, tmp_path / "net.keras")
    assert (tmp_path / "net.keras").stat().st_size < 12e6
    assert [p.name for p in tmp_path.iterdir()] == ["net.keras"]
    loaded = classifiers.load(tmp_path / "net.keras")
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a.astype(np.float16), b)


def test_unknown_network_is_refused():
    with pytest.raises(classifiers.ModelError, match="mobilenet_v2"):
        classifiers.build("mobilenet_v9")


def test_unknown_weights_are_refused():
    with pytest.raises(classifiers.ModelError, match="mobilenet_v9"):
        classifiers.load("mobilenet_v9")


@pytest.mark.parametrize("damage", ["empty", "text", "truncated"])
def test_damaged_weights_are_refused(model, tmp_path, damage):
    path = tmp_path / "net.keras"
    classifiers.save(model, path)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"not a network", "truncated": whole[: len(whole) // 2]}[damage])
    with pytest.raises(classifiers.ModelError, match=r"net\.keras cannot be read"):
        classifiers.load(path)


@pytest.mark.parametrize("name", classifiers.shipped())
def test_shipped_weights_load_and_have_a_card(name):
    assert classifiers.load(name).output_shape == (None, 20)
    assert (paths.weights() / f"{name}.md").exists()
    assert (paths.weights() / f"{name}.keras").stat().st_size < 12e6
