"""The trainings of the networks of Table 2, and the book's own."""

from dataclasses import asdict, replace
from pathlib import Path

from lib import classifiers, dataset, patches
from lib.studies import profiles, records
from lib.training import evaluation, recipes, trainer


def run_profile(
    network, profile, reading, run, split="photo", seed=0, samples=None, progress=None, data=None, tests=None
):
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
    stride = recipes.OVERLAP.get(network, patches.SIZE) if split == "photo" else patches.SIZE
    description = profiles.build(data, profile, chosen, split, seed, train_stride=stride)
    if empty := [name for name, count in description["patches"].items() if not count]:
        msg = f"No sharp patch is left for {' and '.join(empty)}: add photos, or split by patch."
        raise ValueError(msg)
    recipe = recipes.recipe_for(network, profile)
    if samples is not None:
        recipe = replace(recipe, samples=samples)
    if chosen.bits != 8:
        recipe = replace(recipe, noisy=0.0, compressed=0.0)  # which are about photo files
    model, history, seconds = trainer.train(network, data, run, recipe, seed, progress)
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
    record = records.load(run / "record.json")
    (run / "card.md").write_text(records.card(f"{network}-{reading}", record))
    return record


def _test_readings(run, tests, profile, split, seed):
    """Test the saved weights, rounded to float16 as they are, on the same test patches in all readings."""
    model = classifiers.load(run / "weights.keras")
    scores = {}
    for reading in patches.ALL_READINGS:
        folder = Path(tests) / f"{profile}-{split}-{seed}" / str(reading)
        profiles.build(folder, profile, reading, split, seed, only=("test",))
        scores[str(reading)] = evaluation.evaluate(model, dataset.load(folder, "test"))
    return scores
