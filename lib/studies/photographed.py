"""The photographs that the studies judge estimators on: the scenes, in four settings of a camera."""

from dataclasses import dataclass

import numpy as np

from lib import optics, patches
from lib.estimators import laplacian_variance
from lib.scenes import defocus
from lib.studies.public_sets import MIDDLEBURY_2006, SCENES, scene


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
        As `textured` of the scene in focus.
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
    return rendered, np.float32(np.abs(sigma)), textured(image)


def textured(image):
    """Where a picture in focus has fine detail, (H, W) bool: eq. 5's threshold on the variance of the Laplacian."""
    return laplacian_variance.estimate(image) > patches.SHARPNESS_THRESHOLD


def slanted(image, seed=0):
    """A photo as if of a flat picture that leans back: in focus at the bottom, `scenes.MAX_SIGMA` at the top."""
    height, width = image.shape[:2]
    return defocus(image, np.repeat(np.linspace(0, 1, height)[:, None], width, axis=1), seed=seed)
