"""The numbers of the chapter "Models": ``python -m lib.model_study costs|ablation|support|robustness``.

Each command records its numbers, under ``data/results/local`` or where ``-o`` says. `ablation` and `support` train
small networks for minutes; a killed one goes on where it stopped.
"""

import functools
import itertools
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from unittest import mock

import click
import keras
import numpy as np
from keras import layers, ops

from lib import classifiers, degradations, patches, paths, profiles, records, training
from lib.classifiers import cost, shufflenet_v2, spectrum_net

NOISE = 2.0
"""Standard deviation of the noise in the noisy copies, gray levels of 0..255."""
QUALITY = 80
"""JPEG quality of the compressed copies."""
SCORES = ("accuracy", "within_one", "mean_absolute_error", "expected_mean_absolute_error", "median_mean_absolute_error")
ABLATION = training.Recipe(
    learning_rate=0.004, schedule="cosine", batch=256, samples=76_800, batch_norm_momentum=0.95, augment=True
)
"""The equal budget of all rows."""
SUPPORT = training.Recipe(
    learning_rate=0.004, schedule="cosine", batch=128, samples=76_800, batch_norm_momentum=0.95, augment=True
)
SUPPORT_PHOTOS = 4
"""The study of the kernel's support uses every fourth photo."""


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
ROWS = (
    ("plain convolutions on gray values", "plain_gray", {}),
    ("the patch normalized", "plain_normalized", {}),
    ("polynomial components and dense layers instead", "signed_components", {}),
    ("their sizes, without signs", "component_sizes", {}),
    ("sizes of innovations besides", "innovation_sizes", {}),
    ("signed innovations besides", "spectrum_net", {}),
    ("ordinal loss", "spectrum_net", {"loss": "ordinal"}),
    ("noise and JPEG in training", "spectrum_net", {"loss": "ordinal", "noisy": 0.15, "compressed": 0.15}),
)
"""Of the ablation: each row changes one thing of the row above."""


# The commands


@click.group()
@click.option("--profile", type=click.Choice(profiles.PROFILES), default="local", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Record. [default: its own in data/results/PROFILE]"
)
@click.pass_context
def main(context, profile, output):
    """Make and record the numbers of the chapter "Models"."""
    context.obj = {"profile": profile, "output": output}


@main.command()
def costs():
    """Parameters, arithmetic, memory and speed of every network."""
    began = time.monotonic()
    result = {name: _cost(classifiers.build(name)) for name in classifiers.NETWORKS}
    sizes = {
        str(width): cost.megabytes_in_training(shufflenet_v2.shufflenet_v2((32, 32, 1), patches.LEVELS, width))
        for width in shufflenet_v2.WIDTHS
    }
    _record("networks", {"networks": result, "shufflenet_v2_megabytes": sizes}, "no photos", began)


def _cost(model):
    click.echo(model.name)
    return {
        "parameters": model.count_params(),
        "macs": cost.macs(model),
        "patches_per_cpu_second": cost.patches_per_cpu_second(model),
        "megabytes_in_training": cost.megabytes_in_training(model),
        "megabytes_on_disk": cost.megabytes_on_disk(model),
    }


@main.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--runs", type=click.Path(path_type=Path), default=paths.ROOT / "runs" / "ablation")
def ablation(data, runs):
    """What each part of SpectrumNet is good for, on the validation photos of DATA (made by `patches.build`)."""
    began = time.monotonic()
    validation = patches.load(data, "validation")
    rows = []
    with mock.patch.dict(classifiers.NETWORKS, VARIANTS):
        for number, (label, network, changes) in enumerate(ROWS):
            recipe = training.replace(ABLATION, **changes)
            model = _train(network, data, runs / str(number), recipe)
            rows.append(
                {"change": label, "network": network, "changes": changes, "parameters": model.count_params()}
                | {"samples": recipe.samples, "scores": robustness_scores(model, validation)}
            )
            click.echo(f"{label}: {rows[-1]['scores']['clean']['expected_mean_absolute_error']:.3f}")
    description = json.loads((data / "dataset.json").read_text())
    _record("ablation", {"recipe": asdict(ABLATION), "rows": rows}, _brief(description), began)


def _train(network, data, run, recipe):
    """The trained network of a run; one that is finished is not trained again."""
    if not (run / "weights.weights.h5").exists():
        model, _, _ = training.train(network, data, run, recipe)
        model.save_weights(run / "partial.weights.h5")
        os.replace(run / "partial.weights.h5", run / "weights.weights.h5")
    model = training.prepare(network, recipe, 1)
    model.load_weights(run / "weights.weights.h5")
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
    scores = {name: training.evaluate(model, copy) for name, copy in copies.items()}
    return {name: {key: each[key] for key in SCORES} for name, each in scores.items()}


@main.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1)
def robustness(data, names):
    """The shipped networks NAMES on the test photos of DATA: as they are, noisy and compressed."""
    began = time.monotonic()
    test = patches.load(data, "test")
    result = {name: robustness_scores(classifiers.load(name), test) for name in names}
    for name, scores in result.items():
        click.echo(
            f"{name}: { {copy: round(each['expected_mean_absolute_error'], 3) for copy, each in scores.items()} }"
        )
    _record("robustness", result, _brief(json.loads((data / "dataset.json").read_text())), began)


@main.command()
@click.option("--runs", type=click.Path(path_type=Path), default=paths.ROOT / "runs" / "support")
@click.pass_obj
def support(options, runs):
    """A small network trained on each reading of "filter the patch", tested on all."""
    began = time.monotonic()
    readings = [
        patches.Reading(*choice) for choice in itertools.product(("2sigma+1", "full"), ("patch", "image"), (16, 8))
    ]
    folders = [runs / str(reading).replace(", ", "-").replace("+", "") for reading in readings]
    for reading, folder in zip(readings, folders, strict=True):
        if not (folder / "data").exists():
            some = functools.partial(_some_photos, options["profile"])
            patches.build(some, folder / "data", reading, profiles.fractions(options["profile"]))
    matrix = {}
    with mock.patch.dict(classifiers.NETWORKS, VARIANTS):
        for reading, folder in zip(readings, folders, strict=True):
            model = _train("plain_normalized", folder / "data", folder, SUPPORT)
            tests = {
                str(other): training.evaluate(model, patches.load(place / "data", "test"))
                for other, place in zip(readings, folders, strict=True)
            }
            matrix[str(reading)] = {label: {key: scores[key] for key in SCORES} for label, scores in tests.items()}
            click.echo(f"{reading!s}: accuracy {matrix[str(reading)][str(reading)]['accuracy']:.3f}")
    description = json.loads((folders[0] / "data" / "dataset.json").read_text())
    result = {"network": "plain_normalized", "recipe": asdict(SUPPORT), "matrix": matrix}
    _record("kernel_support", result, _brief(description), began)


def _some_photos(profile):
    return itertools.islice(profiles.training_photos(profile), 0, None, SUPPORT_PHOTOS)


def _brief(description):
    """A data set's description without the lists of photos."""
    return {key: value for key, value in description.items() if key != "photos_of"}


def _record(name, result, data, began):
    profile, output = (click.get_current_context().obj[option] for option in ("profile", "output"))
    path = output or paths.RESULTS / profile / f"{name}.json"
    records.write(path, result, profile=profile, data=data, seed=0, seconds=time.monotonic() - began)


if __name__ == "__main__":
    main()
