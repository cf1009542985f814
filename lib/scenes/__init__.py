"""Photographs whose truth is known: stereo scenes with depth, rendered out of focus."""

from dataclasses import dataclass

import cv2
import numpy as np

from lib import images, optics, patches, photos
from lib.scenes.readers import (  # noqa: F401, all of them are scenes
    MIDDLEBURY_2006,
    MIDDLEBURY_THIRD,
    MOTORCYCLE_BASELINE,
    MOTORCYCLE_FOCAL_LENGTH,
    NYU_PAIRS,
    PIXEL4,
    SCENES,
    Measured,
    fill_disparity,
    middlebury,
    motorcycle,
    nyu_pair,
    pixel4,
    scene,
)


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
MAX_SIGMA = 12.0
"""Blur of what is farthest away, in the photos that are blurred here, pixels."""
NOISE = 0.004
"""Standard deviation of the noise that they get: one gray level."""


def names(profile="quick"):
    """Names of `scenes`: of the scene, and the number of the setting in `SETTINGS`.

    Examples
    --------
    >>> names("quick"), names("local")[5], len(names("local"))
    (['motorcycle-0', 'motorcycle-1', 'china-2', 'coffee-3'], 'Art-1', 76)
    """
    if profile == "quick":
        return ["motorcycle-0", "motorcycle-1", "china-2", "coffee-3"]
    return [f"{name}-{k}" for name in (*SCENES, *MIDDLEBURY_2006) for k in range(len(SETTINGS))]


def scenes(profile="quick", only=None):
    """Photos whose true sigma is known.

    Parameters
    ----------
    profile : {"quick", "local", "full"}
        A part of the bundled motorcycle in two settings, and of two photos that lean back in the others; or all scenes,
        the motorcycle and Middlebury's, in all settings (both others).
    only : collection of str, optional
        Of `names`, those to render.

    Yields
    ------
    name : str
        Of `names`.
    image : (H, W, 3) float32 ndarray
    sigma : (H, W) float32 ndarray
        Pixels.
    textured : (H, W) bool ndarray
        Where the scene in focus has fine detail: eq. 5's threshold on the variance of the Laplacian.
    """
    for seed, name in enumerate(names(profile)):
        if only is None or name in only:
            # Middlebury's depth is in units of the baseline times the focal length, which the files do not tell; eq. 2
            # is linear in it.
            scene_name, setting = name.split("-")
            image, depth = (each[QUICK_PART] if profile == "quick" else each for each in scene(scene_name))
            yield name, *render(image, depth, SETTINGS[int(setting)], seed)


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
    sigma = 1 / np.quantile(depth, setting.focus) - 1 / depth  # eq. 2 but for the aperture
    sigma *= setting.largest / np.abs(sigma).max()
    rendered = optics.render(image, sigma, setting.kernel, setting.noise, seed)
    detail = cv2.Laplacian(255 * images.to_gray(image).astype(np.float64), -1, borderType=cv2.BORDER_REFLECT)
    return rendered, np.float32(np.abs(sigma)), images.window_variance(detail, 16) > patches.SHARPNESS_THRESHOLD


def photo(megapixels):
    """A photo of 3:2 with everyday detail at every size: the bundled "china", enlarged by mirror images of itself.

    Parameters
    ----------
    megapixels : float

    Returns
    -------
    (H, W, 3) float32 ndarray

    Examples
    --------
    >>> photo(0.25).shape
    (408, 612, 3)
    """
    height = round(np.sqrt(megapixels * 1e6 / 1.5))
    width = round(1.5 * height)
    image = cv2.resize(photos.load("china"), (640, 427), interpolation=cv2.INTER_AREA)
    beyond = [(0, max(side - have, 0)) for side, have in zip((height, width), image.shape[:2], strict=True)]
    return np.ascontiguousarray(np.pad(image, (*beyond, (0, 0)), "symmetric")[:height, :width])


def defocus(image, nearness, max_sigma=MAX_SIGMA, noise=NOISE, seed=0):
    """Blur a sharp photo by a known map, by the optical model (`optics.render`).

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
    sigma = np.float32(max_sigma) * (1 - np.asarray(nearness, np.float32))
    return optics.render(image, sigma, noise=noise, seed=seed), sigma


def slanted(image, seed=0):
    """A photo as if of a flat picture that leans back: in focus at the bottom, `MAX_SIGMA` at the top."""
    height, width = image.shape[:2]
    return defocus(image, np.repeat(np.linspace(0, 1, height)[:, None], width, axis=1), seed=seed)


def nearness(inverse_depth):
    """Nearness: the nearest thing at 1, the farthest at 0."""
    return (inverse_depth - inverse_depth.min()) / np.ptp(inverse_depth)


def stack(image, depth, count=2, spread=5.0, noise=0.0):
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
    noise
        As in `optics.render`.

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
    frames, sigmas = [], []
    for number, focus in enumerate(np.linspace(nearest, farthest, count)):
        sigma = spread * (focus - 1 / np.float64(depth)) / (nearest - farthest)
        frame = optics.render(image, sigma, noise=noise, seed=number)
        frames.append(images.to_uint8(frame) / np.float32(255))
        sigmas.append(np.float32(np.abs(sigma)))
    return frames, sigmas
