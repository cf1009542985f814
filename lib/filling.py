"""Filling a map where nothing tells, from where something does, along the colors of the photo.

The map is a linear function of the colors nearby, as in the guided filter, fitted to the pixels around, each with its
own weight.
"""

import cv2
import numpy as np

from lib import images
from lib.guided_filter import box_mean

PIXELS = 40_000
"""Size at which the functions are fitted: they are smooth, and that is enough."""
RADIUS = 0.03
"""Of the windows, in sides of a square of that size. This and the next were chosen on scenes made of the one-pass
network's dev photos."""
EPSILON = 1e-3
"""Added to the variances of the colors in a window."""
ROWS = 512
"""Of the photo, filled at a time."""


def fill(values, weight, kept, image):
    """Fill a map.

    Parameters
    ----------
    values : (H, W) float32 ndarray
        In any unit.
    weight : (H, W) float32 ndarray
        How much each pixel counts in the fit, 0 to 1.
    kept : (H, W) float32 ndarray
        The share of its own value that each pixel keeps, 0 to 1.
    image : (H, W[, 3]) float32 ndarray
        In [0, 1].

    Returns
    -------
    (H, W) float32 ndarray
        In the range of `values`.

    Examples
    --------
    >>> photo, known = np.zeros((6, 9)), np.tile(np.float32([0, 1, 0]), (6, 3))
    >>> float(fill(5 * known, known, known, photo).min().round(3))
    5.0
    """
    color = image if image.ndim == 3 else np.dstack([image] * 3)
    slope, offset = _functions(values, weight, color)
    return _apply(slope, offset, values, kept, color)


def _functions(values, weight, image):
    """The linear functions of the colors, (h, w, 3) and (h, w), of a small version of the photo."""
    reduction = max(np.sqrt(values.size / PIXELS), 1)
    size = [max(round(side / reduction), 1) for side in values.shape[::-1]]
    colors, weight, product = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (image, weight, weight * values)
    )
    radius = max(round(RADIUS * np.sqrt(size[0] * size[1])), 1)
    return _fit(product / np.maximum(weight, 1e-9), weight + 1e-6, colors, radius)


def _fit(values, weight, colors, radius):
    """Weighted ridge regression in each window, and the weighted mean of the functions of all windows of a pixel."""

    def mean(x):
        return box_mean(np.ascontiguousarray(x.reshape(*x.shape[:2], -1), np.float64), radius).reshape(x.shape)

    total = mean(weight)
    w, t = weight[..., None], total[..., None]
    mean_color, mean_value = mean(w * colors) / t, mean(weight * values) / total
    outer = np.einsum("yxi,yxj->yxij", colors, colors)
    covariance = mean(w[..., None] * outer) / t[..., None] - np.einsum("yxi,yxj->yxij", mean_color, mean_color)
    shared = mean(w * colors * values[..., None]) / t - mean_color * mean_value[..., None]
    slope = np.linalg.solve(covariance + EPSILON * np.eye(3), shared[..., None])[..., 0]
    offset = mean_value - np.einsum("yxc,yxc->yx", slope, mean_color)
    whole = mean(total)
    return mean(t * slope) / whole[..., None], mean(total * offset) / whole


def _apply(slope, offset, values, kept, image):
    """Carry the functions to the size of the photo, some rows at a time, and mix their values in."""
    least, most = values.min(), values.max()
    small = np.float32(np.stack([*slope.transpose(2, 0, 1), offset]))
    filled = np.empty_like(values)
    for top in range(0, len(values), ROWS):
        rows = slice(top, min(top + ROWS, len(values)))
        large = images.enlarge(small, values.shape, rows)
        wider = np.einsum("cyx,yxc->yx", large[:3], image[rows]) + large[3]
        filled[rows] = kept[rows] * values[rows] + (1 - kept[rows]) * np.clip(wider, least, most)
    return filled
