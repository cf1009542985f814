"""Training and testing a classifier (section 3.1).

A batch is a function of the seed and the step alone, and a checkpoint holds the optimizer and the state of dropout
too; so a killed run goes on as if nothing had happened, on another machine too where its folder is copied.
"""

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lib import classifiers, dataset, patches, storage
from lib.classifiers import spectrum_net
from lib.training import batches, evaluation, fast_layers

CHECKPOINT_SECONDS = 240
"""A killed run loses at most this much work, plus one batch."""
CURVE_ROWS = 20
"""A training has at least this many rows in its history."""
ADAPTED_PATCHES = 4000
"""Training patches that `spectrum_net.Innovations` measures, at most."""


@keras.saving.register_keras_serializable("lib")
def ordinal_crossentropy(truth, probability):
    """Cross-entropy plus the absolute error of the expected level, in levels, of each of N samples."""
    truth = tf.cast(tf.reshape(truth, [-1]), probability.dtype)
    levels = tf.range(probability.shape[-1], dtype=probability.dtype)
    off = tf.abs(tf.linalg.matvec(probability, levels) - truth)
    return keras.losses.sparse_categorical_crossentropy(truth, probability) + off


LOSSES = {"cross-entropy": "sparse_categorical_crossentropy", "ordinal": ordinal_crossentropy}


def prepare(network, recipe, steps, size=patches.SIZE):
    """Build a network and compile it for a recipe.

    Parameters
    ----------
    network : str
        A key of `classifiers.NETWORKS`.
    recipe : Recipe
    steps : int
        Length of the learning rate's schedule.
    size : int
        Side of the patches, pixels.

    Returns
    -------
    keras.Model
    """
    model = classifiers.build(network, size)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas == 1:
        model = fast_layers.accelerate(model)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = replicas > 1  # statistics of the whole batch, not of a replica's share
            layer.momentum = recipe.batch_norm_momentum or layer.momentum
    if recipe.quiet_residuals:
        _silence_residuals(model)
    rate = recipe.learning_rate
    if recipe.schedule == "cosine":
        rise = steps // 20
        rate = keras.optimizers.schedules.CosineDecay(rate / 20, steps - rise, warmup_target=rate, warmup_steps=rise)
    model.compile(
        keras.optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8),
        LOSSES[recipe.loss],
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA's convolutions take five times as long
    )
    return model


def _silence_residuals(model):
    """Set the scale of the batch normalization that ends each residual branch to zero."""
    network = model.layers[-1]
    place = {layer.name: number for number, layer in enumerate(network.layers)}
    for layer in network.layers:
        if isinstance(layer, keras.layers.Add):
            # Of the two operands, the shortcut is made first and the branch that starts from it later.
            branch = max((tensor._keras_history.operation for tensor in layer.input), key=lambda made: place[made.name])
            if isinstance(branch, keras.layers.BatchNormalization):
                branch.gamma.assign(np.zeros(branch.gamma.shape, np.float32))


def replicas():
    """The strategy for this machine: a copy of the network on each GPU where there are several, else one network.

    Returns
    -------
    tf.distribute.Strategy
    """
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    return tf.distribute.MirroredStrategy(gpus) if len(gpus) > 1 else tf.distribute.get_strategy()


def train(network, data, run, recipe, seed=0, progress=None, strategy=None):
    """Train a classifier, or go on with a killed training.

    Parameters
    ----------
    network : str
        A key of `classifiers.NETWORKS`.
    data : path
        Folder made by `dataset.build`.
    run : path
        Folder for checkpoints and results; where it holds a checkpoint, training goes on from there.
    recipe : Recipe
    seed : int
    progress : callable, optional
        Called after every step with (steps done, steps in all).
    strategy : tf.distribute.Strategy, optional
        Shares each batch out; `replicas` by default.

    Returns
    -------
    model : keras.Model
    history : list of dict
        A row an epoch, and `CURVE_ROWS` at least: samples seen, loss and accuracy on training and validation set,
        processor time so far.
    seconds : float
        Time spent, that before a kill included.

    Raises
    ------
    ValueError
        The run was started with other settings or on other patches.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    with storage.alone(run):
        return _train_alone(network, data, run, recipe, seed, progress, strategy or replicas())


def _train_alone(network, data, run, recipe, seed, progress, strategy):
    keras.utils.set_random_seed(seed)
    samples, validation = dataset.load(data, "train"), dataset.load(data, "validation")
    steps = recipe.steps(samples.shape[0] * samples.shape[1])
    row_steps = max(1, min(samples.shape[0] * samples.shape[1] // recipe.batch, steps // CURVE_ROWS))
    settings = {"network": network, "recipe": asdict(recipe), "seed": seed, "steps": steps}
    settings |= {"patches": hashlib.sha256(samples).hexdigest()}  # not where they lie: that may be another machine
    with strategy.scope():
        model, state = _resume(run, settings) or (
            _adapted(prepare(network, recipe, steps, samples.shape[-1]), samples),
            _fresh(settings),
        )
        if strategy.num_replicas_in_sync > 1:
            # Keras makes its metrics at the first batch, and cannot from one that is shared out.
            model.test_on_batch(np.zeros((1, *model.input_shape[1:]), np.float32), np.zeros(1, np.int32))

    saved = began = time.monotonic()
    busy = time.process_time() - state["processor_seconds"]
    for batch in strategy.experimental_distribute_dataset(batches.batches(samples, recipe, seed, state["step"], steps)):
        model.reset_metrics()
        logs = model.train_on_batch(*batch, return_dict=True)
        state["step"] += 1
        state["sums"] = [state["sums"][0] + float(logs["loss"]), state["sums"][1] + float(logs["accuracy"])]
        state["count"] += 1
        if progress:
            progress(state["step"], steps)
        state["processor_seconds"] = time.process_time() - busy
        if state["step"] % row_steps == 0 or state["step"] == steps:
            _add_row(state, model, validation, recipe)
        now = time.monotonic()
        if now - saved > CHECKPOINT_SECONDS or state["step"] == steps:
            state["seconds"] += now - began
            _checkpoint(run, model, state)
            saved = began = time.monotonic()
    return model, state["history"], state["seconds"]


def _adapted(model, samples):
    """The model, its layers that measure the training set having done so."""
    scale, network = model.layers
    chosen = samples[:: -(-len(samples) // ADAPTED_PATCHES)]
    for layer in network.layers:
        if isinstance(layer, spectrum_net.Innovations):
            before = keras.Sequential([scale, keras.Model(network.input, layer.input)])
            layer.adapt(lambda level, before=before: evaluation._probabilities(before, chosen[:, level : level + 1]))
    return model


def _fresh(settings):
    times = {"seconds": 0.0, "processor_seconds": 0.0}
    return {"settings": settings, "step": 0, "sums": [0.0, 0.0], "count": 0, "history": []} | times


def _add_row(state, model, validation, recipe):
    scores = evaluation.evaluate(model, validation)
    state["history"].append(
        {
            "samples": state["step"] * recipe.batch,
            "train_loss": state["sums"][0] / state["count"],
            "train_accuracy": state["sums"][1] / state["count"],
            "validation_loss": scores["loss"],
            "validation_accuracy": scores["accuracy"],
            "validation_mean_absolute_error": scores["mean_absolute_error"],
            "processor_seconds": round(state["processor_seconds"], 1),
        }
    )
    state["sums"], state["count"] = [0.0, 0.0], 0


def _checkpoint(run, model, state):
    """Write the model, then the state that names it: a kill in between leaves the former pair in use."""
    name = f"step-{state['step']}.keras"
    model.save(run / name)
    dropout = [keras.ops.convert_to_numpy(each).tolist() for each in _dropout(model)]
    storage.write_json(run / "state.json", state | {"model": name, "dropout": dropout})
    for old in run.glob("step-*.keras"):
        if old.name != name:
            old.unlink()


def _resume(run, settings):
    path = run / "state.json"
    if not path.exists():
        return None
    state = json.loads(path.read_text())
    if state["settings"] != json.loads(json.dumps(settings)):
        msg = f"The run in {run} was started with other settings or patches: remove it, or name another folder."
        raise ValueError(msg)
    model = keras.saving.load_model(run / state.pop("model"), safe_mode=True)
    for variable, value in zip(_dropout(model), state.pop("dropout"), strict=True):
        variable.assign(value)
    return model, state


def _dropout(model):
    """The states of the random numbers of dropout, which Keras does not save with a network."""
    return [dice.state for layer in model._flatten_layers() for dice in getattr(layer, "_seed_generators", [])]
