"""The estimators against a camera: six photos by a Pixel 4, whose blur others have measured (`public_sets.pixel4`).

The scenes in focus are known too. Blurred here by the measured maps, with Gaussians and with disks, they tell what of
an estimator's error is due to the scene, and what to the spot of a real lens.
"""

import base64

import cv2
import numpy as np
from scipy import ndimage

from lib import estimators, images, optics, photos
from lib.studies import comparisons, public_sets
from lib.studies.map_errors import calibration
from lib.studies.register import study

RENDERED = ("gaussian", "gaussian, noise", "disk")
"""How the scene in focus is blurred here."""
NOISE = 0.002
"""Standard deviation of the noise in the photos: half a gray level of 8 bit (0.3 to 0.7 were measured)."""
PARTED = ("one_pass", "ours", "mobilenet_v2-lens", "zhuo_sim")
"""Whose errors are parted, and whose maps are kept."""
JUDGED = np.s_[::3, ::3]
"""Pixels that are judged: maps and truth are smooth."""


def measured(profile):
    """Iterate over the photos with measured blur, `public_sets.Measured` by name.

    None of them may come with the project. For `quick` two photos in focus stand in, either half blurred by a disk.
    """
    if profile != "quick":
        yield from ((name, public_sets.pixel4(name)) for name in public_sets.PIXEL4)
        return
    for name, near, far in (("china", 2, 5), ("coffee", 3, 7)):
        sharp = images.to_gray(photos.load(name))[100:340, 120:480]
        sigma = np.repeat(np.float32([[near, far]]), sharp.shape[1] // 2, axis=1).repeat(len(sharp), axis=0)
        photo = optics.render(sharp, sigma, "disk", NOISE, linear=True)
        yield name, public_sets.Measured(_as_stored(photo), sigma, sigma > 0, sharp)


def blurred_here(scene):
    """The scene in focus, blurred by its measured map.

    In all six, what is blurred more is farther away. Where blur is unknown, the nearest known one stands in.

    Parameters
    ----------
    scene : public_sets.Measured

    Yields
    ------
    name : str
        Of `RENDERED`.
    picture : (H, W) float32 ndarray
    """
    nearest = ndimage.distance_transform_edt(~scene.known, return_distances=False, return_indices=True)
    sigma = scene.sigma[tuple(nearest)]
    for name in RENDERED:
        rendered = optics.render(scene.all_in_focus, sigma, name.split(",")[0], linear=True)
        noise = np.random.default_rng(0).normal(0, NOISE, sigma.shape) if name.endswith("noise") else 0
        yield name, _as_stored(rendered + noise)


def _as_stored(picture):
    return images.to_uint8(picture) / np.float32(255)


# How far a Gaussian will do

TRIED = np.arange(0.5, 12.1, 0.5)
"""Sigmas of the kernels that are tried, pixels."""
WINDOW, SHIFT = 64, 6
"""Side of a window and how far its picture in focus may be off, pixels."""
LEVEL = 0.6
"""Greatest spread of sigma within a window, pixels."""
CONTRAST = 0.02
"""Least standard deviation of a window's light."""
LIKE = 0.97
"""Least correlation of a window with the best of all kernels; below, something else is wrong."""


def windows(scene):
    """Which Gaussian, and which disk, makes the scene in focus look most like the photo, window by window.

    Parameters
    ----------
    scene : public_sets.Measured

    Returns
    -------
    list of dict
        A window each: ``stated``, sigma in pixels; ``gaussian`` and ``disk``, that of the kernel which fits best;
        ``gaussian_residue`` and ``disk_residue``, the share of the photo's variance that it leaves unexplained.
    """
    light, sharp = optics.to_light(scene.photo), optics.to_light(scene.all_in_focus)
    tried = {
        "gaussian": [cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in TRIED],
        "disk": [cv2.filter2D(sharp, -1, optics.disk_kernel(4 * sigma)) for sigma in TRIED],
    }
    found, margin = [], SHIFT + WINDOW // 8
    for top in range(margin, light.shape[0] - WINDOW - margin, WINDOW):
        for left in range(margin, light.shape[1] - WINDOW - margin, WINDOW):
            inner, around = (
                np.s_[top - more : top + WINDOW + more, left - more : left + WINDOW + more] for more in (0, margin)
            )
            sigma = scene.sigma[around]
            if not scene.known[around].all() or np.ptp(sigma) > LEVEL or light[inner].std() < CONTRAST:
                continue
            searched = np.s_[top - SHIFT : top + WINDOW + SHIFT, left - SHIFT : left + WINDOW + SHIFT]
            row = {"stated": float(sigma.mean())}
            for kernel, pictures in tried.items():
                likeness = [
                    cv2.matchTemplate(each[searched], light[inner], cv2.TM_CCOEFF_NORMED).max() for each in pictures
                ]
                row[kernel], best = _peak(np.array(likeness))
                row[f"{kernel}_residue"] = 1 - best**2
            if min(row["gaussian_residue"], row["disk_residue"]) < 1 - LIKE**2:
                found.append(row)
    return found


def _peak(likeness):
    """Sigma at the top of the parabola through the best three, and the likeness there."""
    k = int(np.clip(np.argmax(likeness), 1, len(TRIED) - 2))
    before, here, after = (float(each) for each in likeness[k - 1 : k + 2])
    bend = before - 2 * here + after
    offset = float(np.clip((before - after) / (2 * bend), -1, 1)) if bend < 0 else 0.0
    return float(TRIED[k] + offset * (TRIED[1] - TRIED[0])), float(likeness[k])


# The estimators


def judge(name, blur, truth, ratio):
    """Errors of the maps of one estimator on all scenes.

    Parameters
    ----------
    name : str
        Of the estimator, or "constant".
    blur, truth : dict of str to (N,) ndarray
        By scene, where the blur is known. Larger values of `blur` mean more; a score gets its sigma by `calibration` on
        the other scenes.
    ratio : float
        Of sigma by fit to sigma by moment.

    Yields
    ------
    dict
        By scene: ``mae``, ``rmse`` and ``spearman`` of `map_errors`; ``bias``, the median of estimate - truth;
        ``mae_by_fit``; and ``scaled``, the mean absolute error after a multiplication by ``factor``, the one that is
        best on the other scenes (None for scores).
    """
    is_score = name == "constant" or estimators.get(name).method.unit == "score"
    for scene, values in blur.items():
        others = [other for other in truth if other != scene]
        row = {"scene": scene, "method": name, "calibrated": is_score, "factor": None, "scaled": None}
        if is_score:
            sigma = calibration([(blur[other], truth[other]) for other in others])(values)
        else:
            sigma = values
            row["factor"] = _factor(*(np.concatenate([each[other] for other in others]) for each in (blur, truth)))
            row["scaled"] = float(np.abs(row["factor"] * sigma - truth[scene]).mean())
        row |= comparisons.errors(sigma, values, truth[scene])
        row["bias"] = float(np.median(sigma - truth[scene]))
        by_fit = ratio * sigma if is_score else sigma  # what is calibrated is so to either truth
        yield row | {"mae_by_fit": float(np.abs(by_fit - ratio * truth[scene]).mean())}


def _factor(values, truth):
    """The factor with the least mean absolute error: a median of the ratios, weighted by the values."""
    values = np.maximum(values, 1e-6)
    order = np.argsort(truth / values)
    weights = np.cumsum(values[order])
    return float((truth / values)[order][np.searchsorted(weights, weights[-1] / 2)])


@study("camera", minutes=(1, 15, 10), data="pixel4", needs=("train_*",), gpu=True)
def camera(job):
    """The estimators on photos whose blur others have measured, and why they fail there."""
    if job.profile == "quick":
        job.data = "china and coffee, blurred by disks, in the place of photos that may not be shipped"
    blur, known, fitted, parts, maps = {}, {}, {}, [], {}
    names = comparisons.methods()
    for scene_name, scene in job.some(measured(job.profile), least=2):
        places = scene.known[JUDGED]
        known[scene_name] = scene.sigma[JUDGED][places]
        fitted[scene_name] = job.kept(f"{scene_name}-windows", lambda scene=scene: windows(scene))
        maps[scene_name] = {"truth": packed(scene.sigma)}
        for name in names:
            values = comparisons.blur(name, scene.photo, job.folder / scene_name / "photo")
            blur.setdefault(name, {})[scene_name] = values[JUDGED][places]
            if name in PARTED:
                maps[scene_name][name] = packed(values)
            job.say(f"{scene_name}: {name}")
        for picture_name, picture in blurred_here(scene):
            for name in (name for name in PARTED if name in names):
                values = comparisons.blur(name, picture, job.folder / scene_name / picture_name)[JUDGED][places]
                errors = comparisons.errors(values, values, known[scene_name])
                errors["bias"] = float(np.median(values - known[scene_name]))
                parts.append({"scene": scene_name, "picture": picture_name, "method": name} | errors)
            job.say(f"{scene_name}: {picture_name}")
    ratio = float(np.median([row["gaussian"] / row["stated"] for rows in fitted.values() for row in rows]))
    blur["constant"] = {scene: np.zeros_like(values) for scene, values in known.items()}
    rows = [row for name in blur for row in judge(name, blur[name], known, ratio)]
    best = {scene: float(np.abs(values - np.median(values)).mean()) for scene, values in known.items()}
    return {
        "rows": rows,
        "parts": parts,
        "windows": fitted,
        "fit_to_moment": ratio,
        "best_constant": best,
        "maps": maps,
    }


# Maps in a record

PER_PIXEL = 12
"""Gray levels to a pixel of sigma."""
SHRUNK = 12
"""Pixels of a photo to one of its map in a record."""


def packed(values):
    """A small map as text: PNG of `PER_PIXEL` levels a pixel of sigma, in base64."""
    small = np.ascontiguousarray(values[SHRUNK // 2 :: SHRUNK, SHRUNK // 2 :: SHRUNK])
    levels = np.clip(np.rint(PER_PIXEL * small), 0, 255).astype(np.uint8)
    return base64.b64encode(cv2.imencode(".png", levels)[1]).decode()


def unpacked(text):
    """The map that `packed` has made text of, (H, W) float32, sigma in pixels.

    Examples
    --------
    >>> unpacked(packed(np.full((24, 36), 2.5))).tolist()
    [[2.5, 2.5, 2.5], [2.5, 2.5, 2.5]]
    """
    levels = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)
    return levels / np.float32(PER_PIXEL)
