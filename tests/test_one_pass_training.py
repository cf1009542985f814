"""Training of the one-pass network: the same in one sitting or several."""

import importlib
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from lib import paths, photos

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from lib import classifiers  # noqa: E402
from lib.classifiers import spectrum_net  # noqa: E402
from lib.one_pass import network, weights  # noqa: E402
from lib.studies import records  # noqa: E402
from lib.studies.one_pass import ablation, scenes, trainer  # noqa: E402

TINY = trainer.Recipe(batch=1, scenes=2, growth=0, rise=2, quarters=0)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Two scenes of 64 pixels."""
    folder = tmp_path_factory.mktemp("pool")
    rng = np.random.default_rng(0)
    for number in range(2):
        image = cv2.resize(rng.random((16, 16, 3)), (64, 64), interpolation=cv2.INTER_NEAREST)
        stored = np.dstack([image * 65535, np.full((64, 64), (1 + 5 * number) * scenes.STORED_SIGMA)])
        np.save(scenes.Pool(folder, "train").file(number), stored.astype(np.uint16))
    return folder


def test_the_loss_is_that_of_numpy():
    rng = np.random.default_rng(0)
    answer, sigma = rng.normal(1, 1, (2, 4, 4, 3)), rng.uniform(0, 9, (2, 4, 4, 1))
    total, error = trainer.loss([tf.constant(answer)], tf.constant(sigma), 0.3)
    median, root = answer[..., :1], np.sqrt(sigma)
    off = np.abs(np.maximum(median, 0) ** 2 - sigma).mean()
    expected = np.abs(median - root).mean() + 0.3 * off
    for ends, sign, share in ((answer[..., 1:2], -1, 0.1), (answer[..., 2:], 1, 0.9)):
        e = root - (median + sign * np.log1p(np.exp(ends - 2)))
        expected += np.where(e > 0, share * e, (share - 1) * e).mean()
    assert float(error) == pytest.approx(off)
    assert float(total) == pytest.approx(expected)


def test_the_rate_rises_stays_and_falls():
    recipe = trainer.Recipe(rate=1.0, rise=10, fall=0.5)
    rates = [recipe.rate_at(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:50] == [1.0] * 40
    assert rates[75] == pytest.approx(0.505)
    assert min(rates[50:]) == rates[-1] > 0.01


def test_a_batch_is_a_function_of_seed_and_step(pool):
    one, two = (trainer.batch_at(5, scenes.Pool(pool, "train"), TINY, 1) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)
    other = trainer.batch_at(6, scenes.Pool(pool, "train"), TINY, 1)
    assert not np.array_equal(one[0], other[0])


def test_quarters_are_of_four_times_as_many_scenes(pool):
    photos, sigma = trainer.batch_at(5, scenes.Pool(pool, "train"), replace(TINY, quarters=1), 1)
    assert (photos.shape, sigma.shape) == ((4, 32, 32, 3), (4, 32, 32, 1))


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.Training, "measure", lambda self: {})
    monkeypatch.setattr(scenes, "SIZE", 64)
    runs = {"whole": (4,), "halves": (2, 4)}
    for name, sittings in runs.items():
        for steps in sittings:
            training = trainer.Training(tmp_path / name, pool, replace(TINY, fall=1e-6), seed=3)
            training.train(steps, tell=lambda row: None)
        assert training.state["step"] == 4
    one, two = (np.load(tmp_path / name / "one_pass.npz") for name in runs)
    for name in one.files:
        np.testing.assert_allclose(one[name], two[name], atol=1e-3, err_msg=name)


@pytest.mark.slow
def test_another_recipe_is_refused_or_told_of(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.Training, "measure", lambda self: {})
    trainer.Training(tmp_path, pool, TINY).train(1, tell=lambda row: None)
    with pytest.raises(ValueError, match="other settings"):
        trainer.Training(tmp_path, pool, replace(TINY, rate=0.5))
    changed = trainer.Training(tmp_path, pool, replace(TINY, rate=0.5), changed=True)
    assert changed.state["step"] == changed.state["before"][0]["until"] == 1
    assert changed.state["before"][0]["settings"]["rate"] == TINY.rate


def test_weights_are_of_this_network_only(tmp_path):
    keras.utils.set_random_seed(0)
    model = network.build()
    model.get_layer("encode4_norm").moving_variance.assign(tf.fill([120], 1e5))  # beyond float16
    weights.save(model, tmp_path / "weights.npz")
    loaded = weights.load(network.build(), tmp_path / "weights.npz")
    for one, two in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one if one.ndim == 1 else np.float16(one), two)
    np.savez(tmp_path / "other.npz", kernel=np.zeros(3))
    with pytest.raises(ValueError, match="another network"):
        weights.load(model, tmp_path / "other.npz")


@pytest.mark.skipif(photos.MIRROR not in os.environ, reason=f"{photos.MIRROR} names no mirror of photos")
@pytest.mark.slow
def test_the_fill_command_renders_scenes_in_order(tmp_path):
    trainer.main(["fill", str(tmp_path), "--count", "2", "--split", "dev"], standalone_mode=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev-0-000000.npy", "dev-0-000001.npy"]


def test_its_layers_do_not_take_the_place_of_a_classifiers_of_the_same_name():
    assert network.Polynomials.__module__ != spectrum_net.Polynomials.__module__
    assert classifiers.load("spectrum_net-lens").output_shape == (None, 20)


def test_no_photo_that_the_classifiers_were_tested_on_is_trained_on(monkeypatch, tmp_path):
    held_out = records.load(paths.RESULTS / "local" / "train_spectrum_net-lens.json")["data"]["photos_of"]["test"]
    names = [*held_out, *(f"{name}/other-{k}.png" for name in photos.TRAINING_SETS for k in range(20))]
    files = {name: [tmp_path / each for each in names if each.startswith(f"{name}/")] for name in photos.TRAINING_SETS}
    monkeypatch.setattr(photos, "files", lambda name: files[name])
    assert set(scenes.names("test")) == set(held_out)
    train, dev = set(scenes.names("train")), set(scenes.names("dev"))
    assert train
    assert dev
    assert not train & dev
    assert not (train | dev) & set(held_out)


def test_a_run_tells_what_it_begins_with(tmp_path):
    record = records.read("train_one_pass", "local")
    known = trainer.begun_with(weights.shipped(".npz"))
    assert known["seconds"] + sum(part.get("seconds", 0) for part in known["before"]) == record["seconds"]
    assert known["history"] == record["result"]["history"]
    assert known["step"] == known["since"] == known["before"][-1]["until"] == record["result"]["steps"]
    assert known["before"][-1]["commit"] == record["commit"]
    assert trainer.begun_with(tmp_path / "one_pass.npz") == {}


def test_what_the_ablation_puts_in_the_place_of_a_layer_has_its_shape():
    gray, answer = tf.zeros((1, 64, 96, 1)), tf.zeros((1, 32, 48, 12))
    filters = ablation._learned_filters(None)(name="filters0", dtype="float32")(gray)
    assert filters.shape == network.Polynomials()(gray).shape
    head = ablation._half_the_size(None)(name="answer", dtype="float32")(answer)
    assert head.shape == network.Unfold()(answer).shape
    guided = ablation._guided_upsampling(network.build)()
    assert guided(tf.zeros((1, 64, 96, 3)))[0].shape == (1, 64, 96, 3)


def test_guided_upsampling_of_a_function_of_the_gray_levels_is_that_function_at_full_size():
    photo = np.random.default_rng(0).random((1, 32, 48, 1), np.float32).repeat(3, axis=-1)
    small = photo.reshape(1, 16, 2, 24, 2, 3).mean((2, 4))
    found = ablation._guide((photo, np.float32([2, -1, 0.5]) * small + 3), epsilon=0)
    np.testing.assert_allclose(found, np.float32([2, -1, 0.5]) * photo + 3, atol=1e-4)


@pytest.mark.parametrize("place", sorted({place for row in ablation.ROWS for place in row[2]}))
def test_what_the_ablation_changes_is_there(place):
    module, name = place.split(".")
    package = "lib.one_pass" if module == "network" else "lib.studies.one_pass"
    assert hasattr(importlib.import_module(f"{package}.{module}"), name)
