"""The estimators against ground truth: rendered scenes, whose sigma is known, and photos with masks of what is blurred.

``python -m lib.comparison scenes`` and ``python -m lib.comparison masks`` record the results that the chapter
"Comparisons" reads. Maps that a killed run of the same code has left in ``runs/comparison`` are not estimated again.
"""

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click
import matplotlib.pyplot as plt
import numpy as np
from skimage.filters import threshold_otsu
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import fbeta_score, roc_auc_score

from lib import estimators, images, optics, patches, paths, photos, records
from lib.estimators import laplacian_variance
from lib.metrics.map_errors import map_errors
from lib.profiles import PROFILES

METHODS = (
    "classifier",
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
BETA_SQUARED = 0.3
"""Weight of recall in the F-measure, as usual in work on masks of blur (Zhao et al. 2019): precision counts more."""
SAMPLES = 4000
"""Pixels of each scene that the calibration of scores is fitted to."""


@dataclass(frozen=True)
class Setting:
    """How a scene is photographed.

    Attributes
    ----------
    focus : float
        Share of the pixels nearer than the focal plane, 0 to 1.
    largest : float
        Sigma in pixels that the aperture, made as wide as it takes, gives the least sharp pixel.
    kernel : {"gaussian", "disk"}
    noise : float
        Standard deviation, in units of the picture.
    """

    focus: float
    largest: float
    kernel: str = "gaussian"
    noise: float = 0.0

    def __str__(self):
        return f"focus {self.focus:g}, sigma to {self.largest:g}, {self.kernel}, noise {self.noise:g}"


SETTINGS = (
    Setting(0.05, 8),
    Setting(0.5, 6, "disk"),
    Setting(0.95, 10, "gaussian", 0.01),
    Setting(0.05, 12, "disk", 0.01),
)
"""Focal planes near, in the middle and far; apertures; the paper's kernel and a lens's; without and with noise."""
QUICK_PART = np.s_[120:360, 300:660]
"""Rows and columns of the motorcycle that are enough for the quick profile."""


# Rendered scenes


def scenes(profile="quick"):
    """Photos whose true sigma is known.

    Parameters
    ----------
    profile : {"quick", "local", "full"}
        A part of the bundled motorcycle in two settings; or all of it in all settings, and the 8 Middlebury scenes
        in one each (both others).

    Yields
    ------
    name : str
        Ends in the number of the setting in `SETTINGS`.
    image : (H, W, 3) float32 ndarray
    sigma : (H, W) float32 ndarray
        Pixels.
    textured : (H, W) bool ndarray
        Where the scene in focus has fine detail: eq. 5's threshold on the variance of the Laplacian.
    """
    motorcycle = photos.motorcycle()
    if profile == "quick":
        for k, setting in enumerate(SETTINGS[:2]):
            yield f"motorcycle-{k}", *render(*(each[QUICK_PART] for each in motorcycle), setting, seed=k)
    else:
        for k, setting in enumerate(SETTINGS):
            yield f"motorcycle-{k}", *render(*motorcycle, setting, seed=k)
        names = ("Art", "Books", "Cones", "Dolls", "Laundry", "Moebius", "Reindeer", "Teddy")
        for k, name in enumerate(names):
            image, disparity = photos.middlebury(name)
            # Depth in units of the baseline times the focal length, which the files do not tell; eq. 2 is linear in it.
            number = k % len(SETTINGS)
            yield f"{name}-{number}", *render(image, disparity.max() / disparity, SETTINGS[number], seed=k)


def render(image, depth, setting, seed=0):
    """Photograph a scene.

    Parameters
    ----------
    image : (H, W, 3) ndarray
        All in focus.
    depth : (H, W) ndarray
        Metres, or any unit.
    setting : Setting
    seed : int
        Of the noise.

    Returns
    -------
    image, sigma, textured
        As in `scenes`.
    """
    depth = np.asarray(depth, np.float64)
    camera = optics.Camera(
        focal_length=0.05,
        f_number=1,
        focus_distance=float(np.quantile(depth, setting.focus)),
        sensor_width=0.036,
        image_width=image.shape[1],
    )
    widest = optics.sigma_map(depth, camera).max()
    camera = replace(camera, f_number=float(widest / setting.largest))
    rendered, sigma = optics.render_defocus(image, depth, camera, setting.kernel, setting.noise, seed)
    textured = laplacian_variance.estimate(image) > patches.SHARPNESS_THRESHOLD
    return rendered, sigma, textured


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
    for scene, image, sigma, textured in scenes(profile):
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


def calibrate(known, values):
    """Turn a score into sigma by the growing function that fits other maps best.

    Parameters
    ----------
    known : list of (ndarray, ndarray)
        Scores, larger for more blur, and true sigmas.
    values : (H, W) ndarray
        Scores.

    Returns
    -------
    (H, W) float64 ndarray
        Sigma, pixels.

    Examples
    --------
    >>> score, sigma = np.arange(6.0), 2 * np.arange(6.0)
    >>> calibrate([(score, sigma)], np.array([[1.0, 2.5]]))
    array([[2., 5.]])
    """
    rng = np.random.default_rng(0)
    scores, sigmas = [], []
    for score, sigma in known:
        chosen = rng.choice(score.size, min(SAMPLES, score.size), replace=False)
        scores.append(score.flat[chosen])
        sigmas.append(sigma.flat[chosen])
    fit = IsotonicRegression(out_of_bounds="clip").fit(np.concatenate(scores), np.concatenate(sigmas))
    return fit.predict(np.ravel(values)).reshape(np.shape(values))


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
    pictures = {path.stem: path for path in photos.files("cuhk") if path.parent.name == "images"}
    truths = {path.stem: path for path in photos.files("cuhk") if path.parent.name == "masks"}
    rows = []
    for stem, path in pictures.items():
        image = images.read(path).pixels
        blurred = images.to_gray(images.read(truths[stem]).pixels) > 0.5
        for name in names:
            blur = _blur(name, image, folder and Path(folder) / stem)
            rows.append({"photo": stem, "method": name} | mask_scores(blur, blurred))
            if progress:
                progress(f"{stem}: {name}")
    return rows


def mask_scores(blur, blurred):
    """Compare a map with a mask of what is blurred.

    Parameters
    ----------
    blur : (H, W) ndarray
        Larger for more blur, any unit.
    blurred : (H, W) bool ndarray
        Has both values.

    Returns
    -------
    dict of float
        ``f_measure`` of the map above its Otsu threshold, which adapts to the map (beta^2 = 0.3);
        ``mae``, the mean absolute difference of the map, rescaled to [0, 1], and the mask; ``auc``, the area under the
        ROC curve, which needs no threshold: how often a blurred pixel has more than a sharp one.

    Examples
    --------
    >>> blurred = np.arange(12).reshape(3, 4) > 5
    >>> scores = mask_scores(np.where(blurred, 4.0, 1.0), blurred)
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'f_measure': 1.0, 'mae': 0.0, 'auc': 1.0}
    """
    blur, blurred = np.ravel(blur).astype(np.float64), np.ravel(blurred)
    spread = np.ptp(blur)
    found = blur > threshold_otsu(blur) if spread else np.ones(blur.shape, bool)
    unit = (blur - blur.min()) / spread if spread else np.zeros(blur.shape)
    return {
        "f_measure": float(fbeta_score(blurred, found, beta=BETA_SQUARED**0.5, zero_division=0)),
        "mae": float(np.abs(unit - blurred).mean()),
        "auc": float(roc_auc_score(blurred, blur)),
    }


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
    with paths.whole(path) as file:
        np.save(file, values)
    return values


def _blur(name, image, folder):
    """The map of an estimator, larger for more blur."""
    estimator = estimators.get(name)
    values = estimator(image) if folder is None else estimate_once(name, image, folder / f"{name}.npy")
    return estimator.blur(values)


def contact_sheet(image, maps, truth=None, common_scale=True, columns=4, size=3.0):
    """Draw a photo and its maps, dark where sharp.

    Parameters
    ----------
    image : (H, W[, 3]) ndarray
        In [0, 1].
    maps : dict of str: (H, W) ndarray
        By name of the estimator, as it returns them.
    truth : (H, W) ndarray, optional
        Sigma in pixels, drawn too.
    common_scale : bool
        Whether maps in sigma share one color scale. Scores never do: a map with a scale of its own runs from its 1st to
        its 99th percentile, which the title tells.
    columns : int
    size : float
        Width of one picture, inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    known = {} if truth is None else {"true sigma": truth}
    in_sigma = [values for name, values in maps.items() if estimators.get(name).method.unit == "sigma"]
    top = max((float(np.percentile(values, 99.5)) for values in [*in_sigma, *known.values()]), default=1.0)
    count = 1 + len(known) + len(maps)
    columns = min(columns, count)
    rows = -(-count // columns)
    figsize = size * columns, (size * image.shape[0] / image.shape[1] + 0.4) * rows
    fig, axes = plt.subplots(rows, columns, figsize=figsize, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    axes.flat[0].imshow(image, cmap="gray", vmin=0, vmax=1)
    axes.flat[0].set_title("photo", fontsize=9)
    shared = None
    for axis, (name, values) in zip(axes.flat[1:], {**known, **maps}.items(), strict=False):
        if name in known or (common_scale and estimators.get(name).method.unit == "sigma"):
            shared = axis.imshow(values, cmap="magma", vmin=0, vmax=max(top, 1e-3))
            axis.set_title(name if name in known else estimators.get(name).title, fontsize=9)
        else:
            _draw_by_itself(axis, estimators.get(name), values)
    if shared:
        fig.colorbar(shared, ax=axes, location="right", shrink=0.6, label=r"$\sigma$ (pixels)")
    return fig


def _draw_by_itself(axis, estimator, values):
    """Draw a map in a scale of its own."""
    low, high = np.percentile(values, (1, 99))
    limits = sorted(estimator.blur(np.array([low, high])))
    axis.imshow(estimator.blur(values), cmap="magma", vmin=limits[0], vmax=limits[1])
    unit = "px" if estimator.method.unit == "sigma" else "score"
    axis.set_title(f"{estimator.title}\n{low:.3g} to {high:.3g} {unit}", fontsize=9)


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


def markdown(means, headings, sort_by=None, largest=()):
    """Write a table, the best of each column in bold.

    Parameters
    ----------
    means : dict of dict
        From `table`.
    headings : dict of str
        Columns: heading by key.
    sort_by : str, optional
        Key of the column that the rows are sorted by, the best first.
    largest : collection of str
        Keys for which large is good.

    Returns
    -------
    str

    Examples
    --------
    >>> print(markdown({"fdm": {"mae": 2.0}, "lbp": {"mae": 1.0}}, {"mae": "error"}, sort_by="mae"))
    | Method | error |
    |---|---:|
    | LBP | **1.000** |
    | FDM | 2.000 |
    """
    best = {
        key: (max if key in largest else min)(row[key] for row in means.values() if row[key] is not None)
        for key in headings
    }
    names = sorted(means, key=lambda name: means[name][sort_by], reverse=sort_by in largest) if sort_by else means
    lines = ["| Method | " + " | ".join(headings.values()) + " |", "|---|" + "---:|" * len(headings)]
    for name in names:
        cells = ("-" if value is None else f"{value:.3f}" for value in means[name].values())
        bold = (means[name][key] == best[key] for key in headings)
        marked = (f"**{cell}**" if is_best else cell for cell, is_best in zip(cells, bold, strict=True))
        lines.append(f"| {title(name)} | " + " | ".join(marked) + " |")
    return "\n".join(lines)


def overview(names):
    """Write a table of what estimators return.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    str
        Markdown.
    """
    lines = ["| Name | Method | Map | Works at |", "|---|---|---|---|"]
    for name in names:
        method = estimators.get(name).method
        meaning = "sigma, pixels" if method.unit == "sigma" else f"score, {method.blurrier} is more blurred"
        size = f"{method.working_pixels / 1e6:g} megapixels at most" if method.working_pixels else "any size"
        lines.append(f"| `{name}` | {title(name)} | {meaning} | {size} |")
    return "\n".join(lines)


def title(name):
    """What a table calls an estimator, or the constant of `judge_scenes`."""
    return "constant" if name == "constant" else estimators.get(name).title


def _dig(row, key):
    for part in key.split("."):
        row = row[part]
    return row


@click.command()
@click.argument("part", type=click.Choice(["scenes", "masks"]))
@click.option("--method", "chosen", multiple=True, help="Estimator; may be repeated. All by default.")
@click.option("--profile", type=click.Choice(PROFILES), default="local", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Record. [default: in data/results/PROFILE]")
def main(part, chosen, profile, output):
    """Record the comparison on rendered scenes or on masks; `quick` has two small scenes, the others are alike."""
    names, folder = list(chosen) or methods(), unfinished() / profile / part
    began = time.perf_counter()

    def say(line):
        click.echo(f"{time.perf_counter() - began:.0f} s {line}", err=True)

    if part == "scenes":
        rows = judge_scenes(names, profile, folder, say)
        places = "part of motorcycle" if profile == "quick" else "motorcycle; middlebury_third"
        data = {"scenes": places, "settings": [str(setting) for setting in SETTINGS]}
    else:
        rows, data = judge_masks(names, folder, say), "cuhk"
    seconds = time.perf_counter() - began
    path = output or paths.RESULTS / profile / f"comparison_{part}.json"
    records.write(path, {"rows": rows}, profile=profile, data=data, seed=0, seconds=seconds)
    click.echo(path)


if __name__ == "__main__":
    main()
