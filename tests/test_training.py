import json
import shutil
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from lib import classifiers, dataset, patches, paths
from lib.studies import profiles, trainings
from lib.training import batches, evaluation, recipes, trainer


def tiny_network(shape, classes, dropout=0.0):
    """A network that trains in a second, residual block and batch normalization included."""
    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(inputs)
    branch = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(x))
    x = keras.layers.Add()([x, branch])
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(16, 3, strides=2, activation="relu")(x))
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x), name="tiny_inside")


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(classifiers.NETWORKS, "tiny", tiny_network)
    return "tiny"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noise patches: their blur shows in their contrast alone."""
    rng = np.random.default_rng(0)
    pictures = [(f"noise {k}", rng.integers(0, 256, (96, 128), dtype=np.uint8)) for k in range(4)]
    folder = tmp_path_factory.mktemp("patches") / "set"
    dataset.build(lambda: iter(pictures), folder, patches.READINGS["lens"], (0.5, 0.25, 0.25))
    return folder


RECIPE = recipes.Recipe(learning_rate=0.01, schedule="cosine", samples=32 * 60, batch=32, augment=True)


def test_an_epoch_shows_every_sample_once(data):
    samples = dataset.load(data, "train")
    recipe = recipes.Recipe(batch=samples.shape[0] * 20 // 4, epochs=1)
    seen = [batches.batch_at(step, samples, recipe, seed=0) for step in range(4)]
    pixels, levels = (np.concatenate(part) for part in zip(*seen, strict=True))
    np.testing.assert_array_equal(np.bincount(levels), np.full(20, samples.shape[0]))
    everything = dataset.as_float(samples).reshape(-1, 1024).sum(1)
    np.testing.assert_allclose(np.sort(pixels.reshape(-1, 1024).sum(1)), np.sort(everything), rtol=1e-5)


def test_labels_are_those_of_the_samples(data):
    samples = dataset.load(data, "train")
    pixels, levels = batches.batch_at(0, samples, recipes.Recipe(batch=64, epochs=1), seed=1)
    for picture, level in zip(pixels[..., 0], levels, strict=True):
        assert (abs(dataset.as_float(samples[:, level]) - picture).max((1, 2)) == 0).any()


def test_turning_keeps_the_pixels_and_uses_all_eight_sides():
    square = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    turned = batches._turn(np.repeat(square, 200, axis=0), np.random.default_rng(0))
    assert len({t.tobytes() for t in turned}) == 8
    assert (np.sort(turned.reshape(200, -1)) == np.arange(4)).all()


ONE_THREAD = """
import functools
import sys
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
from lib import classifiers
from tests.test_training import RECIPE, tiny_network, trainer
classifiers.NETWORKS["tiny"] = functools.partial(tiny_network, dropout=0.1)
data, run, stop = sys.argv[1], sys.argv[2], int(sys.argv[3])
steps = []
def progress(step, total):
    steps.append(step)
    trainer.CHECKPOINT_SECONDS = 0 if step == stop - 1 else 1e9  # one checkpoint, before the last step of a killed run
    if step == stop:
        raise SystemExit
model, _, _ = trainer.train("tiny", data, run, RECIPE, seed=5, progress=progress)
model.save_weights(run + "/end.weights.h5")
print("began at", steps[0])
"""


def test_killed_training_goes_on_elsewhere_without_a_seam(data, tmp_path):
    def train(folder, stop=0):
        command = [sys.executable, "-c", ONE_THREAD, str(folder / "data"), str(folder / "run"), str(stop)]
        return subprocess.run(command, check=True, cwd=paths.ROOT, capture_output=True, text=True).stdout

    machines = [tmp_path / name for name in ("whole", "first", "second")]
    for machine in machines:
        shutil.copytree(data, machine / "data")
    whole, first, second = machines
    assert "began at 1" in train(whole)
    train(first, stop=37)
    shutil.copytree(first / "run", second / "run")
    assert "began at 37" in train(second)  # the step that was under way is done again
    one, other = (json.loads((machine / "run" / "state.json").read_text())["history"] for machine in (whole, second))
    for key in set(one[0]) - {"processor_seconds"}:
        assert [row[key] for row in one] == [row[key] for row in other]
    with h5py.File(whole / "run/end.weights.h5") as a, h5py.File(second / "run/end.weights.h5") as b:
        names = []
        a.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert len(names) > 10
        for name in names:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_a_history_has_twenty_rows(tiny, data, tmp_path):
    history = trainer.train(tiny, data, tmp_path / "run", RECIPE)[1]
    assert [row["samples"] for row in history] == [96 * k for k in range(1, 21)]
    times = [row["processor_seconds"] for row in history]
    assert times == sorted(times)
    assert times[-1] > 0


TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from lib import classifiers
from tests.test_training import RECIPE, tiny_network, trainer
classifiers.NETWORKS["tiny"] = tiny_network
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
trainer.train("tiny", sys.argv[1], sys.argv[2], RECIPE, seed=5, strategy=two)
"""


def test_two_devices_train_like_one(tiny, data, tmp_path):
    trainer.train(tiny, data, tmp_path / "one", RECIPE, seed=5)
    # Devices can be divided in a fresh process only.
    command = [sys.executable, "-c", TWO_DEVICES, str(data), str(tmp_path / "two")]
    subprocess.run(command, check=True, cwd=paths.ROOT)
    one, two = (json.loads((tmp_path / name / "state.json").read_text())["history"] for name in ("one", "two"))
    for name in ("train_loss", "train_accuracy", "validation_loss"):
        np.testing.assert_allclose([row[name] for row in two], [row[name] for row in one], rtol=1e-3)


def test_training_learns(tiny, data, tmp_path):
    _, history, _ = trainer.train(tiny, data, tmp_path / "run", RECIPE)
    assert history[-1]["train_loss"] < 0.9 * np.log(20)
    assert history[-1]["train_accuracy"] > 2 / 20
    assert history[-1]["samples"] == RECIPE.samples


def test_a_run_of_other_settings_is_not_continued(tiny, data, tmp_path):
    short = recipes.Recipe(samples=64, batch=32)
    trainer.train(tiny, data, tmp_path / "run", short, seed=0)
    with pytest.raises(ValueError, match="other settings"):
        trainer.train(tiny, data, tmp_path / "run", short, seed=1)
    other = tmp_path / "data"
    shutil.copytree(data, other)
    np.save(other / "train.npy", dataset.load(data, "train")[::-1])
    with pytest.raises(ValueError, match="or patches"):
        trainer.train(tiny, other, tmp_path / "run", short, seed=0)


def test_paper_recipe_is_the_papers():
    recipe = recipes.RECIPES["full"]
    assert (recipe.learning_rate, recipe.batch, recipe.epochs, recipe.schedule) == (0.001, 128, 100, "constant")
    optimizer = trainer.prepare("mobilenet_v2", recipe, 10).optimizer
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.9, 0.999, 1e-8)
    assert recipe.steps(392240) == 306437  # 39 million samples


def test_quiet_residuals_leave_the_shortcuts_alone():
    model = trainer.prepare("mobilenet_v2", recipes.RECIPES["local"], 10)
    norms = [layer for layer in model.layers[-1].layers if isinstance(layer, keras.layers.BatchNormalization)]
    silent = {layer.name for layer in norms if not layer.gamma.numpy().any()}
    assert silent == {f"block_{k}_project_BN" for k in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)}
    assert {layer.momentum for layer in norms} == {0.99}


class Oracle:
    """Answers with the level written into the first pixel, one too many for level 3."""

    def __call__(self, batch, training):
        level = np.rint(batch[:, 0, 0, 0] * 255).astype(int)
        return np.eye(20)[np.where(level == 3, 4, level)]


def test_scores_are_right_for_a_known_classifier():
    samples = np.zeros((7, 20, 32, 32), np.uint8)
    samples[:, :, 0, 0] = np.arange(20)
    scores = evaluation.evaluate(Oracle(), samples, chunk=3)
    assert scores["accuracy"] == pytest.approx(0.95)
    assert scores["within_one"] == 1
    assert scores["mean_absolute_error"] == pytest.approx(0.05)
    assert scores["expected_mean_absolute_error"] == pytest.approx(0.05)
    assert np.array(scores["confusion"])[3, 4] == 7
    assert np.trace(scores["confusion"]) == 7 * 19


def test_profile_trains_tests_and_records(tiny, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    photos = [(f"photo {k}", rng.integers(0, 256, (64, 128), dtype=np.uint8)) for k in range(6)]
    monkeypatch.setattr(profiles, "training_photos", lambda profile: iter(photos))
    monkeypatch.setitem(recipes.RECIPES, "quick", recipes.Recipe(samples=64, batch=32))
    record = trainings.run_profile(tiny, "quick", "lens", tmp_path / "run")
    assert len(list((tmp_path / "run" / "test").iterdir())) == len(patches.ALL_READINGS)
    assert record == json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["profile"] == "quick"
    assert record["result"]["samples_seen"] == 64
    assert sum(map(sum, record["result"]["test"]["confusion"])) == record["data"]["samples"]["test"]
    assert set(record["result"]["test_by_reading"]) == {str(reading) for reading in patches.ALL_READINGS}
    assert record["result"]["test"] == record["result"]["test_by_reading"]["full, image, 8 bits"]
    model = classifiers.load(tmp_path / "run" / "weights.keras")
    assert model.input_shape == (None, 32, 32, 1)
    card = (tmp_path / "run" / "card.md").read_text()
    assert card.startswith("# tiny-lens\n")
    assert all(name in card for name in record["data"]["photos_of"]["test"])
    assert sum(line.startswith(("| full", "| 2sigma")) for line in card.splitlines()) == 8


def test_too_few_photos_are_refused_before_the_training(tiny, tmp_path, monkeypatch):
    sharp = np.random.default_rng(1).integers(0, 256, (64, 128), dtype=np.uint8)
    monkeypatch.setattr(profiles, "training_photos", lambda profile: iter([("a", sharp), ("b", sharp)]))
    with pytest.raises(ValueError, match="add photos, or split by patch"):
        trainings.run_profile(tiny, "quick", "lens", tmp_path / "run")
