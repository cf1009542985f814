"""Photos of public sets that come with their truth: depth, blur as others measured it, or the photo in focus."""

from typing import NamedTuple

import cv2
import numpy as np

from lib import images, optics, photos, scenes

MIDDLEBURY_THIRD = ("Art", "Books", "Cones", "Dolls", "Laundry", "Moebius", "Reindeer", "Teddy")
"""The stereo scenes of the set "middlebury_third"."""
MIDDLEBURY_2006 = (
    *("Aloe", "Baby1", "Bowling1", "Cloth1", "Flowerpots"),
    *("Lampshade1", "Midd1", "Monopoly", "Rocks1", "Wood1"),
)
"""Those of the set "middlebury2006"."""
SCENES = ("motorcycle", *MIDDLEBURY_THIRD)
"""The first comes with scikit-image."""
NYU_PAIRS = 30
"""Pairs of the set "nyu_pairs"."""
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


def scene(name):
    """A photo that is sharp throughout and its depth.

    Parameters
    ----------
    name : str
        One of `SCENES` or `MIDDLEBURY_2006`; or a bundled photo, as if it hung on a board that leans back.

    Returns
    -------
    image : (H, W, 3) float32 ndarray
        In [0, 1].
    depth : (H, W) float32 ndarray
        In metres for the motorcycle; the others have no scale, their nearest point is at 1 m.
    """
    if name == "motorcycle":
        return scenes.motorcycle()
    if name in photos.BUNDLED:
        image = photos.load(name)
        return image, np.repeat(1 / np.linspace(0.3, 1, len(image))[:, None], image.shape[1], axis=1)
    image, disparity = middlebury(name)
    return image, disparity.max() / disparity


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
        Positive, in pixels of this size, holes filled by `scenes.fill_disparity`. Near things have a large one.

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
    return _pixels(f"{folder}/{view}.png"), scenes.fill_disparity(stored / scale)


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


def _pixels(name):
    """What a picture of the registry holds, float32 in [0, 1]."""
    return images.read(photos.file(name))
