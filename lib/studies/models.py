"""The numbers of the chapter "Models".

`ablation`, `support` and `budgets` train small networks for minutes or hours; a killed one goes on where it stopped.
"""

import itertools
from dataclasses import asdict, replace
from unittest import mock

import numpy as np

from lib import dataset, patches
from lib.studies import trainings
from lib.studies.register import study
from lib.training import degradations, recipes

# What needs TensorFlow is imported where it is used: the register lists the studies at once.

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
SPEED = {"quick": (64, 0.2), "local": (1024, 2.0), "full": (1024, 2.0)}
"""Patches a batch, and processor time, to measure a network's speed with."""
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


@study("networks", minutes=(1, 1, 1), data="no photos")
def costs(job):
    """Parameters, arithmetic, memory and speed of every network."""
    from lib import classifiers
    from lib.classifiers import shufflenet_v2
    from lib.studies import networks

    sizes = {
        str(width): networks.megabytes_in_training(shufflenet_v2.shufflenet_v2((32, 32, 1), patches.LEVELS, width))
        for width in shufflenet_v2.WIDTHS
    }
    result = {}
    for name in classifiers.NETWORKS:
        model = classifiers.build(name)
        result[name] = {
            "parameters": model.count_params(),
            "macs": networks.macs(model),
            "patches_per_cpu_second": networks.patches_per_cpu_second(model, *SPEED[job.profile]),
            "megabytes_in_training": networks.megabytes_in_training(model),
            "megabytes_on_disk": networks.megabytes_on_disk(model),
        }
        job.say(f"{name} {result[name]}")
    return {"networks": result, "shufflenet_v2_megabytes": sizes}


@study("ablation", minutes=(2, 8, 8), data="", needs=("patches",), gpu=True)
def ablation(job):
    """What each part of SpectrumNet is good for, on the validation photos."""
    from lib import classifiers
    from lib.studies import networks

    folder, job.data = trainings.data_set(job, patches.READINGS["lens"])
    validation = dataset.load(folder, "validation")
    base = replace(ABLATION, samples=_samples(job, ABLATION.samples))
    rows = []
    with mock.patch.dict(classifiers.NETWORKS, networks.VARIANTS):
        for number, (label, network, changes) in enumerate(ROWS):
            model = _train(job, network, folder, str(number), replace(base, **changes))
            rows.append(
                {"change": label, "network": network, "changes": changes, "parameters": model.count_params()}
                | {"samples": base.samples, "scores": robustness_scores(model, validation)}
            )
            job.say(f"{label}: {rows[-1]['scores']['clean']['expected_mean_absolute_error']:.3f}")
    return {"recipe": asdict(base), "rows": rows}


def _samples(job, samples):
    """Of a training: at quick a hundredth."""
    return job.count(samples // 100 if job.profile == "quick" else samples, least=512)


def _train(job, network, data, name, recipe):
    """The trained network of a run; one that is finished is not trained again."""
    from lib.training import trainer

    model, _, _ = trainer.train(network, data, job.folder / name, recipe, job.seed)
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
    from lib.training import evaluation

    samples = np.asarray(samples)
    copies = {
        "clean": samples,
        "noisy": degradations.add_noise(samples, NOISE, np.random.default_rng(0)),
        "compressed": degradations.compress(samples, QUALITY),
    }
    scores = {name: evaluation.evaluate(model, copy) for name, copy in copies.items()}
    return {name: {key: each[key] for key in SCORES} for name, each in scores.items()}


@study("robustness", minutes=(0.5, 2, 10), data="", needs=("patches", *trainings.SHIPPED), gpu=True)
def robustness(job):
    """The shipped networks on the test photos as they are, noisy and compressed."""
    from lib import classifiers

    folder, job.data = trainings.data_set(job, patches.READINGS["lens"])
    test = dataset.load(folder, "test")
    return {name: robustness_scores(classifiers.load(name), test) for name in classifiers.shipped()}


@study("kernel_support_mobilenet_v2", (3, 113, 60), "", ("patches",), gpu=True, network="mobilenet_v2")
@study("kernel_support_spectrum_net_wide", (2, 87, 60), "", ("patches",), gpu=True, network="spectrum_net_wide")
def support(job, network):
    """A network trained on each reading of "filter the patch", tested on all."""
    from lib.training import evaluation

    found = {str(reading): trainings.data_set(job, reading) for reading in patches.ALL_READINGS}
    _, job.data = next(iter(found.values()))
    tests = {label: dataset.load(folder, "test") for label, (folder, _) in found.items()}
    recipe = replace(SUPPORT[network], samples=_samples(job, SUPPORT[network].samples))
    matrix = {}
    for label, (folder, _) in found.items():
        model = _train(job, network, folder, label, recipe)
        scores = {other: evaluation.evaluate(model, samples) for other, samples in tests.items()}
        matrix[label] = {other: {key: each[key] for key in SCORES} for other, each in scores.items()}
        job.say(f"{label}: accuracy {matrix[label][label]['accuracy']:.3f}")
    return {"network": network, "recipe": asdict(recipe), "matrix": matrix}


@study("budgets", minutes=(2, 75, 30), data="", needs=("patches",), gpu=True)
def budgets(job):
    """MobileNetV2 and the wide SpectrumNet after few samples and many, on the test photos."""
    folder, job.data = trainings.data_set(job, patches.READINGS["lens"])
    test = dataset.load(folder, "test")
    few_to_many = BUDGETS[:2] if job.profile == "quick" else BUDGETS
    rows = []
    for samples, network in itertools.product(few_to_many, ("mobilenet_v2", "spectrum_net_wide")):
        recipe = replace(recipes.recipe_for(network, "local"), samples=_samples(job, samples))
        model = _train(job, network, folder, f"{network}-{samples}", recipe)
        scores = robustness_scores(model, test)
        rows.append({"network": network, "samples": recipe.samples, "recipe": asdict(recipe), "scores": scores})
        job.say(f"{network} after {recipe.samples}: {scores['clean']['mean_absolute_error']:.3f}")
    return {"rows": rows}
