"""The methods side by side on many photos: ``python -m lib.enhancement.comparison PROFILE [FILE]`` records the numbers.

Two kinds of photos. Real ones, out of focus in part, whose map is estimated: they tell about halos, noise and
sharpness. And sharp ones that are blurred here, so that the map is known and the sharp original too.
"""

import sys
import time

import numpy as np

from lib import images, optics, paths, photos, records
from lib.enhancement import adaptive, enhance, measures

METHODS = ("none", "um", "gum", "cas", "adaptive")
"""In the order of the tables, each with the paper's parameters; "none" is the photo itself."""
MAX_SIGMA = 12.0
"""Blur of what is farthest away, in the photos that are blurred here, pixels."""
NOISE = 0.004
"""Standard deviation of the noise that they get: one gray level."""


def defocus(image, nearness, max_sigma=MAX_SIGMA, noise=NOISE, seed=0):
    """Blur a sharp photo by a known map, by the optical model (`optics.render_defocus`).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        Sharp, in [0, 1].
    nearness : (H, W) ndarray
        Inverse depth, 1 where the camera is focused, 0 at infinity, where sigma is `max_sigma`.
    max_sigma, noise, seed
        Pixels; standard deviation of the sensor's noise, and its seed.

    Returns
    -------
    photo : (H, W[, 3]) float32 ndarray
    sigma : (H, W) float32 ndarray
        The true map, pixels: ``max_sigma * (1 - nearness)``.

    Examples
    --------
    >>> photo, sigma = defocus(np.full((20, 30), 0.5), np.tile(np.linspace(0, 1, 30), (20, 1)))
    >>> print(sigma[0, [0, -1]])
    [12.  0.]
    """
    focal_length, sensor_width, width = 0.05, 0.036, image.shape[1]
    f1 = optics.image_distance(1, focal_length)
    aperture = 4 * max_sigma * sensor_width / width / f1  # eq. 2 at 1 m, solved for A
    camera = optics.Camera(focal_length, focal_length / aperture, 1, sensor_width, width)
    with np.errstate(divide="ignore"):
        return optics.render_defocus(image, 1 / np.asarray(nearness, np.float64), camera, noise=noise, seed=seed)


def slanted(image, seed=0):
    """A photo as if of a flat picture that leans back: in focus at the bottom, `MAX_SIGMA` at the top."""
    height, width = image.shape[:2]
    return defocus(image, np.repeat(np.linspace(0, 1, height)[:, None], width, axis=1), seed=seed)


def measure(photo, sigma_map, truth=None, estimated=None, marked=None):
    """All measures of all methods on one photo.

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
        By method and measure; what a photo has no region for is left out.
    """
    region = measures.regions(sigma_map)
    sharpened = {name: photo if name == "none" else enhance(photo, name, sigma_map) for name in METHODS}
    if estimated is not None:
        sharpened["estimated"] = adaptive(photo, estimated)
    rows = {}
    for method, out in sharpened.items():
        row = {"halo": measures.overshoot(photo, out)}
        row["noise, blurred"] = measures.noise_gain(photo, out, region["blurred"])
        row["noise, marked"] = np.nan if marked is None else measures.noise_gain(photo, out, marked)
        row |= {f"sharpness, {name}": measures.sharpness_gain(photo, out, where) for name, where in region.items()}
        if truth is not None:
            row["ssim, all"] = measures.ssim(truth, out)
            row |= {
                f"psnr, {name}": measures.psnr(truth, out, where) for name, where in {"all": None, **region}.items()
            }
        rows[method] = {name: value for name, value in row.items() if np.isfinite(value)}
    return rows


def real_photos(profile):
    """Iterate over (name, photo, marked) of photos that are out of focus in part; `marked` as in `measure`."""
    if profile == "quick":
        yield from ((name, photos.load(name), None) for name in ("flower", "coffee", "chelsea"))
        return
    found = photos.files("cuhk") + photos.files("zhuosim")
    masks = {path.stem: path for path in found if path.parent.name == "masks"}
    for path in found:
        if path.parent.name == "images":
            yield path.stem, images.read(path).pixels, images.to_gray(images.read(masks[path.stem]).pixels) > 0.5
        elif path.parent.name != "masks" and "Map" not in path.name:
            yield path.parent.name, images.read(path).pixels, None


def blurred_photos(profile, seed=0):
    """Iterate over (name, photo, true map, sharp original) of photos that are blurred here."""
    if profile == "quick":
        image, depth = photos.motorcycle()
        yield "motorcycle", *defocus(image, _stretch(1 / depth), seed=seed), image
        yield "china, slanted", *slanted(photos.load("china"), seed), photos.load("china")
        return
    for scene in ("Art", "Books", "Cones", "Dolls", "Laundry", "Moebius", "Reindeer", "Teddy"):
        image, disparity = photos.middlebury(scene)
        yield scene, *defocus(image, _stretch(disparity), seed=seed), image
    for path in photos.files("bsd100")[:6]:
        image = images.read(path).pixels
        yield f"{path.stem}, slanted", *slanted(image, seed), image


def _stretch(inverse_depth):
    """Nearness: the nearest thing at 1, the farthest at 0."""
    return (inverse_depth - inverse_depth.min()) / np.ptp(inverse_depth)


def run(profile, model, seed=0, step=16):
    """Measure on all photos of a profile.

    Parameters
    ----------
    profile : {"quick", "local", "full"}
        The bundled photos, or (both others) those of the registry.
    model : keras.Model
        The classifier that estimates the maps.
    seed : int
        Of the noise in the blurred photos.
    step : int
        From one window of the classifier to the next, pixels; 16 in the paper's Fig. 11.

    Returns
    -------
    dict
        ``{"real": {photo: rows}, "blurred": {photo: rows}}``, rows as of `measure`.
    """
    from lib import blur_map, refinement  # here: TensorFlow takes seconds to import

    def estimate(photo):
        return refinement.refine(blur_map.estimate(photo, model, step), photo)

    real = {name: measure(photo, estimate(photo), marked=marked) for name, photo, marked in real_photos(profile)}
    blurred = {
        name: measure(photo, sigma, truth, estimate(photo))
        for name, photo, sigma, truth in blurred_photos(profile, seed)
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


def main(profile="local", output=None, seed=0):
    """Measure and write ``data/results/PROFILE/enhancement.json``, or another record."""
    from lib import classifiers

    began = time.perf_counter()
    result = run(profile, classifiers.load("mobilenet_v2-lens"), seed)
    data = {kind: list(rows) for kind, rows in result.items()}
    seconds = time.perf_counter() - began
    path = output or paths.RESULTS / profile / "enhancement.json"
    records.write(path, result, profile=profile, data=data, seed=seed, seconds=seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
