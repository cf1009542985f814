"""What makes the one-pass network good: one change a row, each trained as long, judged on the same dev scenes."""

import contextlib
from dataclasses import replace
from pathlib import Path
from unittest import mock

from lib import figures
from lib.studies import records
from lib.studies.one_pass.study import HELD_OUT, made_smaller
from lib.studies.register import study

# What needs TensorFlow is imported where it is used.

STEPS = {"quick": 4, "local": 300, "full": 6_000}
"""Of each training: at `local` a small part of what the shipped weights saw, so only large effects show."""
SHORT = {"batch": 4, "scenes": 100, "growth": 0.0, "rise": 60}
"""Of the recipe at `local`: fewer scenes to render and to see a step, and a rate that is reached in time."""


# What takes the place of a part of the network, made of the part that it replaces


def _in_float32(build):
    """`network.build`, whatever the trainer asks for: some processors are slow at bfloat16."""
    return lambda half=False: build()


def _learned_filters(_):
    """As many filters of the same size as `network.Polynomials` has answers, but learned."""
    import keras
    from keras import layers

    def make(**options):
        learned = layers.Conv2D(20, 8, 2, "same", activation="relu", kernel_initializer="he_normal")
        return keras.Sequential([layers.Rescaling(1 / 64, -1), learned], name=options["name"])

    return make


def _half_the_size(_):
    """In the place of `network.Unfold`: one answer for each 2x2 pixels, and the others between."""
    import tensorflow as tf
    from keras import layers

    def doubled(x):
        return tf.image.resize(x[..., :3], 2 * tf.shape(x)[1:3])

    return lambda **options: layers.Lambda(doubled, (None, None, 3), **options)


def _guided_upsampling(build):
    """In the place of `network.build`: the head at half the size, brought to the photo's edges by a guided filter."""
    import keras
    from keras import layers

    from lib.one_pass import network

    def made(half=False):
        with mock.patch.object(network, "Unfold", lambda **o: layers.Lambda(lambda x: x[..., :3], **o)):
            model = build(half)
        answer, *coarse = model.outputs
        guided = layers.Lambda(_guide, (None, None, 3), name="guided", dtype="float32")
        return keras.Model(model.inputs, [guided([model.inputs[0], answer]), *coarse])

    return made


def _guide(photo_and_answer, radius=4, epsilon=1e-3):
    """The guided filter of the half-size answer with the photo's gray levels, in [0, 1], at full size."""
    import tensorflow as tf

    def mean(x):
        return tf.nn.avg_pool2d(x, 2 * radius + 1, 1, "SAME")

    photo, answer = photo_and_answer
    gray = tf.reduce_mean(photo, axis=-1, keepdims=True)
    small = tf.nn.avg_pool2d(gray, 2, 2, "VALID")
    mean_gray, mean_answer = mean(small), mean(answer)
    slope = (mean(small * answer) - mean_gray * mean_answer) / (mean(small**2) - mean_gray**2 + epsilon)
    offset = mean_answer - slope * mean_gray
    slope, offset = (tf.image.resize(mean(x), tf.shape(photo)[1:3]) for x in (slope, offset))
    return slope * gray + offset


def _median_alone(_):
    """`network.quantiles` of a network that says nothing but sigma."""
    import tensorflow as tf

    def quantiles(answer):
        median = answer[..., :1]
        return median, tf.stop_gradient(median), tf.stop_gradient(median)

    return quantiles


ROWS = (
    ("as it is", {}, {}),
    ("another seed", {"seed": 1}, {}),
    ("learned filters instead of polynomials", {}, {"network.Polynomials": _learned_filters}),
    ("head at half the size", {}, {"network.Unfold": _half_the_size}),
    ("guided upsampling of that", {}, {"network.build": _guided_upsampling}),
    ("no interval", {}, {"network.quantiles": _median_alone}),
    ("error in roots only", {"sigma_weight": 0.0}, {}),
    ("whole scenes only", {"quarters": 0.0}, {}),
    ("quarters of scenes only, four times as many", {"quarters": 1.0}, {}),
    ("no flat things", {}, {"scenes.PLAIN": 0.0}),
    ("no sigma above 12", {}, {"scenes.GREATEST_SIGMA": 12.0}),
    ("Gaussians only", {}, {"kernels.GAUSSIANS": 1.0}),
    ("stored values instead of light", {}, {"scenes.LIGHT": 0.0}),
    ("no things of photos as outlines", {}, {"scenes.THINGS": 0.0}),
)
"""Label; changes of seed and recipe; what takes the place of a name of network and scenes. The first renders the dev
scenes of all."""


@study("one_pass_ablation", (4, 45, 60), "the photos in focus, train and dev", ("photos",), files=HELD_OUT, gpu=True)
def ablation(job):
    """The one-pass network with one change a row, each trained as long: errors on the same dev scenes."""
    smaller = made_smaller(job)
    recipe = replace(smaller["recipe"], **(SHORT if job.profile == "local" else {}))
    smaller["recipe"] = replace(recipe, scenes=job.count(recipe.scenes, least=8))
    return {"rows": [job.kept(row[0], lambda row=row: _train(job, smaller, *row)) for row in ROWS]}


def _train(job, smaller, label, changes, places):
    import keras

    from lib.one_pass import network
    from lib.studies.one_pass import kernels, scenes, trainer

    modules = {"network": network, "kernels": kernels, "scenes": scenes}
    folder, number = Path(job.folder), [row[0] for row in ROWS].index(label)
    recipe = replace(smaller["recipe"], **{name: value for name, value in changes.items() if name != "seed"})
    options = smaller | {"recipe": recipe, "seed": changes.get("seed", job.seed)}
    own_scenes = any(place.startswith(("scenes", "kernels")) for place in places)
    keras.backend.clear_session()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(network, "build", _in_float32(network.build)))
        for place, value in places.items():
            module, name = place.split(".")
            part = value(getattr(modules[module], name)) if callable(value) else value
            stack.enter_context(mock.patch.object(modules[module], name, part))
        pool = folder / (f"pool-{number}" if own_scenes else "pool")
        training = trainer.Training(folder / f"run-{number}", pool, **options)
        training.dev_pool = scenes.Pool(folder / "pool", "dev", pictures=smaller.get("pictures"))
        training.train(job.count(STEPS[job.profile], least=2), job.say)
    return {"label": label} | training.state["history"][-1]


def table(record):
    """The rows of `ablation`'s record; `record` is None where it was not run."""
    columns = {"change": "", "error": ".2f", "bias": "+.2f", "with noise": ".2f", "at 0": ".2f", "at 10": ".1f"}
    keys = ("label", "dev", "dev_bias", "dev_2", "reads_0", "reads_10")
    if record is None:
        return figures.table(columns, [], "Not run yet: `defocus study one_pass_ablation`.")
    rows = [tuple(row[key] for key in keys) for row in record["result"]["rows"]]
    note = "Dev scenes, pixels; and the reading of photos that were blurred evenly by 0 and by 10 pixels."
    return figures.table(columns, rows, f"{note} {records.provenance(record)}.")
