"""The methods side by side on many photos.

Two kinds of photos. Real ones, out of focus in part, whose map is estimated: they tell about halos, noise and
sharpness. And sharp ones that are blurred here, so that the map is known and the sharp original too.
"""

import cv2
import numpy as np
from scipy import ndimage
from skimage import filters, metrics

from lib import images, photos, scenes
from lib.enhancement import METHODS, adaptive, enhance
from lib.enhancement.adaptive import FIGURE_11, FULL_SCALE
from lib.studies import photographed, public_sets
from lib.studies.register import study


def measure(photo, sigma_map, truth=None, estimated=None, marked=None):
    """All measures on one photo of all methods, each with the paper's parameters.

    Parameters
    ----------
    photo : (H, W[, 3]) float32 ndarray
        In [0, 1].
    sigma_map : (H, W) ndarray
        Sigma in pixels.
    truth : (H, W[, 3]) float32 ndarray, optional
        The photo without blur and noise.
    estimated : (H, W) ndarray, optional
        Another map, for one more run of the adaptive method, "estimated". The regions remain those of `sigma_map`.
    marked : (H, W) bool ndarray, optional
        Where a person says that the photo is blurred: a region that no estimated map has a part in.

    Returns
    -------
    dict of str to dict of str to float
        By method, "none" for the photo itself, and measure; what a photo has no region for is left out.
    """
    region = regions(sigma_map)
    in_order = sorted(METHODS, key="adaptive".__eq__)  # of the tables: that of the paper last
    sharpened = {"none": photo} | {name: enhance(photo, name, sigma_map) for name in in_order}
    if estimated is not None:
        sharpened["estimated"] = adaptive(photo, estimated)
    rows = {}
    for method, out in sharpened.items():
        row = {"halo": overshoot(photo, out)}
        row["noise, blurred"] = noise_gain(photo, out, region["blurred"])
        row["noise, marked"] = np.nan if marked is None else noise_gain(photo, out, marked)
        row |= {f"sharpness, {name}": sharpness_gain(photo, out, where) for name, where in region.items()}
        if truth is not None:
            row["ssim, all"] = ssim(truth, out)
            row |= {f"psnr, {name}": psnr(truth, out, where) for name, where in {"all": None, **region}.items()}
        rows[method] = {name: value for name, value in row.items() if np.isfinite(value)}
    return rows


MARKED = 6.0
"""Sigma from which on the quick profile's stand-in counts as marked."""


def real_photos(profile):
    """Iterate over (name, photo, marked) of photos that are out of focus in part; `marked` as in `measure`."""
    if profile == "quick":
        yield from ((name, photos.load(name), None) for name in ("flower", "coffee", "chelsea"))
        # In place of a photo that a person has marked.
        photo, sigma = photographed.slanted(photos.load("rocket"))
        yield "rocket, slanted", photo, sigma > MARKED
        return
    found = photos.files("cuhk") + photos.files("zhuosim")
    masks = {path.stem: path for path in found if path.parent.name == "masks"}
    for path in found:
        if path.parent.name == "images":
            yield path.stem, images.read(path), images.to_gray(images.read(masks[path.stem])) > 0.5
        elif path.parent.name != "masks" and "Map" not in path.name:
            yield path.parent.name, images.read(path), None


def blurred_photos(profile, seed=0):
    """Iterate over (name, photo, true map, sharp original) of photos that are blurred here."""
    if profile == "quick":
        image, depth = scenes.motorcycle()
        yield "motorcycle", *scenes.defocus(image, nearness(1 / depth), seed=seed), image
        yield "china, slanted", *photographed.slanted(photos.load("china"), seed), photos.load("china")
        return
    for scene in public_sets.MIDDLEBURY_THIRD:
        image, disparity = public_sets.middlebury(scene)
        yield scene, *scenes.defocus(image, nearness(disparity), seed=seed), image
    for path in photos.files("bsd100")[:6]:
        image = images.read(path)
        yield f"{path.stem}, slanted", *photographed.slanted(image, seed), image


def nearness(inverse_depth):
    """Nearness: the nearest thing at 1, the farthest at 0."""
    return (inverse_depth - inverse_depth.min()) / np.ptp(inverse_depth)


def run(profile, model, seed=0, step=16, some=list):
    """Measure on all photos of a profile.

    Parameters
    ----------
    profile : {"quick", "local", "full"}
        The bundled photos, or (both others) those of the registry.
    model : str or keras.Model
        The classifier that estimates the maps.
    seed : int
        Of the noise in the blurred photos.
    step : int
        From one window of the classifier to the next, pixels; 16 in the paper's Fig. 11.
    some : callable
        Takes the photos and returns those to measure on.

    Returns
    -------
    dict
        ``{"real": {photo: rows}, "blurred": {photo: rows}}``, rows as of `measure`.
    """
    from lib import (
        blur_map,
        refinement,  # here: TensorFlow takes seconds to import
    )

    def estimate(photo):
        return refinement.refine(blur_map.estimate(photo, model, step), photo)

    real = {name: measure(photo, estimate(photo), marked=marked) for name, photo, marked in some(real_photos(profile))}
    blurred = {
        name: measure(photo, sigma, truth, estimate(photo))
        for name, photo, sigma, truth in some(blurred_photos(profile, seed))
    }
    return {"real": real, "blurred": blurred}


def summary(rows_of_photos):
    """Median over the photos that have the measure: {method: {measure: value}}.

    Examples
    --------
    >>> summary({"a": {"um": {"halo": 1.0}}, "b": {"um": {"halo": 3.0, "noise, blurred": 2.5}}})
    {'um': {'halo': 2.0, 'noise, blurred': 2.5}}
    """
    values = {}
    for rows in rows_of_photos.values():
        for method, row in rows.items():
            for name, value in row.items():
                values.setdefault(method, {}).setdefault(name, []).append(value)
    return {method: {name: float(np.median(v)) for name, v in row.items()} for method, row in values.items()}


@study("enhancement", minutes=(0.5, 3, 3), data="", needs=("train_mobilenet_v2-lens",), gpu=True)
def enhancement(job):
    """All measures of all methods on photos that are out of focus in part, and on sharp ones that are blurred here."""
    result = run(job.profile, "mobilenet_v2-lens", job.seed, some=job.some)
    job.data = {kind: list(rows) for kind, rows in result.items()}
    return result


REGIONS = ("sharp", "middle", "blurred")


EDGE = 0.1
"""Slope of the luma, per pixel, from which on a pixel belongs to an edge."""


REACH = 5
"""Pixels to each side of an edge in which halos are looked for."""


FINE, COARSE = 1.0, 3.0
"""Scales in pixels between which sharpness is measured: below is noise, above are shades."""


def regions(sigma_map):
    """Where a photo is sharp, blurred to a medium degree, and blurred, by the places where the gain rises and falls.

    Parameters
    ----------
    sigma_map : (H, W) ndarray
        Sigma in pixels. The gain is that of Fig. 11: the middle is from 2.85 to 7.6 pixels.

    Returns
    -------
    dict of str to (H, W) bool ndarray
        By the names in `REGIONS`.
    """
    low, high = FIGURE_11.beta1 * FULL_SCALE, FIGURE_11.beta2 * FULL_SCALE
    return dict(
        zip(REGIONS, (sigma_map < low, (sigma_map >= low) & (sigma_map < high), sigma_map >= high), strict=True)
    )


def overshoot(photo, sharpened, region=None):
    """Halos: how far pixels beside edges leave the range of the original around them.

    Parameters
    ----------
    photo, sharpened : (H, W[, 3]) float32 ndarray
        In [0, 1].
    region : (H, W) bool ndarray, optional
        Everywhere by default.

    Returns
    -------
    float
        Mean over the pixels within `REACH` of an edge, in gray levels of 255. NaN if there is no edge.

    Examples
    --------
    >>> edge = np.tile(np.float32([0.2] * 10 + [0.8] * 10), (9, 1))
    >>> haloed = edge.copy()
    >>> haloed[:, 9], haloed[:, 10] = 0.1, 0.9
    >>> print(round(overshoot(edge, edge), 2), round(overshoot(edge, haloed), 2))  # 2 of 10 columns off by 25.5
    0.0 4.25
    """
    before, after = images.to_gray(photo), images.to_gray(sharpened)
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    slope = np.hypot(*np.gradient(before)) if min(before.shape) > 1 else np.zeros_like(before)
    near = cv2.dilate(np.uint8(slope > EDGE), window) > 0
    if region is not None:
        near &= region
    beyond = np.maximum(after - cv2.dilate(before, window), cv2.erode(before, window) - after)
    return _mean(255 * np.maximum(beyond, 0), near)


def noise_gain(photo, sharpened, region=None):
    """By which factor the noise has grown, for regions that hold nothing else that is as fine.

    Parameters
    ----------
    photo, sharpened, region
        As in `overshoot`; choose a region that is out of focus.

    Returns
    -------
    float
        Ratio of the two `noise_level`; NaN where the photo has no noise.
    """
    before, after = noise_level(photo, region), noise_level(sharpened, region)
    return after / before if before > 0 else np.nan


def noise_level(photo, region=None):
    """Standard deviation of the noise, by what a filter leaves that takes out all that is smooth (Immerkaer 1996).

    Examples
    --------
    >>> noisy = 0.5 + np.random.default_rng(0).normal(0, 0.02, (200, 200))
    >>> print(round(noise_level(noisy), 3))
    0.02
    """
    mask = np.float64([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    rough = ndimage.convolve(images.to_gray(photo).astype(np.float64), mask)
    return _mean(np.abs(rough), region) * float(np.sqrt(np.pi / 2)) / 6


def sharpness_gain(photo, sharpened, region=None):
    """By which factor structure has grown that is neither as fine as noise nor as coarse as shades.

    Parameters
    ----------
    photo, sharpened, region
        As in `overshoot`.

    Returns
    -------
    float
        Ratio of the root mean squares of both photos after a band-pass from `FINE` to `COARSE`; NaN where the photo
        has no such structure.
    """

    def strength(picture):
        luma = images.to_gray(picture).astype(np.float64)
        return float(np.sqrt(_mean(filters.difference_of_gaussians(luma, FINE, COARSE, mode="reflect") ** 2, region)))

    before, after = strength(photo), strength(sharpened)
    return after / before if before > 0 else np.nan


def psnr(truth, photo, region=None):
    """Peak signal-to-noise ratio against the all-in-focus original, dB, in a region."""
    error = _mean(np.square(truth.astype(np.float64) - photo).reshape(*truth.shape[:2], -1).mean(axis=2), region)
    return np.inf if error == 0 else float(-10 * np.log10(error))


def ssim(truth, photo):
    """Structural similarity of the luma with the all-in-focus original, 1 at most."""
    _, local = metrics.structural_similarity(images.to_gray(truth), images.to_gray(photo), data_range=1, full=True)
    return float(local.mean())  # borders count here, unlike in scikit-image's own mean


def _mean(values, region):
    """Mean over a region, NaN if it is empty."""
    chosen = values if region is None else values[region]
    return float(chosen.mean()) if chosen.size else np.nan
