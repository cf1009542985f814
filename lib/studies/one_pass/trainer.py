"""Training of the network, in as many sittings as it takes.

A batch is a function of the seed and the step alone, and a checkpoint holds the optimizer and the average of the
weights too. So a killed run goes on, here or, from a copy of its folder, on another machine. The rate of learning is
constant and falls at the end only, over the last part of the steps: a run may be prolonged before that, and even after.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import keras
import numpy as np
import tensorflow as tf

from lib import storage
from lib.one_pass import network, weights
from lib.studies import records
from lib.studies.one_pass import degrade, scenes
from lib.studies.run import file_hash

CHECKPOINT_SECONDS = 240
"""A killed run loses at most this much work, plus one batch."""
MEASURE_SECONDS = 720
"""From one look at the dev photos to the next."""
DEV_SCENES = 96
DEV_PHOTOS = 8
"""Blurred evenly, too."""
MODES = (
    {"noise": 0.0},
    {"noise": 2.55},
    {"noise": 5.0, "gray": True},
    {"noise": 1.0, "jpeg": 80},
)
"""What dev scenes go through in turn."""


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes
    ----------
    rate : float
        Of Adam.
    batch : int
        Scenes a step.
    rise : int
        Steps until the rate is reached.
    fall : float
        Share of the steps at the end over which it falls to a hundredth.
    average : float
        Of the weights, from step to step; the averaged ones are used.
    sigma_weight : float
        Of the error in pixels beside that of the root of sigma.
    scenes, growth : float
        In the pool at first, and more each step, so that training need not wait for them.
    most_scenes : int
    quarters : float
        Share of the batches that are quarters of four times as many scenes: as much work, and more that is independent.
    """

    rate: float = 2e-3
    batch: int = 5
    rise: int = 200
    fall: float = 0.3
    average: float = 0.998
    sigma_weight: float = 0.3
    scenes: int = 600
    growth: float = 1.0
    most_scenes: int = 6_000
    quarters: float = 0.5

    def rate_at(self, step, steps):
        """The rate of learning at a step of so many."""
        down = (step - steps * (1 - self.fall)) / (steps * self.fall)
        return self.rate * min(1, (step + 1) / self.rise, 1 - 0.99 * min(down, 1))

    def available(self, step):
        """Scenes that a batch may draw from."""
        return int(min(self.scenes + self.growth * step, self.most_scenes))


def batch_at(step, pool, recipe, seed):
    """The training batch of a step.

    Parameters
    ----------
    step : int
    pool : scenes.Pool
    recipe : Recipe
    seed : int

    Returns
    -------
    photos : (batch, SIZE, SIZE, 3) or (4 * batch, SIZE / 2, SIZE / 2, 3) float32 ndarray
    sigma : the same with one channel
    """
    rng = np.random.default_rng((seed, step))
    parts = 2 if rng.random() < recipe.quarters else 1
    drawn = []
    for number in rng.integers(recipe.available(step), size=recipe.batch * parts**2):
        scene = pool[number]
        side = len(scene) // parts
        top, left = rng.integers(len(scene) - side + 1, size=2)
        drawn.append(degrade.sample(scene[top : top + side, left : left + side], rng))
    made, sigma = zip(*drawn, strict=True)
    return np.stack(made), np.stack(sigma)[..., None]


def loss(answers, sigma, sigma_weight):
    """Error of the median in roots and in pixels, pinball loss of both quantiles, and the coarse answers' error.

    Returns
    -------
    total, error : scalar tensor
        The second is the mean error in pixels.
    """
    answer, *coarse = answers
    root = tf.sqrt(sigma)
    median, low, high = network.quantiles(answer)
    error = tf.reduce_mean(tf.abs(tf.nn.relu(median) ** 2 - sigma))
    total = tf.reduce_mean(tf.abs(median - root)) + sigma_weight * error
    for quantile, share in ((low, 0.1), (high, 0.9)):
        off = root - quantile
        total += tf.reduce_mean(tf.maximum(share * off, (share - 1) * off))
    for rough in coarse:
        total += 0.3 * tf.reduce_mean(tf.abs(rough - tf.image.resize(root, tf.shape(rough)[1:3], method="area")))
    return total, error


def begun_with(start):
    """What a run that begins with these weights knows of their training, as parts of `Training.state`.

    Parameters
    ----------
    start : path
        Weights, from `weights.save`, beside the network's ONNX file.

    Returns
    -------
    dict
        Empty where the record of `train_one_pass` is of another network.
    """
    made, record = Path(start).with_suffix(".onnx"), records.recorded("train_one_pass")
    if not record or not made.exists() or file_hash(made) != record["networks"].get(made.name):
        return {}
    steps, before = record["result"]["steps"], record["result"]["before"]
    return {
        "step": steps,
        "since": steps,
        "seconds": record["seconds"] - sum(part.get("seconds", 0) for part in before),
        "history": record["result"]["history"],
        "before": [*before, {"until": steps, "commit": record["commit"]}],
    }


class Training:
    """A run: network, optimizer, averaged weights and what was measured on the way.

    Parameters
    ----------
    run : path
        Folder of the checkpoint; where it holds one, the run goes on from there.
    pool : path
        Folder of the scenes, shared by runs.
    recipe : Recipe
    seed : int
    start : path, optional
        Weights to begin with.
    pictures : dict of str to list of (H, W, 3) uint8 ndarray, optional
        Photos to train and to measure on, instead of those of `scenes.load`.
    dev_scenes : int
        To measure on.
    changed : bool
        A run with other settings goes on with these, and `state` tells.
    """

    def __init__(self, run, pool, recipe=None, seed=0, start=None, pictures=None, dev_scenes=DEV_SCENES, changed=False):
        self.run, self.recipe, self.seed, self.dev_scenes = Path(run), recipe or Recipe(), seed, dev_scenes
        self.run.mkdir(parents=True, exist_ok=True)
        self.pool, self.dev_pool = (scenes.Pool(Path(pool), split, pictures=pictures) for split in ("train", "dev"))
        keras.utils.set_random_seed(seed)
        self.model = network.build(half=True)
        if start:
            weights.load(self.model, start)
        self.optimizer = keras.optimizers.Adam(self.recipe.rate, beta_2=0.99, global_clipnorm=1.0)
        self.optimizer.build(self.model.trainable_variables)
        self.average = [tf.Variable(variable.numpy()) for variable in self.model.variables]
        self.state = {"settings": asdict(self.recipe) | {"seed": seed}, "step": 0, "since": 0, "seconds": 0.0}
        self.state |= {"history": [], "before": []} | (begun_with(start) if start else {})
        self._resume(changed)
        self._step = tf.function(self._update)
        self._predict = tf.function(lambda photo: network.to_sigma(self.model(photo, training=False)[0]))

    def _update(self, photos, sigma, decay):
        with tf.GradientTape() as tape:
            total, error = loss(self.model(photos, training=True), sigma, self.recipe.sigma_weight)
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        for average, variable in zip(self.average, self.model.variables, strict=True):
            average.assign(decay * average + (1 - decay) * variable)
        return total, error

    def train(self, steps, tell=print):
        """Go on until `steps` are done in all. Batches and rate are those of a run that begins where this one did."""
        if steps <= self.state["since"]:
            msg = f"Expected more steps than the {self.state['since']} before --start, got {steps}: raise --steps."
            raise ValueError(msg)
        saved = measured = began = time.monotonic()
        losses = []
        with ThreadPoolExecutor(1) as other:
            ahead = other.submit(self._batch, self.state["step"])
            while self.state["step"] < steps:
                step = self.state["step"]
                photos, sigma = ahead.result()
                ahead = other.submit(self._batch, step + 1)
                done = step - self.state["since"]
                self.optimizer.learning_rate.assign(self.recipe.rate_at(done, steps - self.state["since"]))
                decay = min(self.recipe.average, (1 + done) / (10 + done))
                losses.append([float(value) for value in self._step(photos, sigma, tf.constant(decay, tf.float32))])
                self.state["step"] = step + 1
                now, last = time.monotonic(), step + 1 == steps
                if now - measured > MEASURE_SECONDS or last:
                    row = {"step": step + 1} | dict(zip(("loss", "train_error"), np.mean(losses, 0), strict=True))
                    row = {name: round(float(value), 4) for name, value in (row | self.measure()).items()}
                    self.state["history"].append(row)
                    tell(json.dumps(row))
                    losses, measured = [], time.monotonic()
                if now - saved > CHECKPOINT_SECONDS or last:
                    self.state["seconds"] += time.monotonic() - began
                    self.save()
                    saved = began = time.monotonic()

    def _batch(self, step):
        return batch_at(step - self.state["since"], self.pool, self.recipe, self.seed)

    # What the averaged weights can do

    def measure(self):
        """Errors in pixels on the dev photos: rendered scenes by mode, and photos blurred evenly."""
        kept = [variable.numpy() for variable in self.model.variables]
        for variable, average in zip(self.model.variables, self.average, strict=True):
            variable.assign(average)
        found = self._on_scenes() | self._on_even_blur()
        for variable, value in zip(self.model.variables, kept, strict=True):
            variable.assign(value)
        return found

    def _on_scenes(self):
        errors, bias, held = [], [], []
        for number in range(self.dev_scenes):
            stored, mode = self.dev_pool[number], MODES[number % len(MODES)]
            sigma = np.float32(stored[..., 3]) / scenes.STORED_SIGMA
            answer = self._predict(degrade.spoil(np.float32(stored[..., :3]) / 65535, number, **mode)[None])[0].numpy()
            errors.append(np.abs(answer[..., 0] - sigma).mean())
            bias.append((answer[..., 0] - sigma).mean())
            held.append(((answer[..., 1] - 1e-3 <= sigma) & (sigma <= answer[..., 2] + 1e-3)).mean())
        modes = {f"dev_{n}": np.mean(errors[n :: len(MODES)]) for n in range(len(MODES))}
        return {"dev": np.mean(errors), "dev_bias": np.mean(bias), "held": np.mean(held)} | modes

    def _on_even_blur(self):
        """The median of the map of whole photos, on average over photos, by sigma."""
        if not hasattr(self, "_sharp"):
            loaded = [photo for photos in self.dev_pool.pictures.values() for photo in photos]
            self._sharp = [photo[:256, :256] for photo in loaded[:: max(len(loaded) // DEV_PHOTOS, 1)]]
        medians = {}
        for sigma in degrade.EVEN:
            blurred = [degrade.spoil(degrade.blur(np.float32(photo) / 255, sigma), 0) for photo in self._sharp]
            medians[f"reads_{sigma}"] = np.mean([np.median(self._predict(p[None])[0, ..., 0]) for p in blurred])
        return medians

    # Files

    def save(self):
        """Write the averaged weights for use, and the checkpoint, each whole or not at all."""
        weights.save(self.model, self.run / "one_pass.npz", [average.numpy() for average in self.average])
        groups = {"model": self.model.variables, "optimizer": self.optimizer.variables, "average": self.average}
        arrays = {f"{group}{n:04d}": v.numpy() for group, values in groups.items() for n, v in enumerate(values)}
        with storage.whole(self.run / "checkpoint.npz") as file:
            np.savez(file, state=np.array(json.dumps(self.state)), **arrays)

    def _resume(self, changed):
        path = self.run / "checkpoint.npz"
        if not path.is_file():
            return
        with np.load(path) as stored:
            state = json.loads(str(stored["state"]))
            before, now = state["settings"], self.state["settings"]
            if before != now and not changed:
                msg = f"The run in {self.run} has other settings: remove it, name another folder, or --change it."
                raise ValueError(msg)
            if before != now:
                state |= {"settings": now, "before": [*state["before"], {"until": state["step"], "settings": before}]}
            self.state = {"since": 0} | state
            groups = {"model": self.model.variables, "optimizer": self.optimizer.variables, "average": self.average}
            for group, values in groups.items():
                for number, variable in enumerate(values):
                    variable.assign(stored[f"{group}{number:04d}"])


@click.group()
def main():
    """Train the one-pass network."""


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("pool", type=click.Path(path_type=Path))
@click.option("--steps", type=int, required=True, help="Steps in all, with those before --start; may change later.")
@click.option("--threads", type=int, default=1, show_default=True, help="Of the processor.")
@click.option("--rate", type=float, default=Recipe.rate, show_default=True, help="Of learning.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--start", type=click.Path(path_type=Path, exists=True), help="Weights to begin with.")
@click.option("--change", is_flag=True, help="Go on with another recipe than the run has had.")
def train(run, pool, steps, threads, rate, seed, start, change):
    """Train in the folder RUN on scenes of the folder POOL, or go on with it."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(1)
    with storage.alone(run):
        training = Training(run, pool, Recipe(rate=rate), seed, start, changed=change)
        training.train(steps, lambda row: print(row, flush=True))


@main.command()
@click.argument("pool", type=click.Path(path_type=Path))
@click.option("--count", type=int, default=Recipe.most_scenes, show_default=True)
@click.option("--split", type=click.Choice(["train", "dev"]), default="train", show_default=True)
def fill(pool, count, split):
    """Render scenes of the folder POOL ahead of the training, in order."""
    cv2.setNumThreads(1)
    ahead = scenes.Pool(pool, split)
    for number in range(count):
        if not ahead.file(number).is_file():
            ahead[number]


if __name__ == "__main__":
    sys.exit(main())
