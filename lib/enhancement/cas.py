"""Contrast adaptive sharpening (CAS) of AMD's FidelityFX, without its scaling.

The negative lobes of a 3x3 filter, which make it sharpen, are as large as the neighborhood allows: small
where some pixel is near black or white and would be driven out of range, large in the middle of the range.
"""

import cv2
import numpy as np

from lib import images, optics
from lib.enhancement.planes import COLORS, on_planes

MAX_STRENGTH = 0.2
"""End of AMD's range; at 0.25 the filter's weights sum to zero."""
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_BOX = np.ones((3, 3), np.uint8)
_NEIGHBORS = np.float64([[0, 1, 0], [1, 0, 1], [0, 1, 0]])


def cas(image, strength=0.125, color="luminance", diagonals=True, linear=False):
    """Sharpen a photo by AMD's contrast adaptive sharpening.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    strength : float
        Greatest weight of a neighbor, 0 to 0.2: the paper's lambda and AMD's "peak" without their minus sign. AMD's
        slider from 0 to 1 is ``1 / (8 - 3 * slider)``; so the paper's 0.125 is the slider's lowest end.
    color : {"luminance", "channels", "green"}
        Sharpen the luma, or each channel with a weight of its own, or all with that of green (AMD's default).
    diagonals : bool
        Look at the diagonal neighbors, too, for the range of the neighborhood (AMD's "better diagonals").
    linear : bool
        Work on linear light, as AMD's code expects it, instead of on the stored sRGB values.

    References
    ----------
    AMD FidelityFX Contrast Adaptive Sharpening, 2019, https://gpuopen.com/fidelityfx-cas/.

    Examples
    --------
    >>> edge = np.float32([[0.25] * 4 + [0.5] * 4])
    >>> print(cas(edge)[0, 2:6].round(2))
    [0.25 0.22 0.53 0.5 ]
    """
    image = images.check_image(image)
    images.check_not_negative(strength=strength)
    if strength > MAX_STRENGTH:
        msg = f"Expected a strength of 0 to {MAX_STRENGTH}, got {strength}: a larger one inverts the photo."
        raise ValueError(msg)
    if color not in (*COLORS, "green"):
        msg = f"Expected color to be one of {(*COLORS, 'green')}, got {color!r}."
        raise ValueError(msg)
    if strength == 0:
        return image.copy()
    if linear:
        light = np.clip(optics.to_light(image), 0, 1)
        return np.clip(optics.to_srgb(_sharpen(light, strength, color, diagonals)), 0, 1)
    return _sharpen(image, strength, color, diagonals)


def _sharpen(image, strength, color, diagonals):
    if color == "green" and image.ndim == 3:
        weight = neighbor_weight(np.ascontiguousarray(image[..., 1]), strength, diagonals)
        return np.clip(np.dstack([filter_plane(plane, weight) for plane in np.moveaxis(image, 2, 0)]), 0, 1)
    color = "luminance" if color == "green" else color
    return on_planes(image, lambda plane: filter_plane(plane, neighbor_weight(plane, strength, diagonals)), color)


def neighbor_weight(plane, strength, diagonals=True):
    """Weight of the four neighbors at each pixel of a plane in [0, 1]: 0 to -strength; the pixel itself has 1."""
    low, high, limit = cv2.erode(plane, _CROSS), cv2.dilate(plane, _CROSS), 1
    if diagonals:  # the sums of two extremes each
        low, high, limit = low + cv2.erode(plane, _BOX), high + cv2.dilate(plane, _BOX), 2
    room = np.minimum(low, limit - high)  # to black and to white
    share = np.divide(room, high, out=np.zeros_like(plane), where=high > 0)
    return -plane.dtype.type(strength) * np.sqrt(np.clip(share, 0, 1))


def filter_plane(plane, weight):
    """The normalised filter: four neighbors of the given weight, the pixel of weight 1. May leave [0, 1]."""
    neighbors = cv2.filter2D(plane, -1, _NEIGHBORS, borderType=cv2.BORDER_REPLICATE)
    return (neighbors * weight + plane) / (1 + 4 * weight)


METHODS = {"cas": cas}
