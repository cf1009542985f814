"""Filling the map where nothing tells, from where something does, along the colors of the photo.

On a wall without texture the network's interval is wide, and its median little more than a habit. There the map is a
linear function of the colors nearby, as in the guided filter, fitted to the pixels around, each weighted by how narrow
its interval is. Windows are wide at first and become narrower; a narrow one that holds little falls back on the wider.
"""

import cv2
import numpy as np

from lib.guided_filter import box_mean

UNSURE = 0.6
"""Width of the interval, between the roots of its ends, at which a pixel is half believed."""
STEEPNESS = 4
"""How fast belief falls with the width."""
PIXELS = 40_000
"""Size at which the functions are fitted: they are smooth, and that is enough."""
RADII = 0.25, 0.08, 0.025
"""Of the windows, in sides of a square of that size."""
FALLBACK = 0.03
"""Weight of what the wider windows say."""
EPSILON = 1e-3
"""Added to the variances of the colors in a window."""
ROWS = 512
"""Of the photo, filled at a time."""


def trust(low, high):
    """How far each pixel is believed, by its interval: (H, W) float32, 0 to 1."""
    width = np.sqrt(high) - np.sqrt(low)
    return np.float32(1) / (1 + (width / np.float32(UNSURE)) ** STEEPNESS)


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
    believed = trust(low, high)
    slope, offset = functions(sigma, believed, image)
    return _apply(slope, offset, sigma, believed, image)


def functions(sigma, believed, image):
    """The linear functions of the colors, (h, w, 3) and (h, w), of a small version of the photo."""
    reduction = max(np.sqrt(sigma.size / PIXELS), 1)
    size = [max(round(side / reduction), 1) for side in sigma.shape[::-1]]
    colors, weight, product = (
        cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (image, believed, believed * sigma)
    )
    values = product / np.maximum(weight, 1e-9)
    for radius in RADII:
        slope, offset = _fit(values, weight + 1e-6, colors, max(round(radius * np.sqrt(size[0] * size[1])), 1))
        wider = np.einsum("yxc,yxc->yx", slope, colors) + offset
        values = (weight * values + FALLBACK * wider) / (weight + FALLBACK)
        weight = weight + FALLBACK
    return slope, offset


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


def _apply(slope, offset, sigma, believed, image):
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
        share = believed[rows]
        filled[rows] = share * sigma[rows] + (1 - share) * np.clip(wider, least, most)
    return filled
