"""The one-pass network: its training, and how good it is on what it has not seen."""

import itertools
import time
from dataclasses import asdict, replace

import cv2
import matplotlib.pyplot as plt
import numpy as np

from lib import estimators, figures, images, one_pass, photos
from lib.one_pass import interval
from lib.studies import comparisons, photographed, profiles, public_sets, records
from lib.studies.camera import measured
from lib.studies.map_errors import map_errors, mask_scores, public_scores
from lib.studies.one_pass import degrade, kernels
from lib.studies.register import study

# What needs TensorFlow is imported where it is used.

STEPS = {"quick": 40, "local": 32_600, "full": 60_000}
"""Of the training."""
QUICK = {"batch": 1, "scenes": 8, "growth": 0.0, "rise": 10}
"""Of the recipe, at the quick profile."""
STAND_IN = ("astronaut", "chelsea", "china", "coffee")
"""Photos that the quick profile trains on: none of the registry has to come with the project."""
HELD_OUT = ("data/held_out.txt",)
"""The photos that none of the studies here trains or chooses on."""


# Training


def card(record):
    """The model card."""
    result, last = record["result"], record["result"]["history"][-1]
    held = "\n".join(f"- **{split}**: {', '.join(names)}" for split, names in result["photos"].items() if names)
    sets = STAND_IN if record["profile"] == "quick" else photos.TRAINING_SETS
    return f"""# one_pass

A photo, (H, W, 3) in [0, 1], to sigma in pixels, 0 to 19, and the ends of its 80 % interval, in one pass.

- **Network**: `lib.one_pass.network`, {result["weights"]:,} weights, kernels in float16 (`one_pass.npz`), and the same
  for other programs (`one_pass.onnx`): "photo", (N, H, W, 3) float32 with sides that are multiples of 32 and at least
  64, to "sigma", (N, H, W, 3): sigma, low, high.
- **Scenes** (`lib.studies.one_pass`): {result["scenes"]:,} of 256x256 pixels at the end, rendered from the training
  photos of {", ".join(sets)}; kernels of no camera in particular (`kernels`); noise up to 10 gray
  levels, JPEG, rescaling (`degrade`).
- **Recipe**: {result["steps"]:,} steps of {result["recipe"]["batch"]} scenes or four times as many quarters, Adam,
  rate {result["recipe"]["rate"]:g}{_before(result)}.
- **Provenance**: {records.provenance(record)}.
- **On dev scenes at the end**: mean error {last["dev"]:.2f} px, the 80 % interval holds {100 * last["held"]:.0f} %.

The rate of learning, the widths and the scenes were chosen by reason and by the dev scenes, the constants of the
filling on dev scenes. No photo or scene that anything is judged by took part: none of Middlebury, pixel4, cuhk,
zhuosim, gb82, lytro, nyu_pairs, none of the bundled photos, and of the training sets not the photos below.

**In use** (`lib.one_pass.estimate`) a photo is seen at three sizes (`lib.one_pass.sizes`) and the ends of the interval
are drawn towards sigma (`lib.one_pass.interval`). How was chosen on rendered scenes, the motorcycle and eight of
Middlebury, on dev photos in focus and evenly blurred, and on Lytro photos and their halves; ten others of Middlebury
and pixel4 tell whether it holds.

**Limits.** At one size the network saturates near 12 px. Flat things without an outline are guesses, and their interval
says so; soft fur in focus reads as blurred.

Photos held out:

{held}
"""


def _before(result):
    """What the run was before it had this recipe, as the end of a sentence."""
    told = ""
    for part in result["before"]:
        if "commit" in part:
            own = f", which had {part['steps']:,} steps of its own" if "steps" in part else ""
            told += f"; at step {part['until']:,} begun anew with the weights of commit {part['commit']}{own}"
        else:
            settings = part["settings"].items()
            other = [f"{key} {was:g}" for key, was in settings if was != result["recipe"].get(key, was)]
            other += [f"no {key}" for key in result["recipe"] if key not in part["settings"]]
            told += f"; until step {part['until']:,} {', '.join(other)}"
    return told


@study(
    "train_one_pass", (2, 150, 120), "the photos in focus, train and dev", ("photos",), "one_pass.onnx", card,
    files=HELD_OUT, gpu=True,
)  # fmt: skip
def train(job):
    """The one-pass network, trained on scenes that are rendered on the way."""
    from lib.one_pass import weights
    from lib.studies.one_pass import export, scenes, trainer

    steps = job.count(STEPS[job.profile], least=2)
    training = trainer.Training(job.folder / "run", job.folder / "pool", seed=job.seed, **made_smaller(job))
    training.train(steps, job.say)
    weights.save(training.model, weights.shipped(".npz"), [average.numpy() for average in training.average])
    export.export(weights.shipped(".npz"), weights.shipped(".onnx"))
    job.seconds = training.state["seconds"] + sum(part.get("seconds", 0) for part in training.state["before"])
    held_out = {} if job.profile == "quick" else {split: scenes.names(split) for split in ("dev", "test")}
    return {
        "history": training.state["history"],
        "steps": steps,
        "scenes": training.recipe.available(steps),
        "weights": training.model.count_params(),
        "recipe": asdict(training.recipe),
        "before": training.state["before"],
        "photos": held_out,
    }


def made_smaller(job):
    """What is less in a training of the quick profile: a minute of time, and no photo of the registry."""
    from lib.studies.one_pass import trainer

    if job.profile != "quick":
        return {"recipe": trainer.Recipe(), "dev_scenes": job.count(trainer.DEV_SCENES, least=4)}
    pictures = {"bsd100": [images.to_uint8(photos.load(name)) for name in STAND_IN]}  # as if of a set
    return {"recipe": replace(trainer.Recipe(), **QUICK), "pictures": pictures, "dev_scenes": 4}


# What it reads on what it has not seen

SPOILED = {"clean": {}, "noise 2": {"noise": 2.0}, "JPEG 75": {"jpeg": 75}}
"""What happens to them then."""
EDGES = (0.5, 1, 1.5, 2, 3, 4, 5, 6)
"""Sigma at edges, as BENet reports it."""
MORE = 0.05
"""What an interval is wider when pixels in it are counted: half the last digit of a sigma, pixels."""
WIDTHS = np.array([0, 0.25, 0.5, 1, 2, 4, 8, 20])
"""Of the interval, where its calibration is looked at, pixels."""
LARGEST_SIDE = 256
"""Of the photos that are blurred evenly, pixels: their center."""


@study("one_pass", (1, 25, 20), "held-out photos, rendered scenes, pixel4, cuhk", ("train_one_pass",), files=HELD_OUT)
def judge(job):
    """The one-pass network on photos and scenes that neither trained nor chose anything."""
    from lib.studies.one_pass import scenes as training_scenes

    if job.profile == "quick":
        sharp = {name: photos.load(name) for name in ("coffee", "rocket")}
        at_edges, real = sharp, {"flower": photos.load("flower")}
    else:
        sharp = {name: images.read(photos.file(name)) for name in training_scenes.names("test")}
        at_edges = {name: photo for name, photo in sharp.items() if name.startswith("bsd100/")}
        real = {path.name: images.read(path) for path in photos.files("zhuosim") if "Map" not in path.name}
        real |= {path.name: images.read(path) for path in photos.files("gb82")}
    sharp, at_edges, real = (dict(job.some(each.items())) for each in (sharp, at_edges, real))
    return {
        "scenes": job.kept("scenes", lambda: list(on_scenes(job))),
        "camera": job.kept("camera", lambda: list(on_camera(job))),
        "even": job.kept("even", lambda: even_blur(sharp, job)),
        "edges": job.kept("edges", lambda: at_the_edges(at_edges)),
        "half": job.kept("half", lambda: half_size(real)),
        "in_focus": {name: float((one_pass.estimate(photo) > 2).mean()) for name, photo in sharp.items()},
        "masks": [
            {"photo": name, "method": "one_pass"} | mask_scores(sigma, blurred) | public_scores(sigma, blurred)
            for name, photo, blurred in job.some(comparisons.masked(job.profile))
            for sigma in [one_pass.estimate(photo)]
        ],
        "speed": speed(1 if job.profile == "quick" else 12),
    }


def _with_interval(image, truth, known):
    """Errors of the map, of what it is before, and how honest the interval is, where the truth is known."""
    plain, low, high = one_pass.estimate(image, interval=True, filled=False)
    filled = interval.fill(plain, low, high, image)
    held = ((low - MORE <= truth) & (truth <= high + MORE))[known]
    needed = interval.NARROWER * _distance(plain, low, high, truth)[known]
    width = np.digitize((high - low)[known], WIDTHS[1:-1])
    wrong = np.abs(plain - truth)[known]
    bins = [[int((width == k).sum()), float(held[width == k].sum()), float(wrong[width == k].sum())]
            for k in range(len(WIDTHS) - 1)]  # fmt: skip
    alone = one_pass.estimate(image, filled=False, reductions=())
    stages = {"filled": filled, "plain": plain, "one size": alone}
    row = {name: _errors(values[known], truth[known]) for name, values in stages.items()}
    return row | {"held": float(held.mean()), "needed": float(np.quantile(needed, 0.8)), "widths": bins}, filled


def _distance(sigma, low, high, truth):
    """How far the truth is from the median, in roots and in units of the interval's half on its side."""
    truth = np.clip(sigma, truth - MORE, truth + MORE)
    median, low, high, truth = (np.sqrt(each) for each in (sigma, low, high, truth))
    return np.abs(truth - median) / np.maximum(np.where(truth < median, median - low, high - median), 1e-6)


def _errors(values, truth):
    return map_errors(values, truth) | {"bias": float((values - truth).mean())}


def on_scenes(job):
    """The rendered scenes, all settings."""
    for name, image, sigma, textured in job.some(photographed.scenes(job.profile), least=2):
        row, filled = _with_interval(image, sigma, np.ones(sigma.shape, bool))
        yield {"scene": name} | row | {"textured": _errors(filled[textured], sigma[textured])}
        job.say(f"{name}: {row['filled']['mae']:.2f} px")


def on_camera(job):
    """The photos whose blur others have measured."""
    for name, scene in job.some(measured(job.profile)):
        row, _ = _with_interval(scene.photo, scene.sigma, scene.known)
        known = scene.sigma[scene.known]
        yield {"scene": name, "best_constant": float(np.abs(known - np.median(known)).mean())} | row
        job.say(f"{name}: {row['filled']['mae']:.2f} px")


def even_blur(sharp, job):
    """Whole photos blurred evenly: error and reading at textured pixels, by what they went through and sigma."""
    found = {}
    for name, photo in sharp.items():
        photo = _center(photo)
        textured = photographed.textured(photo)
        for spoiling, sigma in ((s, sigma) for s in SPOILED for sigma in degrade.EVEN):
            blurred = degrade.spoil(degrade.blur(photo, sigma), len(found), **SPOILED[spoiling])
            values = one_pass.estimate(blurred)[textured]
            if values.size:
                row = found.setdefault(spoiling, {}).setdefault(str(sigma), {"error": [], "reads": []})
                row["error"].append(float(np.abs(values - sigma).mean()))
                row["reads"].append(float(np.median(values)))
        job.say(f"{name}, blurred evenly")
    return {
        spoiling: {sigma: {key: float(np.mean(values)) for key, values in row.items()} for sigma, row in rows.items()}
        for spoiling, rows in found.items()
    }


def at_the_edges(sharp):
    """Whole photos blurred evenly: mean error at their edges."""
    found = {}
    for sigma in EDGES:
        errors = []
        for photo in sharp.values():
            photo = _center(photo)
            edges = cv2.Canny(images.to_uint8(images.to_gray(photo)), 100, 200) > 0
            errors.append(np.abs(one_pass.estimate(degrade.spoil(degrade.blur(photo, sigma), 0)) - sigma)[edges].mean())
        found[str(sigma)] = float(np.mean(errors))
    return found


def half_size(real):
    """Photos with real blur: twice the reading at half the size over that at full size."""
    found = {}
    for name, photo in real.items():
        half = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        found[name] = float(2 * one_pass.estimate(half).mean() / one_pass.estimate(photo).mean())
    return found


def speed(largest):
    """Seconds by megapixels: of the network alone and with the filling; the better of two."""
    rows = []
    for size, engines in ((1, one_pass.installed()[:2]), (12, one_pass.installed()[:1])):
        photo = profiles.photo(size) if size <= largest else None
        for engine, filled in itertools.product(engines if photo is not None else (), (False, True)):
            seconds, processor = np.min([_seconds(photo, engine, filled) for _ in range(2)], axis=0)
            row = {"megapixels": size, "engine": engine, "filled": filled}
            rows.append(row | {"seconds": float(seconds), "processor_seconds": float(processor)})
    return {"rows": rows, "mebibytes": records.peak_memory()}


def _seconds(photo, engine, filled):
    began = time.perf_counter(), time.process_time()
    one_pass.estimate(photo, engine=engine, filled=filled)
    return time.perf_counter() - began[0], time.process_time() - began[1]


def _center(photo):
    """Its center, in color."""
    photo = photo if photo.ndim == 3 else np.dstack([photo] * 3)
    top, left = (max(side - LARGEST_SIDE, 0) // 2 for side in photo.shape[:2])
    return np.ascontiguousarray(photo[top : top + LARGEST_SIDE, left : left + LARGEST_SIDE])


# What the chapter shows of it


def by_use(rows):
    """Rows of the scenes that chose `interval.NARROWER`, and of those that tell if it holds: at `quick` the same."""
    tell = [row for row in rows if comparisons.scene_of(row["scene"]) in public_sets.MIDDLEBURY_2006]
    return [row for row in rows if row not in tell], tell or rows


def mean(rows, *keys):
    """The mean of a number of the rows, by its keys, where it is there."""
    values = [row[keys[0]] if len(keys) == 1 else row[keys[0]][keys[1]] for row in rows]
    return float(np.mean([value for value in values if value is not None]))


def table(scene_rows, camera_rows, note):
    """Errors on the rendered scenes, by setting and all, and on the camera's photos; and if the interval holds."""
    columns = {"what": "", "photos": "d", "error": ".2f", "textured": ".2f", "bias": "+.2f", "rank": ".2f"}
    columns |= {"at one size": ".2f", "% inside": ".0f"}
    settings = [row["scene"].rpartition("-")[2] for row in scene_rows]
    shown = [
        (f"scenes, {setting}", [row for row, own in zip(scene_rows, settings, strict=True) if own == str(number)])
        for number, setting in enumerate(photographed.SETTINGS)
    ]
    lines = []
    for label, rows in (*shown, ("scenes, all", scene_rows), ("camera", camera_rows)):
        if rows:
            textured = mean(rows, "textured", "mae") if "textured" in rows[0] else None
            errors = [mean(rows, "filled", key) for key in ("bias", "spearman")]
            inside = 100 * mean(by_use(rows)[1], "held")
            alone = mean(rows, "one size", "mae")
            lines.append((label, len(rows), mean(rows, "filled", "mae"), textured, *errors, alone, inside))
    return figures.table(columns, lines, note)


BESIDE = ("one_pass", "ours", "mobilenet_v2-lens", "dmenet", "constant")


def beside(on_scenes, by_camera, masks):
    """The network beside others, from the records of the comparisons: of scenes, of a camera's photos, of masks."""
    of_scenes = comparisons.untuned(on_scenes["result"]["rows"])
    newer = [row for row in of_scenes if comparisons.scene_of(row["scene"]) in public_sets.MIDDLEBURY_2006]
    parts = {
        "scenes": comparisons.table(of_scenes, ["all.mae"]),
        "those of 2006": comparisons.table(newer, ["all.mae"]),
        "camera": comparisons.table(by_camera["result"]["rows"], ["mae"]),
        "ROC area": comparisons.table(masks["result"]["rows"], ["auc"]),
    }
    rows = []
    for method in BESIDE:
        numbers = [next(iter(part[method].values())) if method in part else None for part in parts.values()]
        rows.append((estimators.title(method), *numbers))
    note = "Mean errors, pixels; and masks. Those of 2006 and the camera's photos chose no constant of any method."
    return figures.table({"Method": "", **dict.fromkeys([*parts][:3], ".2f"), "ROC area": ".3f"}, rows, note)


def through(photo, lens, sigma, behind):
    """A photo as a lens shows it when all of it is out of focus by sigma, in stored values; sides are even."""
    reach = int(6 * sigma)
    wide = np.pad(photo, [(reach, reach), (reach, reach), (0, 0)], "reflect")
    spot = np.fft.irfft2(kernels.transfer(lens, sigma, 4 * reach, behind), s=(4 * reach, 4 * reach))
    spot = np.fft.fftshift(spot)[1:, 1:]  # its middle is the origin
    return np.clip(cv2.filter2D(wide, -1, spot[::-1, ::-1]), 0, 1)[reach:-reach, reach:-reach]


def draw_network():
    """The network: the encoder's levels, the decoder's, and what leads from one to the other."""
    from lib.one_pass import network

    _, axis = plt.subplots(figsize=(9, 3))
    arrow = {"arrowprops": {"arrowstyle": "->", "color": "0.4"}}
    for row, channels in ((1, network.ENCODER), (0, network.DECODER)):
        for level, count in enumerate(channels):
            axis.bar(level, 0.5, 0.9 / 1.45**level, row, color=f"C{1 - row}", alpha=0.8)
            axis.text(level, row + 0.25, count, ha="center", va="center", color="white")
    for level in range(len(network.DECODER)):
        axis.text(level, 1.6, f"1/{2 ** (level + 1)}", ha="center")
        axis.annotate("", (level, 0.55), (level, 0.97), **arrow)
        axis.annotate("", (level + 0.65, 1.25), (level + 0.45, 1.25), **arrow)
        axis.annotate("", (level + 0.4, 0.25), (level + 0.65, 0.25), **arrow)
    last = len(network.ENCODER) - 1
    axis.text(last, 1.6, f"1/{2 ** (last + 1)}", ha="center")
    axis.annotate("", (last - 0.35, 0.25), (last, 0.95), **arrow)
    axis.text(-0.6, 1.25, "photo", ha="right", va="center")
    axis.text(-0.6, 0.25, r"$\sigma$, low, high", ha="right", va="center")
    axis.set(xlim=(-1.6, last + 0.5), ylim=(-0.1, 1.9))
    axis.axis("off")


def draw_calibration(rows):
    """By the width of the interval: the share of pixels inside, and the mean error of the map; `rows` by label."""
    _, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for label, own in rows.items():
        count, held, wrong = np.sum([row["widths"] for row in own], axis=0).T
        some = np.flatnonzero(count)
        axes[0].plot(some, held[some] / count[some], "o-", label=label)
        axes[1].plot(some, wrong[some] / count[some], "o-", label=label)
    axes[0].axhline(0.8, color="0.7")
    axes[0].set(ylabel="share inside", ylim=(0, 1.02))
    axes[1].set(ylabel="mean error (pixels)", ylim=(0, None))
    for axis in axes:
        bins = [f"{low:g}-{high:g}" for low, high in itertools.pairwise(WIDTHS)]
        axis.set_xticks(range(len(bins)), bins, fontsize=9)
        axis.set_xlabel("width of the interval (pixels)")
    axes[0].legend(fontsize=9)
