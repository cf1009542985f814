"""Filling the map where nothing tells, from where something does, along the colors of the photo.

On a wall without texture the network's interval is wide, and its median little more than a habit. There the map is a
linear function of the colors nearby, as in the guided filter, fitted to the pixels around, each weighted by how narrow
its interval is. The constants were chosen on scenes made of the dev photos.
"""

import cv2
import numpy as np

from lib.guided_filter import box_mean

HALF_WEIGHT = 0.8
"""Relative width of the interval, see `width`, at which a pixel counts half as much in the fit."""
HALF_KEPT = 1.0
"""Relative width at which a pixel takes half of its value from the fit."""
PIXELS = 40_000
"""Size at which the functions are fitted: they are smooth, and that is enough."""
RADIUS = 0.03
"""Of the windows, in sides of a square of that size."""
EPSILON = 1e-3
"""Added to the variances of the colors in a window."""
ROWS = 512
"""Of the photo, filled at a time."""


def width(sigma, low, high):
    """How wide the interval is for such a sigma, as a share of its root: (H, W) float32.

    Taken as it is, the width would make every blurred pixel count less than a sharp one.
    """
    return (np.sqrt(high) - np.sqrt(low)) / (np.sqrt(sigma) + np.float32(0.5))


def kept(sigma, low, high):
    """The share of its own value that each pixel keeps: (H, W) float32, 0 to 1."""
    return np.float32(1) / (1 + (width(sigma, low, high) / np.float32(HALF_KEPT)) ** 4)


def fill(sigma, low, high, image):
    """Fill a map.

    Parameters
    ----------
    sigma, low, high : (H, W) float32 ndarray
        The network's answer, pixels.
    image : (H, W, 3) float32 ndarray
        In [0, 1].

    Returns
    -------
    (H, W) float32 ndarray
        `sigma` where its interval is narrow. In the range of `sigma`.
    """
    weight = np.float32(1) / (1 + (width(sigma, low, high) / np.float32(HALF_WEIGHT)) ** 4)
    slope, offset = functions(sigma, weight, image)
    return _apply(slope, offset, sigma, kept(sigma, low, high), image)


def functions(sigma, trust, image):
    """The linear functions of the colors, (h, w, 3) and (h, w), of a small version of the photo."""
    reduction = max(np.sqrt(sigma.size / PIXELS), 1)
    size = [max(round(side / reduction), 1) for side in sigma.shape[::-1]]
    colors, weight, product = (
        cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (image, trust, trust * sigma)
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


def _apply(slope, offset, sigma, share, image):
    """Carry the functions to the size of the photo, some rows at a time, and mix their values in."""
    least, most = sigma.min(), sigma.max()
    small = np.float32(np.dstack([slope, offset]))
    scale = small.shape[0] / sigma.shape[0], small.shape[1] / sigma.shape[1]
    filled = np.empty_like(sigma)
    for top in range(0, len(sigma), ROWS):
        rows = np.s_[top : top + ROWS]
        size = sigma.shape[1], len(sigma[rows])
        matrix = np.float32([[scale[1], 0, scale[1] / 2 - 0.5], [0, scale[0], scale[0] * (top + 0.5) - 0.5]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        large = cv2.warpAffine(small, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
        wider = np.einsum("yxc,yxc->yx", large[..., :3], image[rows]) + large[..., 3]
        filled[rows] = share[rows] * sigma[rows] + (1 - share[rows]) * np.clip(wider, least, most)
    return filled
