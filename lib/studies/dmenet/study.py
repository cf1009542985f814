"""DMENet's two trainings as studies: on rendered scenes, and adapted to real photos."""

from dataclasses import asdict

from lib import paths
from lib.studies.dmenet import scenes
from lib.studies.register import study

# What needs TensorFlow is imported where it is used: the register lists the studies at once.

SCENES = {
    "quick": {"train": 24, "test": 8},
    "local": {"train": 2400, "test": 150},
    "full": {"train": 2400, "test": 150},
}
"""How many scenes are rendered."""
STEPS = {"dmenet-compact": 2500, "dmenet-compact-adapted": 400}
QUICK_STEPS = 6
RATES = {"dmenet-compact": 3e-4, "dmenet-compact-adapted": 2e-4}


def card(record):
    """The model card of a training."""
    from lib.studies.dmenet.card import card

    return card(record)


@study("train_dmenet-compact", (0.7, 20, 20), "", ("photos",), "dmenet/dmenet-compact.keras", card, gpu=True)
def compact(job):
    """A narrow DMENet, trained on rendered scenes."""
    return _train(job, "dmenet-compact")


@study(
    "train_dmenet-compact-adapted", (0.7, 8, 8), "", ("train_dmenet-compact",),
    "dmenet/dmenet-compact-adapted.keras", card, gpu=True,
)  # fmt: skip
def adapted(job):
    """The same, adapted to real photos."""
    from lib.estimators.dmenet import network

    return _train(job, "dmenet-compact-adapted", network.load("dmenet-compact"), scenes.real_photos(job.profile))


def _train(job, name, start=None, real=None):
    from lib.estimators.dmenet import network
    from lib.studies.dmenet import weights
    from lib.studies.dmenet.trainer import Recipe
    from lib.studies.dmenet.training import evaluate, train

    sizes = {split: job.count(count, least=4) for split, count in SCENES[job.profile].items()}
    pool = {
        split: scenes.make_pool(job.folder / "scenes", split, size, job.profile, job.seed)
        for split, size in sizes.items()
    }
    steps = QUICK_STEPS if job.profile == "quick" else job.count(STEPS[name], least=2)
    recipe = Recipe(steps=steps, learning_rate=RATES[name])

    def report(done, row):
        if row:
            job.say(f"{done:.3f} " + " ".join(f"{key} {value:.5g}" for key, value in row.items()))

    model, history, job.seconds = train(job.folder / "run", pool, recipe, job.seed, start, real, report)
    target = paths.weights() / network.FOLDER / f"{name}.keras"
    weights.save(model, target)
    job.data = {
        "scenes": sizes,
        "textures": {split: [photo for photo, _ in scenes.textures(split, job.profile)] for split in sizes},
        "real_photos": None if real is None else "pairs blurred here" if job.profile == "quick" else "lytro pairs",
        "adapted_from": "dmenet-compact.keras" if start else None,
    }
    return {
        "network": name,
        "recipe": asdict(recipe),
        "samples_seen": history[-1]["step"] * recipe.batch,
        "history": history,
        "test": evaluate(network.load(target), pool["test"], job.seed),  # rounded to float16, as they are shipped
    }
