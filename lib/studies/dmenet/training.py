"""Training a narrow DMENet on rendered scenes, and adapting it to real photos.

A batch is a function of the seed and the step alone, and a checkpoint holds the optimizers too; so a killed run goes on
where it stopped.
"""

import functools
import json
import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lib import storage
from lib.estimators.dmenet import network
from lib.studies.dmenet import batches as dmenet_batches
from lib.studies.dmenet.trainer import Trainer

CHECKPOINT_SECONDS = 240
WATCHED = 16
"""Test scenes that are looked at during the training; nothing is chosen by them."""


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
        batch = dmenet_batches.rendered(state["step"], pool["train"], recipe, seed)
        if start:
            batch += dmenet_batches.real(state["step"], real, recipe, seed)
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
    arrays = {f"v{number}": variable.numpy() for number, variable in enumerate(trainer.variables())}
    with storage.whole(run / "checkpoint.npz") as file:
        np.savez(file, state=json.dumps(state), **arrays)


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


def evaluate(model, pool, seed=0):
    """Test a network on rendered scenes.

    Parameters
    ----------
    model : keras.Model
    pool : (images, sigma)
        Scenes that it was not trained on.
    seed : int
        Of the noise, whose deviation is 0.01.

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
        noisy = np.clip(np.float32(picture) / 255 + rng.normal(0, 0.01, picture.shape), 0, 1).astype(np.float32)
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
    return tf.function(lambda batch: model(batch, training=False)[0], autograph=False)
