import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from lib import paths, photos
from lib.estimators.dmenet import network
from lib.studies import records, run
from lib.studies.dmenet import adaptation, study
from lib.studies.dmenet import batches as dmenet_batches
from lib.studies.dmenet import scenes as dmenet_scenes
from lib.studies.dmenet import trainer as dmenet_trainer
from lib.studies.dmenet import training as dmenet_training

RECIPE = dmenet_trainer.Recipe(width=1 / 16, side=32, batch=2, steps=3, minutes=60)


@pytest.fixture(scope="module")
def pictures():
    return [functools.partial(photos.load, name) for name in ("coffee", "chelsea")]


@pytest.fixture(scope="module")
def pool():
    """Three noise pictures whose sigma is their column."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    sigma = np.broadcast_to(np.linspace(0, 9, 48), (3, 48, 48)).astype(np.float16)
    return {"train": (images, sigma), "test": (images, sigma)}


# Scenes


def test_a_scene_is_a_picture_with_its_sigma(pictures):
    rendered = [dmenet_scenes.render(pictures, np.random.default_rng(seed)) for seed in range(8)]
    for scene in rendered:
        assert scene.image.shape == (dmenet_scenes.SIZE, dmenet_scenes.SIZE, 3)
        assert scene.image.min() >= 0
        assert scene.image.max() <= 1
        assert scene.sigma.shape == (dmenet_scenes.SIZE, dmenet_scenes.SIZE)
        assert scene.sigma.min() < 0.1  # something is in focus
        assert scene.sigma.max() <= dmenet_scenes.GREATEST_SIGMA + 1e-3
    assert max(scene.sigma.max() for scene in rendered) > network.to_sigma(1)


def test_a_scene_follows_its_seed(pictures):
    first, again, other = (dmenet_scenes.render(pictures, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.image, again.image)
    assert abs(first.sigma - other.sigma).max() > 0.1


def test_test_photos_are_not_trained_on(monkeypatch, tmp_path):
    files = {name: [tmp_path / name / f"{number:03}.png" for number in range(25)] for name in photos.TRAINING_SETS}
    monkeypatch.setattr(photos, "files", files.get)
    train, test = ({name for name, _ in dmenet_scenes.textures(split)} for split in ("train", "test"))
    assert not train & test
    assert len(test) == 3 * len(files)
    assert "coffee" in train
    assert not any(word in name for name in train | test for word in ("motorcycle", "middlebury", "cuhk", "zhuosim"))


def test_a_pool_is_rendered_once(monkeypatch, tmp_path, pictures):
    monkeypatch.setattr(dmenet_scenes, "textures", lambda split, profile: [("coffee", pictures[0])])
    made = dmenet_scenes.make_pool(tmp_path, "test", 2, seed=3)
    monkeypatch.setattr(dmenet_scenes, "render", None)
    again = dmenet_scenes.make_pool(tmp_path, "test", 2, seed=3)
    for before, after in zip(made, again, strict=True):
        np.testing.assert_array_equal(before, after)
    assert made[0].shape == (2, dmenet_scenes.SIZE, dmenet_scenes.SIZE, 3)
    assert made[1].dtype == np.float16


# Batches


def test_a_batch_is_a_function_of_seed_and_step(pool):
    first, again = (dmenet_batches.rendered(5, pool["train"], RECIPE, 0) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert abs(first[1] - dmenet_batches.rendered(6, pool["train"], RECIPE, 0)[1]).max() > 0


def test_picture_and_map_are_turned_together():
    numbers = np.arange(40 * 40).reshape(40, 40)
    seen = set()
    for seed in range(60):
        picture, sigma = dmenet_batches._crop((np.dstack([numbers] * 3), numbers), 32, np.random.default_rng(seed))
        np.testing.assert_array_equal(picture[..., 1], sigma)
        seen.add((sigma[0, 1] - sigma[0, 0], sigma[1, 0] - sigma[0, 0]))
    assert len(seen) == 8


# Losses


def test_blur_map_loss_compares_each_map_at_its_size():
    truth = np.random.default_rng(0).random((1, 32, 32, 1)).astype(np.float32)
    maps = [truth, truth[:, ::16, ::16], truth[:, ::2, ::2]]
    assert float(adaptation.blur_map_loss(maps, truth)) == 0
    assert float(adaptation.blur_map_loss([truth, maps[1] + 0.5, maps[2] - 0.1], truth)) == pytest.approx(0.26, 1e-4)


def test_undecided_pixels_have_no_say():
    logits = np.array([3.0, -3.0, 5.0], np.float32).reshape(1, 1, 3, 1)
    right = adaptation.sharpness_loss(logits, np.array([1, 0, 255], np.uint8).reshape(1, 1, 3, 1))
    assert float(right) == pytest.approx(np.log1p(np.exp(-3)), 1e-4)
    nothing = adaptation.sharpness_loss(logits, np.full((1, 1, 3, 1), 255, np.uint8))
    assert float(nothing) == 0


def test_the_judges_answer_in_the_right_shapes():
    assert adaptation.sharpness_network(1 / 4).output_shape == (None, None, None, 1)
    assert tuple(adaptation.discriminator(16, 1 / 4)(np.zeros((2, 96, 96, 16), np.float32)).shape) == (2, 3, 3, 1)


# Training


@pytest.fixture
def shallow(monkeypatch):
    """Fewer layers, and steps that are run as written instead of compiled, which takes longer than all of them."""
    monkeypatch.setattr(network, "ENCODER", ((64, 1), (128, 1), (256, 1), (512, 4), (512, 1)))
    monkeypatch.setattr(network, "RESIDUAL_BLOCKS", 0)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(shallow, pool, tmp_path, monkeypatch):
    whole, history, _ = dmenet_training.train(tmp_path / "whole", pool, RECIPE)
    assert history[-1]["step"] == 3

    def kill(done, row):
        if done >= 0.6:
            raise KeyboardInterrupt

    monkeypatch.setattr(dmenet_training, "CHECKPOINT_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        dmenet_training.train(tmp_path / "parts", pool, RECIPE, progress=kill)
    assert json.loads(str(np.load(tmp_path / "parts" / "checkpoint.npz")["state"]))["step"] == 2
    parts, history, _ = dmenet_training.train(tmp_path / "parts", pool, RECIPE)
    assert [row["step"] for row in history] == [1, 2, 3]
    for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    with pytest.raises(ValueError, match="started with other settings"):
        dmenet_training.train(tmp_path / "parts", pool, RECIPE, seed=1)


@pytest.mark.slow
def test_adapting_changes_the_network_and_spares_the_one_it_starts_from(shallow, pool, tmp_path):
    start = network.build(RECIPE.width, RECIPE.peak)
    before = start.get_weights()
    real = pool["train"][0], np.where(pool["train"][1] < 3, 1, 0).astype(np.uint8)
    adapted, history, _ = dmenet_training.train(tmp_path, pool, RECIPE, start=start, real=real)
    assert {"blur_map", "content", "sharpness", "adversarial", "discriminator"} <= set(history[-1])
    assert all(np.isfinite(value) for value in history[-1].values())
    for one, other in zip(before, start.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    kernels = [model.get_layer("conv1_1").kernel for model in (start, adapted)]
    assert abs(np.asarray(kernels[0]) - np.asarray(kernels[1])).max() > 1e-5


def test_the_learning_rate_rises_and_falls_to_zero(shallow):
    network_in_training = dmenet_trainer.Trainer(RECIPE)
    rates = []
    for fraction in (0, 0.025, 0.05, 0.5, 1.2):
        network_in_training.set_rate(fraction)
        rates.append(float(network_in_training.optimizers[0].learning_rate))
    np.testing.assert_allclose(rates, np.array([0, 0.4992, 0.9938, 0.5, 0]) * RECIPE.learning_rate, atol=1e-6)


def test_evaluation_is_of_sigma(pool):
    """A network that answers the same everywhere errs as much as that constant does."""
    pixels, sigma = pool["test"]

    def constant(batch, training):
        return [batch[..., :1] * 0 + dmenet_batches.to_blur(4.5)]

    scores = dmenet_training.evaluate(constant, (pixels, sigma))
    errors = 4.5 - sigma.astype(np.float64)
    assert scores["mean_absolute_error"] == pytest.approx(abs(errors).mean(), 1e-4)
    assert scores["root_mean_square_error"] == pytest.approx(np.sqrt((errors**2).mean()), 1e-4)
    assert scores["bias"] == pytest.approx(errors.mean(), abs=1e-4)
    assert scores["constant"] == pytest.approx(abs(errors).mean(), 1e-3)  # 4.5 is the median


def test_fused_batch_normalization_without_scale_matches_keras():
    """`fast_layers` replaces DMENet's layers by fused ones; training statistics and results stay."""
    from lib.training import fast_layers

    plain = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.BatchNormalization(scale=False)])
    fast = fast_layers.accelerate(plain)
    batch = np.random.default_rng(0).random((4, 8, 8, 3)).astype(np.float32)
    outputs = [np.asarray(model(batch, training=True)) for model in (plain, fast)]
    np.testing.assert_allclose(*outputs, atol=1e-4)
    for one, other in zip(plain.get_weights(), fast.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_the_studies_train_adapt_record_and_write_cards(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(study, "SCENES", {"quick": {"train": 4, "test": 2}})
    monkeypatch.setattr(study, "QUICK_STEPS", 1)
    monkeypatch.setenv(paths.PROFILE, "quick")
    for name in ("dmenet-compact", "dmenet-compact-adapted"):
        record = records.load(run.run(f"train_{name}", "quick"))
        assert record["result"]["samples_seen"] == 4
        made = paths.weights() / "dmenet" / f"{name}.keras"
        assert network.load(name)
        text = made.with_suffix(".md").read_text()
        assert text.startswith(f"# {name}\n")
        assert "not the authors' network" in text
        assert f"{record['result']['test']['mean_absolute_error']:.3f}" in text
        assert set(record["networks"]) >= {f"dmenet/{name}.keras"}
    assert "dmenet/dmenet-compact.keras" in record["networks"]
