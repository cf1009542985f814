"""The estimators against ground truth: rendered scenes, whose sigma is known, and photos with masks of what is blurred.

And what they cost. Maps that a killed run of the same code and networks has left are not estimated again.
"""

import itertools
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from lib import estimators, figures, images, photos, pictures, scenes, storage
from lib.metrics.map_errors import calibrate, map_errors, mask_scores
from lib.studies import records
from lib.studies.run import study

METHODS = (
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


def judge_scenes(names, profile="quick", folder=None, progress=None, only=None):
    """Errors of estimators on the rendered scenes.

    A score has no sigma. It gets one by *calibration*: the growing function of the score that fits the true sigma
    of all other scenes best (isotonic regression). So does a constant, the mean sigma of the other scenes: what
    knowing nothing but the kind of scene is worth.

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
        Of the scenes, those to judge on.

    Returns
    -------
    list of dict
        One for each scene and estimator: ``scene``, ``method``, ``calibrated``, and under ``all`` and ``textured`` the
        ``rmse``, ``mae`` and ``spearman`` of `map_errors`, the last None where a map is constant.
    """
    blur, truth, masks = {}, {}, {}
    for scene, image, sigma, textured in scenes.scenes(profile):
        if only is not None and scene not in only:
            continue
        truth[scene], masks[scene] = sigma, textured
        for name in names:
            blur[scene, name] = _blur(name, image, folder and Path(folder) / scene)
            if progress:
                progress(f"{scene}: {name}")
        blur[scene, "constant"] = np.zeros_like(sigma)
    rows = []
    for scene in truth:
        for name in [*names, "constant"]:
            calibrated = name == "constant" or estimators.get(name).method.unit == "score"
            values = blur[scene, name]
            if calibrated:
                others = [other for other in truth if other != scene]
                values = calibrate([(blur[other, name], truth[other]) for other in others], values)
            both = {"all": None, "textured": masks[scene]}
            rows.append(
                {"scene": scene, "method": name, "calibrated": calibrated}
                | {where: _errors(values, blur[scene, name], truth[scene], mask) for where, mask in both.items()}
            )
    return rows


def _errors(values, scores, truth, mask):
    """`map_errors`, with the rank correlation of the scores: a calibration may make different ones equal.

    None instead of a correlation where a map is constant, as JSON has no NaN.
    """
    errors = map_errors(values, truth, mask)
    if scores is not values:
        errors["spearman"] = map_errors(scores, truth, mask)["spearman"]
    return errors | {"spearman": None if np.isnan(errors["spearman"]) else errors["spearman"]}


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
        One for each photo and estimator: ``photo``, ``method`` and the numbers of `mask_scores`.
    """
    rows = []
    for photo, image, blurred in some(masked(profile)):
        for name in names:
            blur = _blur(name, image, folder and Path(folder) / photo)
            rows.append({"photo": photo, "method": name} | mask_scores(blur, blurred))
            if progress:
                progress(f"{photo}: {name}")
    return rows


BLURRED = 1.5
"""Sigma in pixels from which on a rendered scene counts as blurred."""


def masked(profile):
    """Iterate over (name, photo, mask of what is blurred): the set "cuhk", or for `quick` two rendered scenes."""
    if profile == "quick":
        for name, image, sigma, _ in itertools.islice(scenes.scenes("quick"), 2):
            yield name, image, sigma > BLURRED
        return
    files = {kind: {path.stem: path for path in photos.files("cuhk") if path.parent.name == kind} for kind in KINDS}
    for stem, path in files["images"].items():
        yield stem, pictures.read(path).pixels, images.to_gray(pictures.read(files["masks"][stem]).pixels) > 0.5


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


def _blur(name, image, folder):
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


@study("comparison_scenes", minutes=(1, 10, 10), data="", needs=("train_*",), gpu=True)
def on_scenes(job):
    """The estimators on rendered scenes, whose true sigma is known."""
    names = [name for name, *_ in job.some(scenes.scenes(job.profile), least=2)]
    job.data = {"scenes": names, "settings": [str(setting) for setting in scenes.SETTINGS]}
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
    estimator(scenes.photo(64 * 64 / 1e6))  # loads and compiles
    image = scenes.photo(megapixels)
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
