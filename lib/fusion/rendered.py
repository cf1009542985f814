"""Stacks whose truth is known: scenes with depth, photographed with `lib.optics` at several focus distances."""

import numpy as np

from lib import images, optics, photos

SCENES = ("motorcycle", "Art", "Books", "Cones", "Dolls", "Laundry", "Moebius", "Reindeer", "Teddy")
"""The first comes with scikit-image, the others are of the set "middlebury_third"."""

_FOCAL_LENGTH, _SENSOR_WIDTH = 0.05, 0.036


def scene(name):
    """A photo that is sharp throughout and its depth.

    Parameters
    ----------
    name : str
        One of `SCENES`.

    Returns
    -------
    image : (H, W, 3) float32 ndarray
        In [0, 1].
    depth : (H, W) float32 ndarray
        In metres for the motorcycle; the others have no scale, their nearest point is at 1 m.
    """
    if name == "motorcycle":
        return photos.motorcycle()
    image, disparity = photos.middlebury(name)
    return image, disparity.max() / disparity


def stack(image, depth, count=2, spread=5.0, kernel="gaussian", noise=0.0, seed=0):
    """Photograph a scene with the focus at `count` distances from near to far.

    The focus goes through the depths in even steps of blur, from near the nearest to near the
    farthest point (the 5th and 95th percentile of 1 / depth). The aperture is as wide as `spread`
    needs it.

    Parameters
    ----------
    image : (H, W, 3) ndarray
        In [0, 1].
    depth : (H, W) ndarray
        Metres.
    count : int
        Of frames.
    spread : float
        Sigma, in pixels, of the farthest focus at the depth of the nearest.
    kernel, noise, seed
        As in `lib.optics.render_defocus`.

    Returns
    -------
    frames : list of (H, W, 3) float32 ndarray
        In [0, 1], rounded to 8 bit, the nearest focus first.
    sigmas : list of (H, W) float32 ndarray
        The true blur of each, pixels.

    Examples
    --------
    >>> image, depth = np.full((40, 60, 3), 0.5, np.float32), np.tile(1 / np.linspace(1, 0.3, 60), (40, 1))
    >>> frames, (near, far) = stack(image, depth)
    >>> f"{near[0, 0]:.1f} {near[0, -1]:.1f} {far[0, 0]:.1f} {far[0, -1]:.1f}"
    '0.3 5.3 5.3 0.3'
    """
    farthest, nearest = np.percentile(1 / np.float64(depth), [5, 95])
    width = image.shape[1]
    frames, sigmas = [], []
    for number, inverse in enumerate(np.linspace(nearest, farthest, count)):
        focus = {"focal_length": _FOCAL_LENGTH, "focus_distance": 1 / inverse}
        sensor = {"sensor_width": _SENSOR_WIDTH, "image_width": width}
        unit = optics.Camera(f_number=1, **focus, **sensor)
        at_unit = optics.coc_to_sigma(unit.aperture * unit.sensor_distance / unit.pixel_pitch) * (nearest - farthest)
        camera = optics.Camera(f_number=at_unit / spread, **focus, **sensor)
        frame, sigma = optics.render_defocus(image, depth, camera, kernel, noise, seed + number)
        frames.append(images.to_uint8(frame) / np.float32(255))
        sigmas.append(sigma)
    return frames, sigmas
