"""QG: how much of the sources' edges the fused image keeps (Xydeas and Petrović 2000)."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from lib.metrics.inputs import gray_levels

SMALL = 1e-5
"""Stands for a gradient of zero, whose direction is not defined."""


class Sigmoid(NamedTuple):
    """``top / (1 + exp(-slope (x - middle)))``: how well a similarity x counts as preserved."""

    top: float
    slope: float
    middle: float

    def __call__(self, x):
        return self.top / (1 + np.exp(-self.slope * (x - self.middle)))


SIGMOIDS = {
    "paper": (Sigmoid(1, 10, 0.5), Sigmoid(1, 20, 0.75)),
    "mfif": (Sigmoid(0.9994, 15, 0.5), Sigmoid(0.9879, 22, 0.8)),
}
"""For the strength and the direction of edges, by variant."""


def qg(a, b, fused, variant="paper"):
    """Edge information that a fused image takes over from its two sources.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        The sources and their fusion, gray or RGB, at least 3x3 pixels.
    variant : {"paper", "mfif"}
        ``"paper"``: the toolbox that the paper's Table 3 was made with; the mean of `qg_map`.
        ``"mfif"``: the toolbox of Liu et al. (2020), with the constants of Xydeas and Petrović, and
        the ratio of two sums over the image, so that strong edges count more.

    Returns
    -------
    float
        In (0, 1). Identical images score `best`, which is below 1.

    Examples
    --------
    >>> ramp = np.tile(np.arange(0, 200, 10, dtype=np.uint8), (20, 1))
    >>> round(qg(ramp, ramp, ramp), 5), round(best(), 5)
    (0.98666, 0.98666)
    """
    preserved, weight = _preserved(a, b, fused, variant)
    if variant == "mfif":
        return float((preserved * weight).sum() / weight.sum())
    return float(_weighted(preserved, weight).mean())


def qg_map(a, b, fused):
    """What `qg` averages: edge preservation at each pixel, weighted between the sources by edge strength."""
    return _weighted(*_preserved(a, b, fused, "paper"))


def best(variant="paper"):
    """The score of a pixel whose edge is preserved in full: both sigmoids at 1, and not 1 itself."""
    strength, direction = SIGMOIDS[variant]
    return float(strength(1.0) * direction(1.0))


def _weighted(preserved, weight):
    return (preserved * weight).sum(axis=0) / weight.sum(axis=0)


def _preserved(a, b, fused, variant):
    """Preservation Q_XF and weight of both sources: (2, H, W) each."""
    if variant not in SIGMOIDS:
        msg = f"Expected variant to be one of {tuple(SIGMOIDS)}, got {variant!r}."
        raise ValueError(msg)
    (*sources, (g_f, angle_f)) = (_edges(picture) for picture in gray_levels(a, b, fused, smallest=3))
    strength, direction = SIGMOIDS[variant]
    preserved = []
    for g, angle in sources:
        G = np.minimum(g, g_f) / np.maximum(g, g_f)
        turn = np.abs(angle - angle_f) * 2 / np.pi  # in right angles, 0 to 2
        A = np.abs(turn - 1) if variant == "paper" else 1 - turn
        preserved.append(strength(G) * direction(A))
    return np.stack(preserved), np.stack([g for g, _ in sources])


def _edges(gray):
    """Strength and direction of the Sobel gradient, zeros around the image; 0 strength becomes `SMALL`."""
    x, y = (ndimage.sobel(gray, axis, mode="constant") for axis in (1, 0))
    strength = np.hypot(x, y)
    # atan, not atan2: an edge and its negative have the same direction.
    return np.where(strength == 0, SMALL, strength), np.arctan(y / np.where(x == 0, SMALL, x))


METHODS = {"QG": qg}
