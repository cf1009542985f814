"""Photographs whose truth is known: stereo scenes with depth, rendered out of focus."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from lib import images, optics, patches, photos, pictures


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
MIDDLEBURY_THIRD = ("Art", "Books", "Cones", "Dolls", "Laundry", "Moebius", "Reindeer", "Teddy")
"""The stereo scenes of the set "middlebury_third"."""
MIDDLEBURY_2006 = (
    *("Aloe", "Baby1", "Bowling1", "Cloth1", "Flowerpots"),
    *("Lampshade1", "Midd1", "Monopoly", "Rocks1", "Wood1"),
)
"""Those of the set "middlebury2006"."""
SCENES = ("motorcycle", *MIDDLEBURY_THIRD)
"""The first comes with scikit-image."""


def names(profile="quick"):
    """Names of `scenes`: of the scene, and the number of the setting in `SETTINGS`.

    Examples
    --------
    >>> names("quick"), names("local")[5], len(names("local"))
    (['motorcycle-0', 'motorcycle-1'], 'Art-1', 76)
    """
    if profile == "quick":
        return ["motorcycle-0", "motorcycle-1"]
    return [f"{name}-{k}" for name in (*SCENES, *MIDDLEBURY_2006) for k in range(len(SETTINGS))]


def scenes(profile="quick", only=None):
    """Photos whose true sigma is known.

    Parameters
    ----------
    profile : {"quick", "local", "full"}
        A part of the bundled motorcycle in two settings; or all scenes, the motorcycle and Middlebury's, in all
        settings (both others).
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


MAX_SIGMA = 12.0
"""Blur of what is farthest away, in the photos that are blurred here, pixels."""
NOISE = 0.004
"""Standard deviation of the noise that they get: one gray level."""


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


def _stretch(inverse_depth):
    """Nearness: the nearest thing at 1, the farthest at 0."""
    return (inverse_depth - inverse_depth.min()) / np.ptp(inverse_depth)


def scene(name):
    """A photo that is sharp throughout and its depth.

    Parameters
    ----------
    name : str
        One of `SCENES` or `MIDDLEBURY_2006`.

    Returns
    -------
    image : (H, W, 3) float32 ndarray
        In [0, 1].
    depth : (H, W) float32 ndarray
        In metres for the motorcycle; the others have no scale, their nearest point is at 1 m.
    """
    if name == "motorcycle":
        return motorcycle()
    image, disparity = middlebury(name)
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
        frame = optics.render(image, sigma, kernel, noise, seed + number)
        frames.append(images.to_uint8(frame) / np.float32(255))
        sigmas.append(np.float32(np.abs(sigma)))
    return frames, sigmas


# Of the motorcycle pair at the size in which scikit-image has it (a quarter), from the
# documentation of `skimage.data.stereo_motorcycle`; four times as much (3979.911 and 124.343) in
# the calib.txt of Middlebury's scene. The baseline does not scale.
MOTORCYCLE_FOCAL_LENGTH = 994.978
"""Focal length, pixels."""
MOTORCYCLE_OFFSET = 31.086
"""Distance of the two principal points in x, pixels."""
MOTORCYCLE_BASELINE = 0.193001
"""Distance of the two cameras, metres."""


def motorcycle():
    """The left picture of scikit-image's motorcycle pair and its depth.

    Depth is ``baseline * focal length / (disparity + offset)``. The 7 % of pixels without a
    disparity are filled first, see `fill_disparity`.

    Returns
    -------
    image : (500, 741, 3) float32 ndarray
        In [0, 1].
    depth : (500, 741) float32 ndarray
        In metres, 2.1 to 5.0.

    References
    ----------
    Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth", GCPR 2014.
    """
    from skimage import data

    disparity = fill_disparity(data.stereo_motorcycle()[2])
    depth = MOTORCYCLE_BASELINE * MOTORCYCLE_FOCAL_LENGTH / (disparity + MOTORCYCLE_OFFSET)
    return photos.load("motorcycle"), depth.astype(np.float32)


def middlebury(scene):
    """The left picture of a stereo scene of Middlebury and its disparity.

    Parameters
    ----------
    scene : str
        One of `MIDDLEBURY_THIRD` and `MIDDLEBURY_2006`.

    Returns
    -------
    image : (H, W, 3) float32 ndarray
        In [0, 1].
    disparity : (H, W) float32 ndarray
        Positive, in pixels of this size, holes filled by `fill_disparity`. Near things have a large one.

    Notes
    -----
    The files store disparity in whole gray levels, 0 where it is unknown: as it is at full size, so three
    times that at this size, in the scenes of 2005 and 2006, and four times in those of 2003 (Cones, Teddy).
    """
    known = (*MIDDLEBURY_THIRD, *MIDDLEBURY_2006)
    if scene not in known:
        msg = f"Unknown scene {scene!r}; choose one of {', '.join(known)}."
        raise ValueError(msg)
    folder = f"{'middlebury2006' if scene in MIDDLEBURY_2006 else 'middlebury_third'}/{scene}"
    view, map_name, scale = ("im2", "disp2", 4) if scene in ("Cones", "Teddy") else ("view1", "disp1", 3)
    stored = np.rint(images.to_gray(_pixels(f"{folder}/{map_name}.png")) * 255)
    return _pixels(f"{folder}/{view}.png"), fill_disparity(stored / scale)


def _pixels(name):
    """What a picture of the registry holds, float32 in [0, 1]."""
    return pictures.read(photos.file(name)).pixels


def fill_disparity(disparity):
    """Fill the holes of a left view's disparity, row by row, from the background.

    What the right camera does not see is hidden there by something nearer, so a hole belongs to
    the farther of its two sides: it takes the smaller of the nearest disparities to the left and
    to the right. A row of holes takes the nearest row.

    Parameters
    ----------
    disparity : (H, W) ndarray
        Pixels; a hole is NaN, infinite or not positive.

    Returns
    -------
    (H, W) float32 ndarray
        Finite and positive.

    Examples
    --------
    >>> fill_disparity(np.array([[0, 5, np.nan, np.inf, 2]]))
    array([[5., 5., 2., 2., 2.]], dtype=float32)
    """
    known = np.isfinite(disparity) & (disparity > 0)
    if not known.any():
        msg = "Expected a disparity map with known values, got holes only."
        raise ValueError(msg)
    values = np.where(known, disparity, np.inf).astype(np.float32)
    filled = np.minimum(_from_left(values), _from_left(values[:, ::-1])[:, ::-1])
    rows = np.flatnonzero(known.any(axis=1))
    nearest = np.abs(np.arange(len(values))[:, None] - rows).argmin(axis=1)
    return filled[rows[nearest]]


def _from_left(values):
    """Each infinite value replaced by the nearest finite one to its left, where there is one."""
    columns = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(columns, axis=1), axis=1)


NYU_PAIRS = 30
"""Pairs of the set "nyu_pairs"."""


def nyu_pair(number):
    """Two pictures of one scene with different things in focus, and the one in which all is: composites by a mask.

    Parameters
    ----------
    number : int
        1 to `NYU_PAIRS`.

    Returns
    -------
    frames : list of 2 (H, W, 3) float32 ndarray
        In [0, 1].
    all_in_focus : (H, W, 3) float32 ndarray
        What the frames were made from.
    """
    if number not in range(1, NYU_PAIRS + 1):
        msg = f"Unknown pair {number!r} of nyu_pairs; choose 1 to {NYU_PAIRS}."
        raise ValueError(msg)
    first, second, truth = (_pixels(f"nyu_pairs/{of}/NYU-D ({number}).jpg") for of in _NYU_FOLDERS)
    return [first, second], truth


_NYU_FOLDERS = ("source_1", "source_2", "full_clear")

PIXEL4 = ("001", "005", "009", "012", "013", "016")
"""The scenes of the set "pixel4"."""
PIXEL4_SIGMA = {"moment": 8.07, "fit": 9.28}
"""Sigma, in pixels, where the measured map is 255: of the lens's spot itself, and of the Gaussian that fits it best."""
_BLACK, _WHITE = 1024, 16383
"""Levels of the 14 bit sensor."""
_CENTER = np.s_[252:1260, 336:1680]
"""Rows and columns of a half picture that the maps cover."""
_VIGNETTING = 101
"""Side of the window that averages out everything but the vignetting of the two halves, pixels."""
_CLIPPED = 0.5
"""Percent of a photo that its exposure turns white, as cameras do."""


class Measured(NamedTuple):
    """A camera's photo, and its blur as measured by others."""

    photo: np.ndarray
    """(H, W) float32 in [0, 1], whole levels of 8 bit, sRGB."""
    sigma: np.ndarray
    """(H, W) float32, pixels; 0 where it is unknown."""
    known: np.ndarray
    """(H, W) bool."""
    all_in_focus: np.ndarray
    """(H, W) float32 in [0, 1], sRGB: the same scene, exposed alike."""


def pixel4(name, by="moment"):
    """A photo by a Pixel 4, whose blur Xin et al. measured.

    Both pictures that the two halves of the lens take, balanced and added, make the photo. It is in gray: only green
    has halves. It is not perfectly in place on the map and the picture that is in focus, but shifted by up to 3 pixels:
    the lens's spot is askew off the axis.

    Parameters
    ----------
    name : str
        One of `PIXEL4`.
    by : {"moment", "fit"}
        What sigma is: the standard deviation of the lens's spot, as elsewhere in this project, or that of the
        Gaussian that blurs most alike. This lens's spots have bright rims, and the two are 15 % apart.

    Returns
    -------
    Measured

    References
    ----------
    Xin et al., "Defocus map estimation and deblurring from a single dual-pixel image", ICCV 2021.
    """
    if name not in PIXEL4 or by not in PIXEL4_SIGMA:
        msg = f"Expected a scene of {', '.join(PIXEL4)} and by 'moment' or 'fit', got {name!r} and {by!r}."
        raise ValueError(msg)
    left, right = (_sensor_light(f"pixel4/photos/{name}_{half}.png") for half in ("left", "right"))
    window = (_VIGNETTING, _VIGNETTING)
    light = ((left + right * cv2.blur(left, window) / cv2.blur(right, window)) / 2)[_CENTER]
    light /= np.percentile(light, 100 - _CLIPPED)
    sharp = _pixels(f"pixel4/all_in_focus/{name}_gt.png")
    sharp = sharp * (light.mean() / sharp.mean())  # blur keeps the mean
    measured = _pixels(f"pixel4/maps/{name}_gt.png")
    photo, sharp = (optics.to_srgb(np.clip(each, 0, 1)) for each in (light, sharp))
    return Measured(images.to_uint8(photo) / np.float32(255), PIXEL4_SIGMA[by] * measured, measured > 0, sharp)


def _sensor_light(name):
    """A sensor's picture without its black level, 1 where it is full."""
    return (65535 * _pixels(name) - _BLACK) / (_WHITE - _BLACK)
