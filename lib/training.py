"""Training and testing a classifier (section 3.1).

A batch is a function of the seed and the step alone, and a checkpoint holds the optimizer too; so a
killed run goes on as if nothing had happened.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lib import cards, classifiers, degradations, patches, paths, profiles, records
from lib.classifiers import fast_layers, spectrum_net

CHECKPOINT_SECONDS = 240
"""A killed run loses at most this much work, plus one batch."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    learning_rate : float
        Of Adam; the peak, where `schedule` is ``"cosine"``.
    schedule : {"constant", "cosine"}
        Cosine: a linear rise over the first twentieth of the steps, then half a cosine down to 0.
    batch : int
        Samples a step.
    epochs : int or None
        Passes through the training set; or else
    samples : int or None
        samples seen in all.
    batch_norm_momentum : float or None
        Of the moving averages; ``None`` keeps the network's own (0.999 in Keras' MobileNetV2, whose
        averages lag behind in a short training).
    quiet_residuals : bool
        Start each residual branch at zero: the scale of its last batch normalization is 0 at first
        (Goyal et al. 2017), so that a deep network begins as a shallow one.
    augment : bool
        Flip and transpose at random: blur by a round kernel looks the same from all eight sides.
    loss : {"cross-entropy", "ordinal"}
        Ordinal: cross-entropy plus the distance of the expected level from the true one, so that a
        near miss costs less than a far one.
    noisy, compressed : float
        Shares of the samples, of 8 bits, that get noise of 0.5 to 3 gray levels, or JPEG of quality 60 to 95.
    """

    learning_rate: float = 0.001
    schedule: str = "constant"
    batch: int = 128
    epochs: int | None = None
    samples: int | None = None
    batch_norm_momentum: float | None = None
    quiet_residuals: bool = False
    augment: bool = False
    loss: str = "cross-entropy"
    noisy: float = 0.0
    compressed: float = 0.0

    def steps(self, samples):
        """Steps in all, for a training set of so many samples."""
        return max(1, (self.samples or self.epochs * samples) // self.batch)


_SHORT = {
    "learning_rate": 0.004,
    "schedule": "cosine",
    "batch_norm_momentum": 0.99,
    "quiet_residuals": True,
    "augment": True,
}
ADAPTED_PATCHES = 4000
"""Training patches that `spectrum_net.Innovations` measures, at most."""
NOISE = 0.5, 3.0
"""Range of the standard deviation of `Recipe.noisy`, gray levels of 0..255."""
JPEG_QUALITY = 60, 95
"""Range of `Recipe.compressed`."""


@keras.saving.register_keras_serializable("lib")
def ordinal_crossentropy(truth, probability):
    """Cross-entropy plus the absolute error of the expected level, in levels.

    Parameters
    ----------
    truth : (N,) or (N, 1) int tensor
    probability : (N, levels) float tensor

    Returns
    -------
    (N,) float tensor
    """
    truth = tf.cast(tf.reshape(truth, [-1]), probability.dtype)
    levels = tf.range(probability.shape[-1], dtype=probability.dtype)
    off = tf.abs(tf.linalg.matvec(probability, levels) - truth)
    return keras.losses.sparse_categorical_crossentropy(truth, probability) + off


LOSSES = {"cross-entropy": "sparse_categorical_crossentropy", "ordinal": ordinal_crossentropy}
RECIPES = {
    "full": Recipe(epochs=100),
    "local": Recipe(samples=3_008_000, **_SHORT),
    "quick": Recipe(samples=38_400, **_SHORT | {"batch_norm_momentum": 0.9}),
}
"""By profile. ``full`` is the paper's own recipe."""
_SPECTRUM = {
    "batch": 256,
    "quiet_residuals": False,  # it has none
    "augment": False,  # it puts each patch into a standard pose itself
    "loss": "ordinal",
    "noisy": 0.15,
    "compressed": 0.15,
}
_OWN = {
    "spectrum_net": _SPECTRUM,
    "spectrum_net_wide": _SPECTRUM | {"noisy": 0.1, "compressed": 0.1},
}


OVERLAP = {"spectrum_net_wide": 8}
"""From one training patch to the next, pixels, where a network's patches overlap; else `patches.SIZE`."""


def recipe_for(network, profile):
    """The recipe of a network: that of the profile, and for the book's own network what it needs besides.

    Parameters
    ----------
    network : str
        A key of `classifiers.NETWORKS`.
    profile : {"quick", "local", "full"}

    Returns
    -------
    Recipe
    """
    recipe = RECIPES[profile]
    if network == "nasnet_mobile":
        return replace(recipe, quiet_residuals=False)  # its sums join two branches; neither is a shortcut
    if network not in _OWN:
        return recipe
    recipe = replace(recipe, **_OWN[network])
    # Without overlap it would learn its few patches by heart.
    return replace(recipe, samples=768_000) if (network, profile) == ("spectrum_net", "local") else recipe


def prepare(network, recipe, steps):
    """Build a network and compile it for a recipe.

    Parameters
    ----------
    network : str
        A key of `classifiers.NETWORKS`.
    recipe : Recipe
    steps : int
        Length of the learning rate's schedule.

    Returns
    -------
    keras.Model
    """
    model = classifiers.build(network)
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


def batch_at(step, train, recipe, seed):
    """The training batch of a step.

    Parameters
    ----------
    step : int
    train : (N, 20, 32, 32) ndarray
        8 or 16 bits.
    recipe : Recipe
    seed : int

    Returns
    -------
    samples : (batch, 32, 32, 1) float32 ndarray
    levels : (batch,) int32 ndarray
    """
    total = train.shape[0] * train.shape[1]
    first = step * recipe.batch
    epochs, places = np.divmod(np.arange(first, first + recipe.batch), total)
    flat = np.concatenate([_order(total, seed, epoch)[places[epochs == epoch]] for epoch in np.unique(epochs)])
    patch, level = np.divmod(flat, train.shape[1])
    stored = train[patch, level]
    if recipe.noisy or recipe.compressed:
        stored = _degrade(stored, recipe, np.random.default_rng((seed, 2, step)))
    samples = patches.as_float(stored)
    if recipe.augment:
        samples = _turn(samples, np.random.default_rng((seed, 1, step)))
    return samples[..., None], level.astype(np.int32)


def _degrade(samples, recipe, rng):
    """Noise in some samples, the marks of JPEG in others, the rest as they are."""
    lot = rng.random(len(samples))
    for number in np.flatnonzero(lot < recipe.noisy + recipe.compressed):
        if lot[number] < recipe.noisy:
            samples[number] = degradations.add_noise(samples[number], rng.uniform(*NOISE), rng)
        else:
            samples[number] = degradations.compress(samples[number], int(rng.integers(*JPEG_QUALITY)))
    return samples


_orders = {}


def _order(total, seed, epoch):
    """The shuffled order of an epoch; the last one is remembered, since it serves a thousand batches."""
    key = (total, seed, int(epoch))
    if key not in _orders:
        for old in list(_orders)[:-1]:
            del _orders[old]
        _orders[key] = np.random.default_rng((seed, 0, int(epoch))).permutation(total)
    return _orders[key]


def _turn(samples, rng):
    """Each square sample from a random one of its eight sides."""
    transpose, up, left = rng.random((3, len(samples))) < 0.5
    samples[transpose] = samples[transpose].swapaxes(1, 2)
    samples[up] = samples[up][:, ::-1]
    samples[left] = samples[left][:, :, ::-1]
    return samples


def replicas():
    """The strategy for this machine: a copy of the network on each GPU where there are several, else one network.

    Returns
    -------
    tf.distribute.Strategy
    """
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    return tf.distribute.MirroredStrategy(gpus) if len(gpus) > 1 else tf.distribute.get_strategy()


def batches(train, recipe, seed, start, stop):
    """Batches of the steps from `start` to `stop` as a tf.data set that prepares ahead."""
    size = train.shape[-1]

    def make(step):
        samples, levels = tf.numpy_function(
            lambda s: batch_at(int(s), train, recipe, seed), [step], (tf.float32, tf.int32), stateful=False
        )
        samples.set_shape((recipe.batch, size, size, 1))
        levels.set_shape((recipe.batch,))
        return samples, levels

    return tf.data.Dataset.range(start, stop).map(make).prefetch(8)


def train(network, data, run, recipe, seed=0, progress=None, strategy=None):
    """Train a classifier, or go on with a killed training.

    Parameters
    ----------
    network : str
        A key of `classifiers.NETWORKS`.
    data : path
        Folder made by `patches.build`.
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
        A row an epoch: samples seen, loss and accuracy on training and validation set.
    seconds : float
        Time spent, that before a kill included.

    Raises
    ------
    ValueError
        The run was started with other settings.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    with paths.alone(run):
        return _train_alone(network, data, run, recipe, seed, progress, strategy or replicas())


def _train_alone(network, data, run, recipe, seed, progress, strategy):
    keras.utils.set_random_seed(seed)
    samples, validation = patches.load(data, "train"), patches.load(data, "validation")
    steps = recipe.steps(samples.shape[0] * samples.shape[1])
    epoch_steps = max(1, samples.shape[0] * samples.shape[1] // recipe.batch)
    settings = {"network": network, "data": str(data), "recipe": asdict(recipe), "seed": seed, "steps": steps}
    with strategy.scope():
        model, state = _resume(run, settings) or (_adapted(prepare(network, recipe, steps), samples), _fresh(settings))
        if strategy.num_replicas_in_sync > 1:
            # Keras makes its metrics at the first batch, and cannot from one that is shared out.
            model.test_on_batch(np.zeros((1, *model.input_shape[1:]), np.float32), np.zeros(1, np.int32))

    saved = began = time.monotonic()
    for batch in strategy.experimental_distribute_dataset(batches(samples, recipe, seed, state["step"], steps)):
        model.reset_metrics()
        logs = model.train_on_batch(*batch, return_dict=True)
        state["step"] += 1
        state["sums"] = [state["sums"][0] + float(logs["loss"]), state["sums"][1] + float(logs["accuracy"])]
        state["count"] += 1
        if progress:
            progress(state["step"], steps)
        if state["step"] % epoch_steps == 0 or state["step"] == steps:
            _close_epoch(state, model, validation, recipe)
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
            layer.adapt(lambda level, before=before: _probabilities(before, chosen[:, level : level + 1]))
    return model


def _fresh(settings):
    return {"settings": settings, "step": 0, "sums": [0.0, 0.0], "count": 0, "seconds": 0.0, "history": []}


def _close_epoch(state, model, validation, recipe):
    scores = evaluate(model, validation)
    state["history"].append(
        {
            "samples": state["step"] * recipe.batch,
            "train_loss": state["sums"][0] / state["count"],
            "train_accuracy": state["sums"][1] / state["count"],
            "validation_loss": scores["loss"],
            "validation_accuracy": scores["accuracy"],
            "validation_mean_absolute_error": scores["mean_absolute_error"],
        }
    )
    state["sums"], state["count"] = [0.0, 0.0], 0


def _checkpoint(run, model, state):
    """Write the model, then the state that names it: a kill in between leaves the former pair in use."""
    name = f"step-{state['step']}.keras"
    model.save(run / name)
    records.write_json(run / "state.json", state | {"model": name})
    for old in run.glob("step-*.keras"):
        if old.name != name:
            old.unlink()


def _resume(run, settings):
    path = run / "state.json"
    if not path.exists():
        return None
    state = json.loads(path.read_text())
    if state["settings"] != json.loads(json.dumps(settings)):
        msg = f"The run in {run} was started with other settings: remove it, or name another folder."
        raise ValueError(msg)
    model = keras.saving.load_model(run / state.pop("model"), safe_mode=True)
    return model, state


def evaluate(model, samples, chunk=100):
    """Test a classifier.

    Parameters
    ----------
    model : keras.Model
    samples : (N, 20, 32, 32) ndarray
        8 or 16 bits; axis 1 is the true level.
    chunk : int
        Patches (of 20 levels each) in memory at a time.

    Returns
    -------
    dict
        ``loss`` (cross-entropy), ``accuracy``, ``within_one`` (share of samples at most one level
        off), ``mean_absolute_error`` of the most probable level, ``expected_mean_absolute_error`` of
        the expected level and ``median_mean_absolute_error`` of the median level, all in levels, that
        is pixels of sigma; ``calibration_error``, see `calibration_error`; ``confusion``, a (20, 20)
        list of counts (row: true level); ``mean_absolute_error_by_level``, of the expected level, 20 numbers.
    """
    levels = samples.shape[1]
    truth = np.tile(np.arange(levels), len(samples))
    rows = [_probabilities(model, samples[i : i + chunk]) for i in range(0, len(samples), chunk)]
    probability = np.concatenate(rows)
    hard = probability.argmax(1)
    confusion = np.zeros((levels, levels), int)
    np.add.at(confusion, (truth, hard), 1)
    chosen = probability[np.arange(len(truth)), truth]
    expected = abs(probability @ np.arange(levels) - truth)
    # The median makes the mean absolute error of a known distribution smallest.
    median = (np.cumsum(probability, axis=1) < 0.5).sum(1)
    return {
        "loss": float(-np.log(np.maximum(chosen, 1e-7)).mean()),
        "accuracy": float((hard == truth).mean()),
        "within_one": float((abs(hard - truth) <= 1).mean()),
        "mean_absolute_error": float(abs(hard - truth).mean()),
        "expected_mean_absolute_error": float(expected.mean()),
        "median_mean_absolute_error": float(abs(median - truth).mean()),
        "mean_absolute_error_by_level": [float(expected[truth == level].mean()) for level in range(levels)],
        "calibration_error": calibration_error(probability.max(1), hard == truth),
        "confusion": confusion.tolist(),
    }


def calibration_error(confidence, right, bins=15):
    """Expected calibration error (Guo et al. 2017): how far confidence is from accuracy, answers sorted by confidence.

    Parameters
    ----------
    confidence : (N,) ndarray
        Probability of each answer, as the network says.
    right : (N,) bool ndarray
        Whether the answer was right.
    bins : int
        Of equal width.

    Returns
    -------
    float
        0 where, of the answers given with probability p, the share p is right.

    Examples
    --------
    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(number, np.asarray(confidence, np.float64) - right, bins)
    return round(float(abs(gaps).sum() / len(confidence)), 6)


def _probabilities(model, samples):
    flat = patches.as_float(samples).reshape(-1, *samples.shape[2:], 1)
    return keras.ops.convert_to_numpy(
        model(flat, training=False)
    )  # `predict_on_batch` would repeat itself on every replica


def run_profile(
    network, profile, reading, run, split="photo", seed=0, samples=None, progress=None, data=None, tests=None
):
    """Build the data set, train, test on every reading and record: what ``python -m lib train`` does.

    Parameters
    ----------
    network : str
    profile : {"quick", "local", "full"}
    reading : str
        A key of `patches.READINGS`.
    run : path
        Folder that gets ``data/`` (the patches), ``weights.keras``, ``record.json`` and ``card.md``.
    split, seed
        As in `patches.build`.
    samples : int, optional
        Samples seen in all, instead of what `recipe_for` says.
    progress : callable, optional
        Called with (steps done, steps in all).
    data : path, optional
        The patches, made by `profiles.build` with the same profile, reading, split and seed; built if not given.
    tests : path, optional
        Folder for the test patches in all readings, which trainings can share; that of the run if not given.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    ValueError
        The photos have too few sharp patches for three sets.
    """
    run = Path(run).resolve()
    data = Path(data).resolve() if data else run / "data"
    chosen = patches.READINGS[reading]
    stride = OVERLAP.get(network, patches.SIZE) if split == "photo" else patches.SIZE
    description = profiles.build(data, profile, chosen, split, seed, train_stride=stride)
    if empty := [name for name, count in description["patches"].items() if not count]:
        msg = f"No sharp patch is left for {' and '.join(empty)}: add photos, or split by patch."
        raise ValueError(msg)
    recipe = recipe_for(network, profile)
    if samples is not None:
        recipe = replace(recipe, samples=samples)
    if chosen.bits != 8:
        recipe = replace(recipe, noisy=0.0, compressed=0.0)  # which are about photo files
    model, history, seconds = train(network, data, run, recipe, seed, progress)
    classifiers.save(model, run / "weights.keras")
    scores = _test_readings(run, tests or run / "test", profile, split, seed)
    result = {
        "network": network,
        "reading_name": reading,
        "recipe": asdict(recipe),
        "samples_seen": history[-1]["samples"],
        "history": history,
        "test": scores[str(chosen)],
        "test_by_reading": scores,
    }
    records.write(run / "record.json", result, profile=profile, data=description, seed=seed, seconds=seconds)
    record = records.read(run / "record.json")
    (run / "card.md").write_text(cards.card(f"{network}-{reading}", record))
    return record


def _test_readings(run, tests, profile, split, seed):
    """Test the saved weights, rounded to float16 as they are, on the same test patches in all readings."""
    model = classifiers.load(run / "weights.keras")
    scores = {}
    for reading in patches.ALL_READINGS:
        folder = Path(tests) / f"{profile}-{split}-{seed}" / str(reading)
        profiles.build(folder, profile, reading, split, seed, only=("test",))
        scores[str(reading)] = evaluate(model, patches.load(folder, "test"))
    return scores
