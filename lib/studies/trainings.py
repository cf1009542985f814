"""The trainings of the networks that are shipped, and what all trainings share."""

import os
from dataclasses import asdict, replace
from pathlib import Path

from lib import dataset, patches, paths, photos
from lib.studies import div2k, profiles, records
from lib.studies.card import card
from lib.studies.register import study
from lib.training import recipes

# What needs TensorFlow is imported where it is used: the register lists the studies at once.

SHIPPED = tuple(
    f"train_{name}"
    for name in ("mobilenet_v2-lens", "mobilenet_v2-paper", "spectrum_net-lens", "spectrum_net_wide-lens")
)
"""The trainings of the classifiers that come with the repository."""
EXPORTED = "mobilenet_v2-lens"
"""The one whose ONNX file comes with it."""
QUICK_SAMPLES = 12_800
"""Seen by each of the shipped networks in a run at quick."""


@study("photos", minutes=(0.1, 10, 120), data="names by set")
def fetch(job):
    """The photos of the profile, fetched to this machine: all but `quick` need the registry's sets, `full` DIV2K."""
    if os.environ.get(div2k.STAND_IN) and job.scale == 1:
        msg = f"{div2k.STAND_IN} is set: photos may take DIV2K's place in a scaled run only, SCALE=0.001."
        raise ValueError(msg)
    found = {"bundled": list(photos.BUNDLED)}
    if job.profile != "quick":
        found |= {name: [path.name for path in photos.files(name)] for name in photos.SETS}
    if job.profile == "full":
        found["div2k"] = [name for split in ("train", "validation") for name, _ in div2k.photos(split)]
    return found


@study("patches", minutes=(0.5, 10, 60), data="the photos of the profile")
def data_sets(job):
    """The data sets of section 3.1, in all readings, for all that trains: how many patches and samples they have."""
    found = {}
    for reading in patches.ALL_READINGS:
        _, description = data_set(job, reading)
        found[str(reading)] = {key: description[key] for key in ("photos", "patches", "samples")}
        job.say(f"{reading}: {found[str(reading)]['samples']}")
    return found


def data_set(job, reading, **options):
    """The folder of a data set, which studies share, and what it says of itself, less the names of the photos."""
    folder = job.shared(profiles.build, profile=job.profile, reading=reading, seed=job.seed, **options)
    description = profiles.describe(folder)
    return folder, {key: value for key, value in description.items() if key != "photos_of"}


@study(
    "train_mobilenet_v2-lens", (0.7, 79, 240), "", ("patches",), "mobilenet_v2-lens.keras", card, gpu=True,
    network="mobilenet_v2", reading="lens",
)  # fmt: skip
@study(
    "train_mobilenet_v2-paper", (0.7, 79, 240), "", ("patches",), "mobilenet_v2-paper.keras", card, gpu=True,
    network="mobilenet_v2", reading="paper",
)  # fmt: skip
@study(
    "train_spectrum_net-lens", (0.5, 9, 240), "", ("patches",), "spectrum_net-lens.keras", card, gpu=True,
    network="spectrum_net", reading="lens",
)  # fmt: skip
@study(
    "train_spectrum_net_wide-lens", (0.5, 18, 240), "", ("patches",), "spectrum_net_wide-lens.keras", card, gpu=True,
    network="spectrum_net_wide", reading="lens",
)  # fmt: skip
def shipped(job, network, reading):
    """A network that comes with the repository, trained on patches that are blurred as its name says."""
    from lib import classifiers

    recipe = recipes.recipe_for(network, job.profile)
    if job.profile == "quick":
        recipe = replace(recipe, samples=QUICK_SAMPLES)
    model, result = train(job, network, reading, recipe)
    name = f"{network}-{reading}"
    classifiers.save(model, paths.weights() / f"{name}.keras")
    if name == EXPORTED:
        from lib.engines import onnx

        onnx.export(classifiers.load(name), paths.weights() / f"{name}.onnx")
    return result


def train(job, network, reading, recipe):
    """The trained network, and its result."""
    overlap = {"train_stride": recipes.OVERLAP[network]} if network in recipes.OVERLAP else {}
    data, _ = data_set(job, patches.READINGS[reading], **overlap)
    job.data = profiles.describe(data)
    recipe = scaled(recipe, job, job.data["samples"]["train"])
    tests = {str(each): data_set(job, each)[0] for each in patches.ALL_READINGS}
    model, result, job.seconds = train_and_test(network, reading, data, tests, job.folder / "run", recipe, job.seed)
    return model, result


def scaled(recipe, job, samples):
    """The recipe for a training set of so many samples; in a run that is made smaller, fewer are seen."""
    if job.scale == 1:
        return recipe
    seen = recipe.steps(samples) * recipe.batch
    return replace(recipe, epochs=None, samples=job.count(seen, least=2 * recipe.batch))


def train_and_test(network, reading, data, tests, run, recipe, seed=0, progress=None):
    """Train, and test on every reading.

    Parameters
    ----------
    network : str
    reading : str
        A key of `patches.READINGS`.
    data : path
        The patches, made by `profiles.build`.
    tests : dict of str to path
        Data sets whose test patches it is tested on, by reading.
    run : path
        Folder for checkpoints.
    recipe : recipes.Recipe
    seed : int
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    model : keras.Model
        With the weights rounded to float16, as they are saved.
    result : dict
    seconds : float
        Of the training, that before a kill included.
    """
    from lib import classifiers
    from lib.training import evaluation, trainer

    if patches.READINGS[reading].bits != 8:
        recipe = replace(recipe, noisy=0.0, compressed=0.0)  # which are about photo files
    model, history, seconds = trainer.train(network, data, run, recipe, seed, progress)
    classifiers.save(model, run / "weights.keras")
    model = classifiers.load(run / "weights.keras")
    scores = {label: evaluation.evaluate(model, dataset.load(folder, "test")) for label, folder in tests.items()}
    result = {
        "network": network,
        "reading_name": reading,
        "recipe": asdict(recipe),
        "samples_seen": history[-1]["samples"],
        "history": history,
        "test": scores[str(patches.READINGS[reading])],
        "test_by_reading": scores,
    }
    return model, result, seconds


def run_profile(network, profile, reading, run, split="photo", seed=0, samples=None, progress=None):
    """Build the data set, train, test on every reading and record: what ``defocus train`` does.

    Parameters
    ----------
    network : str
    profile : {"quick", "local", "full"}
    reading : str
        A key of `patches.READINGS`.
    run : path
        Folder that gets ``data/`` (the patches), ``weights.keras``, ``record.json`` and ``card.md``.
    split, seed
        As in `dataset.build`.
    samples : int, optional
        Samples seen in all, instead of what `recipe_for` says.
    progress : callable, optional
        Called with (steps done, steps in all).

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
    stride = recipes.OVERLAP.get(network, patches.SIZE) if split == "photo" else patches.SIZE
    description = profiles.build(run / "data", profile, patches.READINGS[reading], split, seed, train_stride=stride)
    tests = {str(each): run / "test" / str(each) for each in patches.ALL_READINGS}
    for each in patches.ALL_READINGS:
        profiles.build(tests[str(each)], profile, each, split, seed, only=("test",))
    recipe = recipes.recipe_for(network, profile)
    if samples is not None:
        recipe = replace(recipe, samples=samples)
    _, result, seconds = train_and_test(network, reading, run / "data", tests, run, recipe, seed, progress)
    records.write(run / "record.json", result, profile=profile, data=description, seed=seed, seconds=seconds)
    record = records.load(run / "record.json")
    (run / "card.md").write_text(card(record, f"{network}-{reading}"))
    return record
