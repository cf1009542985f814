"""The estimators against ground truth: rendered scenes, whose sigma is known, and photos with masks of what is blurred.

``python -m lib.studies.comparisons scenes`` and ``python -m lib.studies.comparisons masks`` record the results that
the chapter "Comparisons" reads. Maps that a killed run of the same code has left in ``runs/comparison`` are not
estimated again.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

from lib import estimators, figures, images, paths, photos, pictures, scenes, storage
from lib.metrics.map_errors import calibrate, map_errors, mask_scores
from lib.studies import records
from lib.studies.profiles import PROFILES

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
RUNS = paths.ROOT / "runs" / "comparison"


# Rendered scenes


def judge_scenes(names, profile="quick", folder=None, progress=None):
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

    Returns
    -------
    list of dict
        One for each scene and estimator: ``scene``, ``method``, ``calibrated``, and under ``all`` and ``textured`` the
        ``rmse``, ``mae`` and ``spearman`` of `map_errors`, the last None where a map is constant.
    """
    blur, truth, masks = {}, {}, {}
    for scene, image, sigma, textured in scenes.scenes(profile):
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


def judge_masks(names, folder=None, progress=None):
    """How well estimators tell blurred from sharp on the photos of the set "cuhk".

    Parameters
    ----------
    names, folder, progress
        As in `judge_scenes`.

    Returns
    -------
    list of dict
        One for each photo and estimator: ``photo``, ``method`` and the numbers of `mask_scores`.
    """
    originals = {path.stem: path for path in photos.files("cuhk") if path.parent.name == "images"}
    truths = {path.stem: path for path in photos.files("cuhk") if path.parent.name == "masks"}
    rows = []
    for stem, path in originals.items():
        image = pictures.read(path).pixels
        blurred = images.to_gray(pictures.read(truths[stem]).pixels) > 0.5
        for name in names:
            blur = _blur(name, image, folder and Path(folder) / stem)
            rows.append({"photo": stem, "method": name} | mask_scores(blur, blurred))
            if progress:
                progress(f"{stem}: {name}")
    return rows


# Both


def methods():
    """Names of the estimators to compare: `METHODS`, and any other file of `lib.estimators` or network that can run."""
    more = [name for name in estimators.names(variants=True) if name not in METHODS and not name.startswith("lbp-")]
    return [*METHODS, *filter(estimators.usable, more)]


def unfinished():
    """The folder for what a killed run leaves to the next one with the same code and weights; others' are removed.

    Returns
    -------
    Path
    """
    mine = RUNS / records.inputs_hash(inputs=("lib", "data/weights"))
    for old in set(RUNS.glob("*")) - {mine}:
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    return mine


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


@click.command()
@click.argument("part", type=click.Choice(["scenes", "masks"]))
@click.option("--method", "chosen", multiple=True, help="Estimator; may be repeated. All by default.")
@click.option("--profile", type=click.Choice(PROFILES), default="local", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Record. [default: in data/results/PROFILE]")
def judge_command(part, chosen, profile, output):
    """Record the comparison on rendered scenes or on masks; `quick` has two small scenes, the others are alike."""
    names, folder = list(chosen) or methods(), unfinished() / profile / part
    began = time.perf_counter()

    def say(line):
        click.echo(f"{time.perf_counter() - began:.0f} s {line}", err=True)

    if part == "scenes":
        rows = judge_scenes(names, profile, folder, say)
        places = "part of motorcycle" if profile == "quick" else "motorcycle; middlebury_third"
        data = {"scenes": places, "settings": [str(setting) for setting in scenes.SETTINGS]}
    else:
        rows, data = judge_masks(names, folder, say), "cuhk"
    seconds = time.perf_counter() - began
    path = output or paths.RESULTS / profile / f"comparison_{part}.json"
    records.write(path, {"rows": rows}, profile=profile, data=data, seed=0, seconds=seconds)
    click.echo(path)


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


@click.command()
@click.option("--method", "chosen", multiple=True, help="Estimator; may be repeated. All by default.")
@click.option(
    "--megapixels", "sizes", multiple=True, type=float, help="Size; may be repeated. 0.25, 1 and 4 by default."
)
@click.option("--profile", type=click.Choice(PROFILES), default="local", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Record. [default: in data/results/PROFILE]")
@click.option("--once", is_flag=True, help="Measure the first method and size in this process and print the result.")
def cost_command(chosen, sizes, profile, output, once):
    """Record what the estimators cost."""
    names, sizes = list(chosen) or [name for name in methods() if name not in SAME], sizes or MEGAPIXELS
    if once:
        click.echo(json.dumps(measure(names[0], sizes[0])))
        return
    began = time.perf_counter()
    measured = unfinished() / profile / "cost.json"
    rows = json.loads(measured.read_text()) if measured.exists() else []
    done = {(row["method"], row["asked"]) for row in rows}
    for size in sizes:
        for name in names:
            if (name, size) not in done:
                command = [
                    sys.executable,
                    "-m",
                    "lib.studies.comparisons",
                    "cost",
                    "--once",
                    "--method",
                    name,
                    "--megapixels",
                    str(size),
                ]
                out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=paths.ROOT).stdout
                rows.append(json.loads(out.splitlines()[-1]) | {"asked": size})
                storage.write_json(measured, rows)
                click.echo(f"{time.perf_counter() - began:.0f} s {rows[-1]}", err=True)
    path = output or paths.RESULTS / profile / "comparison_cost.json"
    seconds = time.perf_counter() - began
    records.write(path, {"rows": rows}, profile=profile, data="china, mirrored", seed=0, seconds=seconds)
    measured.unlink(missing_ok=True)  # who measures again wants new times
    click.echo(path)


if __name__ == "__main__":
    (cost_command if sys.argv[1:2] == ["cost"] else judge_command)(sys.argv[2:] if sys.argv[1:2] == ["cost"] else None)
