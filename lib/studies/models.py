"""The numbers of the chapter "Models": ``python -m lib.studies.models costs|ablation|support|budgets|robustness``.

Each command records its numbers, under ``data/results/local`` or where ``-o`` says. `ablation`, `support` and `budgets`
train small networks for minutes or hours; a killed one goes on where it stopped.
"""

import functools
import itertools
import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from unittest import mock

import click
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from lib import classifiers, dataset, patches, paths
from lib.classifiers import shufflenet_v2, spectrum_net
from lib.studies import profiles, records
from lib.training import degradations, evaluation, recipes, trainer

NOISE = 2.0
"""Standard deviation of the noise in the noisy copies, gray levels of 0..255."""
QUALITY = 80
"""JPEG quality of the compressed copies."""
SCORES = ("accuracy", "within_one", "mean_absolute_error", "expected_mean_absolute_error", "median_mean_absolute_error")
ABLATION = recipes.Recipe(
    learning_rate=0.004, schedule="cosine", batch=256, samples=153_600, batch_norm_momentum=0.95, augment=True
)
"""The equal budget of all rows."""
SUPPORT = {
    "mobilenet_v2": replace(recipes.RECIPES["local"], samples=256_000),
    "spectrum_net_wide": recipes.Recipe(
        learning_rate=0.004, schedule="cosine", batch=256, samples=256_000, batch_norm_momentum=0.99
    ),
}
"""Of each training of the study of the kernel's support, by network."""
BUDGETS = 64_000, 128_000, 256_000, 512_000, 768_000
"""Samples seen in the trainings of `budgets`."""


# Networks that are trained for comparison only


def plain_convolutions(shape, classes, normalized):
    """Five 3x3 convolutions, the first without a stride; the patch as it is, or with mean 0 and variance 1."""
    inputs = keras.Input(shape)
    x = inputs
    if normalized:
        x = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=1e-5)(x)
    for channels, stride in ((16, 1), (32, 2), (48, 2), (64, 1), (96, 2)):
        x = layers.Conv2D(channels, 3, stride, "same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def dense_on_components(shape, classes, features):
    """SpectrumNet with other features: signed or unsigned logarithms of the components, then innovations."""
    inputs = keras.Input(shape)
    components = spectrum_net.Polynomials()(inputs)
    if features == "signed":
        x = ops.arcsinh(components)
    elif features == "sizes":
        x = spectrum_net._log_size(components)
    else:
        sizes = spectrum_net.Innovations(spectrum_net.LEVELS)(components)
        x = ops.concatenate([spectrum_net._log_size(components), spectrum_net._log_size(10 * sizes)], axis=1)
    x = layers.BatchNormalization()(x)
    for width in (256, 256):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width, use_bias=False)(x)))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


VARIANTS = {
    "plain_gray": functools.partial(plain_convolutions, normalized=False),
    "plain_normalized": functools.partial(plain_convolutions, normalized=True),
    "signed_components": functools.partial(dense_on_components, features="signed"),
    "component_sizes": functools.partial(dense_on_components, features="sizes"),
    "innovation_sizes": functools.partial(dense_on_components, features="innovations"),
}
DEGRADED = {"loss": "ordinal", "noisy": 0.15, "compressed": 0.15}
ROWS = (
    ("plain convolutions on gray values", "plain_gray", {}),
    ("the patch normalized", "plain_normalized", {}),
    ("polynomial components and dense layers instead", "signed_components", {}),
    ("their sizes, without signs", "component_sizes", {}),
    ("sizes of innovations besides", "innovation_sizes", {}),
    ("signed innovations besides", "spectrum_net", {}),
    ("ordinal loss", "spectrum_net", {"loss": "ordinal"}),
    ("noise and JPEG in training", "spectrum_net", DEGRADED),
)
"""Of the ablation: each row changes one thing of the row above."""


# The commands


@click.group()
@click.option("--profile", type=click.Choice(profiles.PROFILES), default="local", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Record. [default: its own in data/results/PROFILE]"
)
@click.option(
    "--runs", type=click.Path(path_type=Path), default=paths.ROOT / "runs" / "model_study", help="Data sets, trainings."
)
@click.pass_context
def main(context, profile, output, runs):
    """Make and record the numbers of the chapter "Models"."""
    context.obj = {"profile": profile, "output": output, "runs": runs}


@main.command()
def costs():
    """Parameters, arithmetic, memory and speed of every network."""
    began = time.monotonic()
    result = {name: _cost(classifiers.build(name)) for name in classifiers.NETWORKS}
    sizes = {
        str(width): megabytes_in_training(shufflenet_v2.shufflenet_v2((32, 32, 1), patches.LEVELS, width))
        for width in shufflenet_v2.WIDTHS
    }
    _record("networks", {"networks": result, "shufflenet_v2_megabytes": sizes}, "no photos", began)


def _cost(model):
    click.echo(model.name)
    return {
        "parameters": model.count_params(),
        "macs": macs(model),
        "patches_per_cpu_second": patches_per_cpu_second(model),
        "megabytes_in_training": megabytes_in_training(model),
        "megabytes_on_disk": megabytes_on_disk(model),
    }


@main.command()
@click.pass_obj
def ablation(options):
    """What each part of SpectrumNet is good for, on the validation photos."""
    began = time.monotonic()
    folder = _data_set(patches.READINGS["lens"])
    validation = dataset.load(folder, "validation")
    rows = []
    with mock.patch.dict(classifiers.NETWORKS, VARIANTS):
        for number, (label, network, changes) in enumerate(ROWS):
            recipe = replace(ABLATION, **changes)
            model = _train(network, folder, options["runs"] / "ablation" / str(number), recipe)
            rows.append(
                {"change": label, "network": network, "changes": changes, "parameters": model.count_params()}
                | {"samples": recipe.samples, "scores": robustness_scores(model, validation)}
            )
            click.echo(f"{label}: {rows[-1]['scores']['clean']['expected_mean_absolute_error']:.3f}")
    _record("ablation", {"recipe": asdict(ABLATION), "rows": rows}, folder, began)


def _data_set(reading):
    """The folder with a data set of the profile, built if it is not yet there."""
    options = click.get_current_context().obj
    name = str(reading).replace(", ", "-").replace("+", "").replace(" ", "-")
    folder = options["runs"] / name
    profiles.build(folder, options["profile"], reading)
    return folder


def _train(network, data, run, recipe):
    """The trained network of a run; one that is finished is not trained again."""
    model, _, _ = trainer.train(network, data, run, recipe)
    return model


def robustness_scores(model, samples):
    """Scores on patches as they are, on noisy and on compressed copies (`NOISE`, `QUALITY`).

    Parameters
    ----------
    model : keras.Model
    samples : (N, 20, 32, 32) uint8 ndarray

    Returns
    -------
    dict of dict
        `SCORES` by copy: clean, noisy, compressed.
    """
    samples = np.asarray(samples)
    copies = {
        "clean": samples,
        "noisy": degradations.add_noise(samples, NOISE, np.random.default_rng(0)),
        "compressed": degradations.compress(samples, QUALITY),
    }
    scores = {name: evaluation.evaluate(model, copy) for name, copy in copies.items()}
    return {name: {key: each[key] for key in SCORES} for name, each in scores.items()}


@main.command()
@click.argument("names", nargs=-1)
def robustness(names):
    """The shipped networks NAMES (all, by default) on the test photos as they are, noisy and compressed."""
    began = time.monotonic()
    folder = _data_set(patches.READINGS["lens"])
    test = dataset.load(folder, "test")
    result = {name: robustness_scores(classifiers.load(name), test) for name in names or classifiers.shipped()}
    for name, scores in result.items():
        errors = {copy: round(each["expected_mean_absolute_error"], 3) for copy, each in scores.items()}
        click.echo(f"{name}: {errors}")
    _record("robustness", result, folder, began)


@main.command()
@click.argument("network", type=click.Choice(list(SUPPORT)))
@click.pass_obj
def support(options, network):
    """NETWORK trained on each reading of "filter the patch", tested on all."""
    began = time.monotonic()
    folders = {str(reading): _data_set(reading) for reading in patches.ALL_READINGS}
    tests = {label: dataset.load(folder, "test") for label, folder in folders.items()}
    matrix = {}
    for label, folder in folders.items():
        model = _train(network, folder, options["runs"] / "support" / network / folder.name, SUPPORT[network])
        scores = {other: evaluation.evaluate(model, samples) for other, samples in tests.items()}
        matrix[label] = {other: {key: each[key] for key in SCORES} for other, each in scores.items()}
        click.echo(f"{label}: accuracy {matrix[label][label]['accuracy']:.3f}")
    result = {"network": network, "recipe": asdict(SUPPORT[network]), "matrix": matrix}
    _record(f"kernel_support_{network}", result, next(iter(folders.values())), began)


@main.command()
@click.pass_obj
def budgets(options):
    """MobileNetV2 and the wide SpectrumNet after few samples and many, on the test photos."""
    began = time.monotonic()
    folder = _data_set(patches.READINGS["lens"])
    test = dataset.load(folder, "test")
    rows = []
    for samples, network in itertools.product(BUDGETS, ("mobilenet_v2", "spectrum_net_wide")):
        recipe = replace(recipes.recipe_for(network, "local"), samples=samples)
        model = _train(network, folder, options["runs"] / "budgets" / f"{network}-{samples}", recipe)
        scores = robustness_scores(model, test)
        rows.append({"network": network, "samples": samples, "recipe": asdict(recipe), "scores": scores})
        click.echo(f"{network} after {samples}: {scores['clean']['mean_absolute_error']:.3f}")
    _record("budgets", {"rows": rows}, folder, began)


def _record(name, result, data, began):
    """Write a result; `data` is what was used, or the folder of a data set."""
    if isinstance(data, Path):
        description = json.loads((data / "dataset.json").read_text())
        data = {key: value for key, value in description.items() if key != "photos_of"}
    profile, output = (click.get_current_context().obj[option] for option in ("profile", "output"))
    path = output or paths.RESULTS / profile / f"{name}.json"
    records.write(path, result, profile=profile, data=data, seed=0, seconds=time.monotonic() - began)


BYTES_IN_TRAINING = 12
"""A float32 weight and Adam's two moments of it. This, not the weights alone, is the paper's Size column."""


def megabytes_in_training(model):
    """The Size column of the paper's Table 2: weights and Adam's two moments in float32, in MB (10^6 bytes)."""
    return model.count_params() * BYTES_IN_TRAINING / 1e6


def megabytes_on_disk(model):
    """Size of the HDF5 file that Keras writes after training with Adam, in MB (10^6 bytes).

    It adds the network's description to the weights, and has no moments for the statistics of batch
    normalization, which Adam does not train.
    """
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.h5"
        model.save(path)
        return path.stat().st_size / 1e6


def macs(model):
    """Multiply-accumulate operations for one patch, in convolutions and matrix products.

    Every element of a kernel is used once at every place of the layer's output.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    int

    Examples
    --------
    >>> inputs = keras.Input((32, 32, 1))
    >>> macs(keras.Model(inputs, keras.layers.Conv2D(8, 3, 2, "same")(inputs))) == 16 * 16 * 9 * 8
    True
    """
    total = 0
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "macs"):  # our own, whose matrices are no weights
            total += layer.macs()
            continue
        kernels = [weight for weight in getattr(layer, "weights", []) if weight.name.endswith("kernel")]
        if kernels and not hasattr(layer, "layers"):
            places = int(np.prod(layer.output.shape[1:-1]))
            total += places * sum(int(np.prod(kernel.shape)) for kernel in kernels)
    return total


def patches_per_cpu_second(model, batch=1024, seconds=2.0):
    """Measured speed of one traced batch after another, the best of all batches.

    Processor time, summed over the cores, hardly depends on what else the machine does.

    Parameters
    ----------
    model : keras.Model
    batch : int
        Patches a batch.
    seconds : float
        Processor time to spend; at least three batches are run.

    Returns
    -------
    float
    """
    patches = tf.random.stateless_uniform((batch, *model.input_shape[1:]), (0, 1))
    answer = tf.function(lambda inputs: model(inputs, training=False))
    answer(patches)
    times = []
    while len(times) < 3 or sum(times) < seconds:
        start = time.process_time()
        answer(patches).numpy()
        times.append(time.process_time() - start)
    return batch / min(times)


if __name__ == "__main__":
    main()
