"""Training a narrow DMENet on rendered scenes, and adapting it to real photos.

``python -m lib.estimators.dmenet.training`` does the first, ``... --adapt WEIGHTS`` the second. A batch is a function
of the seed and the step alone, and a checkpoint holds the optimizers too; so a killed run goes on where it stopped.
"""

import functools
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf

from lib import images, paths, records
from lib.classifiers import fast_layers
from lib.estimators.dmenet import adaptation, network, scenes
from lib.estimators.dmenet.card import card

CHECKPOINT_SECONDS = 240
MOMENTUM = 0.99
"""Of batch normalization's moving averages; the authors' 0.9 would follow the last few batches alone."""
NOISE = 0.02
"""Greatest deviation of the noise added to a picture."""
GRAY = 0.15
"""Share of pictures that are turned gray."""
WATCHED = 16
"""Test scenes that are looked at during the training; nothing is chosen by them."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    width, peak : float
        Of `network.build`.
    side, batch : int
        Of the crops that a step sees, pixels, and their number; when adapting, as many of real photos too.
    learning_rate : float
        Of Adam after a rise over the first twentieth; then half a cosine down to 0.
    steps : int
    minutes : float
        The training ends with the last step or with this much processor time, whichever comes first: the learning rate
        follows the one that is nearer its end. Time that other programs take does not count.
    content, sharpness, adversarial : float
        Weights of the losses of `adaptation`; used when adapting.
    """

    width: float = 0.25
    peak: float = 4.0
    side: int = 96
    batch: int = 4
    learning_rate: float = 1e-3
    steps: int = 2500
    minutes: float = 30
    content: float = 1e-2
    sharpness: float = 2e-2
    adversarial: float = 1e-3


def rendered_batch(step, pool, recipe, seed):
    """Crops of rendered scenes, each turned, noisy and differently bright at random.

    Parameters
    ----------
    step : int
    pool : (images, sigma)
        From `scenes.make_pool`.
    recipe : Recipe
    seed : int

    Returns
    -------
    pictures : (batch, side, side, 3) float32 ndarray
    blur : (batch, side, side, 1) float32 ndarray
        `network.to_blur` of the true sigma.
    """
    rng = np.random.default_rng((seed, 0, step))
    chosen = rng.integers(len(pool[0]), size=recipe.batch)
    pairs = [_crop((pool[0][k], pool[1][k]), recipe.side, rng) for k in chosen]
    pictures = np.stack([_vary(picture, rng) for picture, _ in pairs])
    sigma = np.stack([sigma for _, sigma in pairs])[..., None].astype(np.float32)
    return pictures, network.to_blur(sigma)


def real_batch(step, real, recipe, seed):
    """Crops of real photos, turned at random, and of their masks: see `scenes.real_photos`."""
    rng = np.random.default_rng((seed, 1, step))
    chosen = rng.integers(len(real[0]), size=recipe.batch)
    pairs = [_crop((real[0][k], real[1][k]), recipe.side, rng) for k in chosen]
    pictures = np.stack([np.float32(picture) / 255 for picture, _ in pairs])
    return pictures, np.stack([mask for _, mask in pairs])[..., None]


def _crop(pair, side, rng):
    """The same square of a picture and its map, seen from a random one of its eight sides."""
    top, left = (rng.integers(length - side + 1) for length in pair[0].shape[:2])
    transpose, up, across = rng.random(3) < 0.5
    cut = [whole[top : top + side, left : left + side][:: 1 - 2 * up, :: 1 - 2 * across] for whole in pair]
    return [part.swapaxes(0, 1) for part in cut] if transpose else cut


def _vary(picture, rng):
    picture = np.float32(picture) / 255 * rng.uniform(0.6, 1.1)
    if rng.random() < GRAY:
        picture = np.repeat(images.to_gray(picture)[..., None], 3, axis=2)
    noise = rng.normal(0, rng.uniform(0, NOISE), picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


class Trainer:
    """A network in training: its steps, and its state for a checkpoint.

    Parameters
    ----------
    recipe : Recipe
    start : keras.Model, optional
        A trained network to adapt; otherwise a new one is trained without adaptation.
    """

    def __init__(self, recipe, start=None):
        self.recipe = recipe
        self.model = fast_layers.accelerate(start or network.build(recipe.width, recipe.peak))
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = MOMENTUM
        features = self.model.get_layer(adaptation.FEATURES).output
        self.full = keras.Model(self.model.input, [*self.model.outputs, features])
        self.judges = []
        if start:
            self.content = adaptation.content_network(start)
            width = network.settings(start)[0]
            self.judges = [adaptation.sharpness_network(width), adaptation.discriminator(features.shape[-1], width)]
        self.optimizers = [keras.optimizers.Adam(recipe.learning_rate, global_clipnorm=1.0) for _ in range(2)]
        for optimizer, variables in zip(self.optimizers, self._trained(), strict=True):
            optimizer.build(variables)
        self.step = tf.function(self._adapt if start else self._learn)

    def _trained(self):
        """The variables of each of the two optimizers: the network with the sharpness judge, and the discriminator."""
        sharpness, domain = (judge.trainable_variables for judge in self.judges) if self.judges else ([], [])
        return self.model.trainable_variables + sharpness, domain

    def _learn(self, pictures, truth):
        with tf.GradientTape() as tape:
            *maps, _ = self.full(pictures, training=True)
            loss = adaptation.blur_map_loss(maps, truth)
        self._update(0, tape, loss)
        return {"blur_map": loss}

    def _adapt(self, pictures, truth, photos, sharp):
        recipe = self.recipe
        judge, domain = self.judges
        with tf.GradientTape() as tape, tf.GradientTape() as domain_tape:
            *maps, rendered = self.full(pictures, training=True)
            real_map, *_, real = self.full(photos, training=True)
            losses = {
                "blur_map": adaptation.blur_map_loss(maps, truth),
                "content": adaptation.content_loss(self.content, maps[0], truth),
                "sharpness": adaptation.sharpness_loss(judge(real_map, training=True), sharp),
                "adversarial": adaptation.domain_loss(domain(real, training=True), rendered=True),
            }
            loss = losses["blur_map"] + tf.add_n(
                [getattr(recipe, name) * losses[name] for name in ("content", "sharpness", "adversarial")]
            )
            losses["discriminator"] = adaptation.domain_loss(
                domain(tf.stop_gradient(rendered), training=True), rendered=True
            ) + adaptation.domain_loss(domain(tf.stop_gradient(real), training=True), rendered=False)
        self._update(0, tape, loss)
        self._update(1, domain_tape, losses["discriminator"])
        return losses

    def _update(self, which, tape, loss):
        variables = self._trained()[which]
        self.optimizers[which].apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    def set_rate(self, fraction):
        """Set the learning rate for the time when this fraction of the training is done."""
        rise = min(1, fraction * 20)
        for optimizer in self.optimizers:
            optimizer.learning_rate.assign(
                self.recipe.learning_rate * rise * (1 + np.cos(np.pi * min(1, fraction))) / 2
            )

    def variables(self):
        """All that a checkpoint holds, in a fixed order."""
        return [v for part in (self.model, *self.judges, *self.optimizers) for v in part.variables]


def train(run, pool, recipe, seed=0, start=None, real=None, progress=None):
    """Train a network, or go on with a killed training.

    Parameters
    ----------
    run : path
        Folder for the checkpoint; where it holds one, training goes on from there, if need be to another end.
    pool : dict of (images, sigma)
        "train" and "test", from `scenes.make_pool`.
    recipe : Recipe
    seed : int
    start : keras.Model, optional
        A network to adapt to
    real : (pictures, sharp)
        real photos, from `scenes.real_photos`.
    progress : callable, optional
        Called after every step with (share done, row of the history or None).

    Returns
    -------
    model : keras.Model
    history : list of dict
        A row a checkpoint: step, seconds, mean losses, mean absolute error on `WATCHED` test scenes.
    seconds : float
        Of processor time, that before a kill included.

    Raises
    ------
    ValueError
        The run was started with other settings.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    trainer = Trainer(recipe, start)
    fixed = {name: value for name, value in asdict(recipe).items() if name not in ("steps", "minutes")}
    settings = {"recipe": fixed, "seed": seed, "adapts": start is not None}
    state = _resume(run, trainer, settings) or {"settings": settings, "step": 0, "seconds": 0.0, "history": []}
    done, losses = 0.0, []
    saved, began = time.monotonic(), time.process_time() - state["seconds"]
    while done < 1:
        trainer.set_rate(_share(recipe, state["step"], time.process_time() - began))
        batch = rendered_batch(state["step"], pool["train"], recipe, seed)
        if start:
            batch += real_batch(state["step"], real, recipe, seed)
        losses.append({name: float(value) for name, value in trainer.step(*map(tf.constant, batch)).items()})
        state["step"] += 1
        state["seconds"] = time.process_time() - began
        done, row = _share(recipe, state["step"], state["seconds"]), None
        if time.monotonic() - saved > CHECKPOINT_SECONDS or done >= 1:
            row = {"step": state["step"], "seconds": round(state["seconds"])}
            row |= {name: float(np.mean([each[name] for each in losses])) for name in losses[0]}
            watched = [part[:WATCHED] for part in pool["test"]]
            row["mean_absolute_error"] = evaluate(trainer.model, watched, seed)["mean_absolute_error"]
            state["history"].append(row)
            _checkpoint(run, trainer, state)
            saved, losses = time.monotonic(), []
        if progress:
            progress(done, row)
    return trainer.model, state["history"], state["seconds"]


def _share(recipe, step, seconds):
    """How much of the training is done."""
    return max(step / recipe.steps, seconds / 60 / recipe.minutes)


def _checkpoint(run, trainer, state):
    """Write variables and state in one file, whole or not at all."""
    partial = run / "partial-checkpoint.npz"
    arrays = {f"v{number}": variable.numpy() for number, variable in enumerate(trainer.variables())}
    np.savez(partial, state=json.dumps(state), **arrays)
    os.replace(partial, run / "checkpoint.npz")


def _resume(run, trainer, settings):
    path = run / "checkpoint.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        state = json.loads(str(stored["state"]))
        if state["settings"] != json.loads(json.dumps(settings)):
            msg = f"The run in {run} was started with other settings: remove it, or name another folder."
            raise ValueError(msg)
        for number, variable in enumerate(trainer.variables()):
            variable.assign(stored[f"v{number}"])
    return state


def evaluate(model, pool, seed=0, noise=0.01):
    """Test a network on rendered scenes.

    Parameters
    ----------
    model : keras.Model
    pool : (images, sigma)
        Scenes that it was not trained on.
    seed : int
        Of the noise.
    noise : float
        Its deviation.

    Returns
    -------
    dict
        ``mean_absolute_error`` and ``root_mean_square_error`` of sigma over all pixels, pixels, ``bias`` (mean of
        estimate less truth), and ``constant``: the mean absolute error of answering the median of these scenes
        everywhere.
    """
    predict = _predict(model)
    rng = np.random.default_rng((seed, 2))
    errors = []
    for picture, sigma in zip(*pool, strict=True):
        noisy = np.clip(np.float32(picture) / 255 + rng.normal(0, noise, picture.shape), 0, 1).astype(np.float32)
        errors.append(network.to_sigma(predict(tf.constant(noisy[None])).numpy()[0, ..., 0]) - sigma)
    errors, truth = np.stack(errors).astype(np.float64), np.asarray(pool[1], np.float64)
    return {
        "mean_absolute_error": float(abs(errors).mean()),
        "root_mean_square_error": float(np.sqrt((errors**2).mean())),
        "bias": float(errors.mean()),
        "constant": float(abs(truth - np.median(truth)).mean()),
        "scenes": len(truth),
    }


@functools.cache
def _predict(model):
    """The map of a batch as a traced function: tracing takes longer than testing."""
    return tf.function(lambda batch: model(batch, training=False)[0])


@click.command()
@click.option("--adapt", type=click.Path(exists=True, dir_okay=False), help="Weights to adapt to real photos.")
@click.option("--minutes", default=30.0, show_default=True, help="Processor time to train at most.")
@click.option("--steps", default=2500, show_default=True, help="Steps to train at most.")
@click.option("--rate", default=1e-3, show_default=True, help="Greatest learning rate.")
@click.option("--scenes", "count", default=2400, show_default=True, help="Scenes to render for training.")
@click.option("--seed", default=0, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the run. [default: runs/dmenet/NAME]")
def main(adapt, minutes, steps, rate, count, seed, output):
    """Train dmenet-compact, or adapt it; a killed run goes on where it stopped.

    The folder of the run gets NAME.keras, its card NAME.md and, while it runs, a checkpoint; data/results/local gets
    the record.
    """
    name = "dmenet-compact-adapted" if adapt else "dmenet-compact"
    output = output or paths.ROOT / "runs" / "dmenet" / name
    folder = paths.ROOT / "runs" / "dmenet" / f"scenes-{count}-{seed}"
    sizes = {"train": count, "test": 150}
    pool = {split: scenes.make_pool(folder, split, size, seed) for split, size in sizes.items()}
    recipe = Recipe(minutes=minutes, steps=steps, learning_rate=rate)
    start, real = (network.load(adapt), scenes.real_photos()) if adapt else (None, None)

    def report(done, row):
        if row:
            click.echo(f"{done:.3f} " + " ".join(f"{key} {value:.5g}" for key, value in row.items()))

    model, history, seconds = train(output, pool, recipe, seed, start, real, report)
    network.save(model, output / f"{name}.keras")
    result = {
        "network": name,
        "recipe": asdict(recipe),
        "samples_seen": history[-1]["step"] * recipe.batch,
        "history": history,
        # The shipped weights are tested, not those before rounding to float16.
        "test": evaluate(network.load(output / f"{name}.keras"), pool["test"], seed),
    }
    data = {
        "scenes": sizes,
        "textures": {split: [name for name, _ in scenes.textures(split)] for split in sizes},
        "real_photos": "lytro pairs" if adapt else None,
        "adapted_from": Path(adapt).name if adapt else None,
    }
    target = paths.RESULTS / "local" / f"train_{name}.json"
    records.write(target, result, profile="local", data=data, seed=seed, seconds=seconds)
    (output / f"{name}.md").write_text(card(records.read(target)))
    click.echo(f"{output / name}.keras: {result['test']}")


if __name__ == "__main__":
    main()
