"""Table 2: the paper's five networks, and what a difference between two of them is worth."""

import itertools
from dataclasses import asdict, replace

import numpy as np

from lib import dataset, patches, storage
from lib.studies import profiles, trainings
from lib.studies.register import study
from lib.training import recipes

# What needs TensorFlow is imported where it is used: the register lists the studies at once.

SAMPLES = {"quick": 1_280, "local": 1_504_000}
"""Seen by each network of Table 2, where a CPU cannot give them the paper's 100 epochs."""
SHORT_SAMPLES = {"quick": 512, "local": 512_000, "full": 512_000}
"""Seen in each training of the other studies."""
SEEDS = 3
LARGER = 48
"""Side of the larger patches, pixels."""
CHANGES = {"learning_rate": 0.002}, {"batch_norm_momentum": 0.9}
"""Of the recipe, one at a time: half the peak of the rate; averages of the last 10 batches instead of 100."""
READING = patches.READINGS["paper"]


@study("table_2_mobilenet_v2", (0.5, 25, 240), "", ("patches",), gpu=True, network="mobilenet_v2")
@study("table_2_efficientnet_b0", (1, 60, 400), "", ("patches",), gpu=True, network="efficientnet_b0")
@study("table_2_nasnet_mobile", (1.5, 120, 600), "", ("patches",), gpu=True, network="nasnet_mobile")
@study("table_2_densenet121", (1.5, 120, 600), "", ("patches",), gpu=True, network="densenet121")
@study("table_2_shufflenet_v2", (1, 20, 300), "", ("patches",), gpu=True, network="shufflenet_v2")
def table_2(job, network):
    """A network of Table 2 on the paper's reading of the data, each with the same budget of samples."""
    recipe = recipes.recipe_for(network, job.profile)
    if job.profile in SAMPLES:
        recipe = replace(recipe, samples=SAMPLES[job.profile])
    return trainings.train(job, network, "paper", recipe)[1]


@study("seeds_mobilenet_v2", (0.5, 25, 10), "", ("patches",), gpu=True, network="mobilenet_v2")
@study("seeds_shufflenet_v2", (0.5, 20, 10), "", ("patches",), gpu=True, network="shufflenet_v2")
def seeds(job, network):
    """A network of Table 2 trained with several seeds, on the same patches: how far chance alone moves a row."""
    folder, job.data = trainings.data_set(job, READING)
    recipe, rows = _short(network, job.profile), []
    for seed in range(job.seed, job.seed + SEEDS):
        rows.append({"seed": seed} | _trained(job, network, folder, f"seed-{seed}", recipe, seed))
        job.say(f"seed {seed}: accuracy {rows[-1]['test']['accuracy']:.3f}")
    return {"network": network, "rows": rows}


@study("larger_patches", (0.5, 25, 10), "", ("patches",), gpu=True)
def larger_patches(job):
    """ShuffleNetV2 on larger patches around the same places, with the budget of `seeds`: the paper expects a gain."""
    _, job.data = trainings.data_set(job, READING)
    folder = job.shared(build_larger, profile=job.profile, seed=job.seed, size=LARGER)
    recipe = _short("shufflenet_v2", job.profile)
    return {"size": LARGER} | _trained(job, "shufflenet_v2", folder, "larger", recipe, job.seed)


@study("stumbles", (0.5, 15, 10), "", ("patches",), gpu=True)
def stumbles(job):
    """MobileNetV2 with one change of the recipe and the budget of `seeds`: does its validation accuracy fall less?"""
    folder, job.data = trainings.data_set(job, READING)
    rows = []
    for number, change in enumerate(CHANGES):
        recipe = replace(_short("mobilenet_v2", job.profile), **change)
        rows.append({"change": change} | _trained(job, "mobilenet_v2", folder, f"change-{number}", recipe, job.seed))
        job.say(f"{change}: validation accuracy {rows[-1]['history'][-1]['validation_accuracy']:.3f}")
    return {"rows": rows}


def _short(network, profile):
    return replace(recipes.recipe_for(network, profile), samples=SHORT_SAMPLES[profile])


def _trained(job, network, folder, name, recipe, seed):
    """The recipe, history and test scores of a training; one that is finished is not done again."""
    from lib.training import evaluation, trainer

    recipe = trainings.scaled(recipe, job, job.data["samples"]["train"])

    def make():
        model, history, _ = trainer.train(network, folder, job.folder / name, recipe, seed)
        test = evaluation.evaluate(model, dataset.load(folder, "test"))
        return {"recipe": asdict(recipe), "history": history, "test": test}

    return job.kept(name, make)


def build_larger(folder, profile, seed, size):
    """Build a profile's data set in the paper's reading with larger patches, where it is not yet there.

    The same sharp places of the same photos, in the same sets and order as `profiles.build` has them, each in the
    middle of its patch; at the border of a photo the patch is moved inward.

    Parameters
    ----------
    folder : path
        Gets ``train.npy``, ``validation.npy`` and ``test.npy``, each (N, 20, size, size) uint16.
    profile : {"quick", "local", "full"}
    seed : int
        Of the split.
    size : int
        Side of a patch, pixels; no photo is smaller.
    """
    with storage.alone(folder):
        if folder.exists():
            return
        least = profiles.threshold(profile)
        corners = [patches.sharp_corners(gray, least) for _, gray in profiles.training_photos(profile)]
        counts = [len(each) for each in corners]
        sets = dataset.split_by_photo(counts, profiles.fractions(profile), seed)
        with storage.whole_folder(folder) as partial:
            arrays = []
            for number, name in enumerate(dataset.SPLITS):
                shape = (int(np.sum(counts, where=sets == number)), patches.LEVELS, size, size)
                arrays.append(np.lib.format.open_memmap(partial / f"{name}.npy", "w+", READING.dtype, shape))
            filled = [0, 0, 0]
            for (_, gray), places, number in zip(profiles.training_photos(profile), corners, sets, strict=True):
                end = filled[number] + len(places)
                _blur_larger(gray, places, size, arrays[number][filled[number] : end])
                filled[number] = end


def _blur_larger(gray, corners, size, out):
    """Write the patches of a photo at all levels into `out`, (N, 20, size, size)."""
    if not len(corners):
        return
    moved = np.clip(corners - (size - patches.SIZE) // 2, 0, np.subtract(gray.shape, size))
    sharp = np.stack([gray[r : r + size, c : c + size] for r, c in moved]).astype(np.float32) * (65535 / 255)
    for level in range(patches.LEVELS):
        out[:, level] = np.rint(np.clip(patches.blur(sharp, level, READING.truncate), 0, 65535))


# What the records say


def by_budget(records):
    """Test accuracies by samples seen: networks compare where they have seen as many.

    Parameters
    ----------
    records : iterable of (str, dict or None)
        Networks and records of their trainings, single or of several seeds; or None, where there is none.

    Returns
    -------
    dict of int to dict of str to list of float
        By samples, few first, and network; an accuracy for each seed.
    """
    found = {}
    for network, record in records:
        single = [record["result"] | {"seed": record["seed"]}] if record else []
        for row in record["result"].get("rows", single) if record else ():
            by_seed = found.setdefault(row["history"][-1]["samples"], {}).setdefault(network, {})
            by_seed[row["seed"]] = row["test"]["accuracy"]
    return {
        samples: {network: list(by_seed.values()) for network, by_seed in found[samples].items()}
        for samples in sorted(found)
    }


def at_equal_budgets(network, others, records):
    """Test accuracies of a network beside each other one's, after the most samples that both have seen.

    Parameters
    ----------
    network : str
    others : sequence of str
    records : iterable of (str, dict or None)
        As in `by_budget`.

    Returns
    -------
    list of (float, float)
        The network's and the other's, means over the seeds.

    Raises
    ------
    LookupError
        Two have not seen equally many.
    """
    budgets = by_budget(records).values()
    found = []
    for other in others:
        both = [budget for budget in budgets if {network, other} <= budget.keys()]
        if not both:
            msg = f"Expected trainings of {network} and {other} with equally many samples, found none."
            raise LookupError(msg)
        found.append(tuple(float(np.mean(both[-1][name])) for name in (network, other)))
    return found


def in_order(accuracy, printed):
    """How many pairs of networks are in the paper's order, and of how many.

    Parameters
    ----------
    accuracy, printed : dict of str to float
        Here and in the paper, by network; a network that is not here is left out.

    Examples
    --------
    >>> in_order({"a": 0.3, "b": 0.5, "c": 0.4}, {"a": 0.7, "b": 0.9, "c": 0.95, "d": 0.8})
    (2, 3)
    """
    pairs = list(itertools.combinations(accuracy, 2))
    return sum((accuracy[a] > accuracy[b]) == (printed[a] > printed[b]) for a, b in pairs), len(pairs)


def largest_fall(history, key="validation_accuracy"):
    """By how much an accuracy falls from one row of a history to the next, at most.

    Examples
    --------
    >>> largest_fall([{"x": 0.5}, {"x": 0.75}, {"x": 0.5}, {"x": 0.875}], "x")
    0.25
    """
    return max((before[key] - after[key] for before, after in itertools.pairwise(history)), default=0.0)
