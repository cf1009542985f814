"""The estimators against ground truth: rendered scenes, whose sigma is known, and photos with masks of what is blurred.

And what they cost. Maps that a killed run of the same code and networks has left are not estimated again.
"""

import itertools
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from lib import estimators, figures, images, photos, storage
from lib.studies import photographed, profiles, records
from lib.studies.map_errors import calibration, map_errors, mask_scores, public_scores
from lib.studies.register import study

METHODS = (
    "one_pass",
    "ours",
    "mobilenet_v2-lens",
    "mobilenet_v2-paper",
    "lbp",
    "zhuo_sim",
    "fdm",
    "fdm-released",
    "entropy",
    "standard_deviation",
    "laplacian_variance",
)
"""Those that are compared besides what else is shipped, see `methods`."""


# Rendered scenes


TUNED = ("motorcycle", "Art")
"""Scenes that the constants of `ours` were chosen on (the first in all settings, "Art" in one); the others are test."""


def judge_scenes(names, profile="quick", folder=None, progress=None, only=None):
    """Errors of estimators on the rendered scenes.

    A score has no sigma. It gets one by *calibration*: the growing function of the score that fits the true sigma
    of all other scenes best (isotonic regression). So does a constant, the mean sigma of the other scenes: what
    knowing nothing but the kind of scene is worth. (For `quick`, which has one scene, of the other settings.)

    Parameters
    ----------
    names : sequence of str
        Estimators.
    profile : {"quick", "local"}
    folder : path, optional
        Where maps are kept.
    progress : callable, optional
        Called with one line of text after each map.
    only : collection of str, optional
        Of the photos, `photographed.names`, those to judge on.

    Returns
    -------
    list of dict
        One for each photo and estimator: ``scene``, the photo's name; ``method``, ``calibrated``, and under ``all`` and
        ``textured`` the ``rmse``, ``mae`` and ``spearman`` of `map_errors`, the last None where a map is constant.
    """
    rows, scores, truth, masks = [], {}, {}, {}
    for photo, image, sigma, textured in photographed.scenes(profile, only):
        truth[photo], masks[photo] = sigma, textured
        for name in names:
            values = blur(name, image, folder and Path(folder) / photo)
            if estimators.get(name).method.unit == "score":
                scores.setdefault(name, {})[photo] = values
            else:
                rows.append(_row(photo, name, values, values, sigma, textured))
            if progress:
                progress(f"{photo}: {name}")
        scores.setdefault("constant", {})[photo] = np.zeros_like(sigma)
    for name, of_photo in scores.items():
        by_others = {}  # the photos of a scene have the same others
        for photo, values in of_photo.items():
            others = tuple(other for other in truth if scene_of(other) != scene_of(photo))
            others = others or tuple(other for other in truth if other != photo)
            if others not in by_others:
                by_others[others] = calibration([(of_photo[other], truth[other]) for other in others])
            rows.append(_row(photo, name, by_others[others](values), values, truth[photo], masks[photo]))
    order = [*names, "constant"]
    return sorted(rows, key=lambda row: ([*truth].index(row["scene"]), order.index(row["method"])))


def scene_of(photo):
    """The scene that a photo of `photographed.names` shows.

    Examples
    --------
    >>> scene_of("Art-2")
    'Art'
    """
    return photo.rpartition("-")[0]


def _row(photo, name, sigma, values, truth, textured):
    both = {"all": None, "textured": textured}
    row = {"scene": photo, "method": name, "calibrated": sigma is not values}
    return row | {where: errors(sigma, values, truth, mask) for where, mask in both.items()}


def untuned(rows):
    """The rows of scenes that no constant was chosen on; all, where these are too few to tell anything (`quick`)."""
    held_out = [row for row in rows if scene_of(row["scene"]) not in TUNED]
    return held_out if len({scene_of(row["scene"]) for row in held_out}) > 2 else rows


DRAWS = 10_000
"""Draws of the bootstrap."""


def intervals(rows, key, seed=0):
    """How sure a mean is, and who is first: by drawing the scenes anew, with replacement (bootstrap).

    The photos of one scene go together, for they are alike.

    Parameters
    ----------
    rows : list of dict
        From `judge_scenes`.
    key : str
        ``"all.mae"`` is ``row["all"]["mae"]``; the smallest is first.
    seed : int

    Returns
    -------
    dict of dict
        By method: ``low`` and ``high``, between which 95 % of the means are; and ``first``, the share of the draws in
        which the method is first.
    """
    found = {}
    for row in rows:
        found.setdefault(row["method"], {}).setdefault(scene_of(row["scene"]), []).append(_dig(row, key))
    of_scene = np.array([[np.mean(values) for values in scores.values()] for scores in found.values()])
    drawn = np.random.default_rng(seed).integers(of_scene.shape[1], size=(DRAWS, of_scene.shape[1]))
    means = of_scene[:, drawn].mean(axis=-1)
    low, high = np.quantile(means, (0.025, 0.975), axis=1)
    first = np.bincount(means.argmin(axis=0), minlength=len(found)) / DRAWS
    return {
        method: {"low": float(low[k]), "high": float(high[k]), "first": float(first[k])}
        for k, method in enumerate(found)
    }


def errors(values, scores, truth, mask=None):
    """`map_errors`, with the rank correlation of the scores: a calibration may make different ones equal.

    None instead of a correlation where a map is constant, as JSON has no NaN.
    """
    found = map_errors(values, truth, mask)
    if scores is not values:
        found["spearman"] = map_errors(scores, truth, mask)["spearman"]
    return found | {"spearman": None if np.isnan(found["spearman"]) else found["spearman"]}


# Masks


def judge_masks(names, profile="local", folder=None, progress=None, some=list):
    """How well estimators tell blurred from sharp.

    Parameters
    ----------
    names, profile, folder, progress
        As in `judge_scenes`; the photos are those of `masked`.
    some : callable
        Takes the photos and returns those to judge on.

    Returns
    -------
    list of dict
        One for each photo and estimator: ``photo``, ``method`` and the numbers of `mask_scores` and `public_scores`.
    """
    rows = []
    for photo, image, blurred in some(masked(profile)):
        for name in names:
            values = blur(name, image, folder and Path(folder) / photo)
            scores = mask_scores(values, blurred) | public_scores(values, blurred)
            rows.append({"photo": photo, "method": name} | scores)
            if progress:
                progress(f"{photo}: {name}")
    return rows


def by_public_protocol(rows):
    """Masks as public tables have them: F at a fixed threshold, and intersection over union of all photos' pixels.

    Parameters
    ----------
    rows : list of dict
        From `judge_masks`.

    Returns
    -------
    dict of tuple
        By method: F and IoU of what is blurred, F and IoU of what is sharp; of rows that have them.
    """
    classes, found = ("blurred", "sharp"), {}
    for row in (row for row in rows if "blurred" in row):
        found.setdefault(row["method"], []).append([list(row[kind].values()) for kind in classes])
    scores = {}
    for method, of_photos in found.items():
        f, shared, joined = np.moveaxis(np.array(of_photos, float), -1, 0)
        ratio = shared.sum(axis=0) / np.maximum(joined.sum(axis=0), 1)
        scores[method] = tuple(np.stack([f.mean(axis=0), ratio], axis=1).ravel().tolist())
    return scores


BLURRED = 1.5
"""Sigma in pixels from which on a rendered scene counts as blurred."""


def masked(profile):
    """Iterate over (name, photo, mask of what is blurred): the set "cuhk", or for `quick` two rendered scenes."""
    if profile == "quick":
        for name, image, sigma, _ in itertools.islice(photographed.scenes("quick"), 2):
            yield name, image, sigma > BLURRED
        return
    files = {kind: {path.stem: path for path in photos.files("cuhk") if path.parent.name == kind} for kind in KINDS}
    for stem, path in files["images"].items():
        yield stem, images.read(path), images.to_gray(images.read(files["masks"][stem])) > 0.5


KINDS = ("images", "masks")


# Both


def methods():
    """Names of the estimators to compare: `METHODS`, and any other file of `lib.estimators` or network that can run."""
    more = [name for name in estimators.names(variants=True) if name not in METHODS and not name.startswith("lbp-")]
    return [*METHODS, *filter(estimators.usable, more)]


def estimate_once(name, image, path):
    """Estimate a map, or read the one that an earlier run has left.

    Parameters
    ----------
    name : str
        Of the estimator.
    image : (H, W[, 3]) float32 ndarray
    path : path
        A ``.npy`` file.

    Returns
    -------
    (H, W) float32 ndarray
    """
    path = Path(path)
    if path.is_file():
        return np.load(path)
    values = estimators.get(name)(image)
    with storage.whole(path) as file:
        np.save(file, values)
    return values


def blur(name, image, folder=None):
    """The map of an estimator, larger for more blur."""
    estimator = estimators.get(name)
    values = estimator(image) if folder is None else estimate_once(name, image, folder / f"{name}.npy")
    return estimator.blur(values)


def table(rows, keys):
    """Means over scenes or photos.

    Parameters
    ----------
    rows : list of dict
        From `judge_scenes` or `judge_masks`.
    keys : sequence of str
        Columns; ``"all.mae"`` is ``row["all"]["mae"]``.

    Returns
    -------
    dict of dict
        By method, each key's mean, None left out; None where nothing is left.
    """
    found = {}
    for row in rows:
        found.setdefault(row["method"], []).append([_dig(row, key) for key in keys])
    return {
        method: {key: _mean(column) for key, column in zip(keys, zip(*values, strict=True), strict=True)}
        for method, values in found.items()
    }


def _mean(values):
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def ranked(means, key, largest=False):
    """The rows of a table, the best method first.

    Parameters
    ----------
    means : dict of dict
        From `table`.
    key : str
        Of the mean that decides.
    largest : bool
        Whether large is good.

    Returns
    -------
    list of tuple
        What the book calls a method, and its means.
    """
    order = sorted(means, key=lambda name: means[name][key], reverse=largest)
    return [(estimators.title(name), *means[name].values()) for name in order]


def overview(names):
    """A table of what estimators return.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    figures.Table
    """
    rows = []
    for name in names:
        method = estimators.get(name).method
        meaning = "sigma, pixels" if method.unit == "sigma" else f"score, {method.blurrier} is more blurred"
        size = f"{method.working_pixels / 1e6:g} megapixels at most" if method.working_pixels else "any size"
        rows.append((f"`{name}`", estimators.title(name), meaning, size))
    return figures.table(dict.fromkeys(("Name", "Method", "Map", "Works at"), ""), rows)


def _dig(row, key):
    for part in key.split("."):
        row = row[part]
    return row


@study("comparison_scenes", minutes=(1, 30, 20), data="", needs=("train_*",), gpu=True)
def on_scenes(job):
    """The estimators on rendered scenes, whose true sigma is known."""
    names = job.some(photographed.names(job.profile), least=12)
    job.data = {"scenes": names, "settings": [str(setting) for setting in photographed.SETTINGS]}
    return {"rows": judge_scenes(methods(), job.profile, job.folder, job.say, names)}


@study("comparison_masks", minutes=(1, 5, 5), data="", needs=("train_*",), gpu=True)
def on_masks(job):
    """The estimators on photos with masks of what is blurred."""
    job.data = "crops of the motorcycle, rendered" if job.profile == "quick" else "cuhk"
    return {"rows": judge_masks(methods(), job.profile, job.folder, job.say, job.some)}


MEGAPIXELS = (0.25, 1.0, 4.0)


SAME = ("mobilenet_v2-paper", "fdm-released", "dmenet-compact-adapted")
"""What costs as much as another method and is not measured."""


def measure(name, megapixels):
    """Run an estimator once in this process; call it once a process, memory is never given back.

    Parameters
    ----------
    name : str
    megapixels : float

    Returns
    -------
    dict
        ``seconds`` by the clock and ``processor_seconds`` of all threads; ``mebibytes``, the most memory that the
        process had, and ``idle_mebibytes``, what it had before: the libraries, the network and the photo itself.
    """
    estimator = estimators.get(name)
    estimator(profiles.photo(64 * 64 / 1e6))  # loads and compiles
    image = profiles.photo(megapixels)
    idle = records.peak_memory()
    began = time.perf_counter(), time.process_time()
    values = estimator(image)
    seconds, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    if not np.isfinite(values).all() or values.shape != image.shape[:2]:
        msg = f"{name} returned a map of shape {values.shape} with NaN or infinity."
        raise RuntimeError(msg)
    row = {"method": name, "megapixels": image.shape[0] * image.shape[1] / 1e6}
    memory = {"mebibytes": records.peak_memory(), "idle_mebibytes": idle}
    return row | {"seconds": seconds, "processor_seconds": processor} | memory


@study("comparison_cost", minutes=(2, 15, 15), data="china, mirrored", needs=("train_*",), gpu=True)
def costs(job):
    """Time and memory of the estimators, each in a process of its own."""
    rows = []
    for size in MEGAPIXELS[:1] if job.profile == "quick" else job.some(MEGAPIXELS):
        for name in (name for name in methods() if name not in SAME):
            row = job.kept(f"{name}-{size:g}", lambda name=name, size=size: _in_a_process_of_its_own(name, size))
            rows.append(row | {"asked": size})
            job.say(f"{name}, {size:g} megapixels: {row['processor_seconds']:.2f} processor seconds")
    return {"rows": rows}


def _in_a_process_of_its_own(name, size):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, name, size).result()
