"""Contrast limited adaptive histogram equalization (CLAHE, Zuiderveld 1994), as MATLAB's `adapthisteq` computes it.

Why not a library's: OpenCV hands the clipped counts to all bins alike, so that a low clip limit still steepens the
contrast up to twice, and it rounds to 8 bits; scikit-image first stretches each photo to the full range.
"""

import numpy as np
from scipy import ndimage

from lib import images

BINS = 256
_STRIP_PIXELS = 1 << 20


def clahe(plane, clip_limit, tiles=(8, 8)):
    """Equalize the histogram around each pixel, with a limit on the gain of contrast.

    Each tile maps gray values by its own cumulated histogram, whose bins are cut at the clip limit. A pixel takes its
    value from the maps of the four tiles around it, by linear interpolation between them and between gray values, so
    that the result is as fine as the input.

    Parameters
    ----------
    plane : (H, W) ndarray of float
        In [0, 1].
    clip_limit : float
        0 to 1: share of a tile's pixels that a bin may hold beyond the mean of all bins. Contrast grows by the
        factor ``1 + 255 * clip_limit`` at most.
    tiles : (int, int)
        Down and across.

    Returns
    -------
    (H, W) float32 ndarray in [0, 1]

    Raises
    ------
    ValueError
        If the plane is none, or a parameter is out of its range.

    References
    ----------
    Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.

    Examples
    --------
    >>> dim = np.tile(np.linspace(0.4, 0.5, 64), (64, 1))
    >>> print(np.ptp(clahe(dim, 0.01, tiles=(1, 1))).round(2))
    0.35
    """
    plane = images.check_image(plane, "plane")
    if plane.ndim != 2 or not 0 <= clip_limit <= 1 or min(tiles) < 1:
        msg = (
            "Expected a (H, W) plane, a clip limit of 0 to 1 and 1 or more tiles, "
            f"got shape {plane.shape}, {clip_limit} and {tiles}."
        )
        raise ValueError(msg)
    sides = [2 * -(-length // (2 * n)) for length, n in zip(plane.shape, tiles, strict=True)]  # even
    before = [(side * n - length) // 2 for side, n, length in zip(sides, tiles, plane.shape, strict=True)]
    maps = _tile_maps(plane, tiles, sides, before, clip_limit)
    down, across = (
        (np.arange(length) + pad) / side - 0.5 for length, pad, side in zip(plane.shape, before, sides, strict=True)
    )
    out = np.empty_like(plane)
    rows = max(_STRIP_PIXELS // plane.shape[1], 1)
    for top in range(0, len(plane), rows):
        strip = slice(top, top + rows)
        position = np.broadcast_arrays(down[strip, None], across[None, :], plane[strip] * (BINS - 1))
        ndimage.map_coordinates(maps, position, out[strip], order=1, mode="nearest")
    return out


def _tile_maps(plane, tiles, sides, before, clip_limit):
    """The map of gray values of each tile: (down, across, BINS) in [0, 1]."""
    padding = [
        (first, side * n - length - first)
        for first, side, n, length in zip(before, sides, tiles, plane.shape, strict=True)
    ]
    levels = np.pad(np.rint(plane * (BINS - 1)).astype(np.uint8), padding, "symmetric")
    blocks = levels.reshape(tiles[0], sides[0], tiles[1], sides[1]).swapaxes(1, 2).reshape(*tiles, -1)
    count = blocks.shape[2]
    mean = -(-count // BINS)
    limit = mean + round(clip_limit * (count - mean))
    maps = np.empty((*tiles, BINS), np.float32)
    for tile in np.ndindex(*tiles):
        histogram = redistribute(np.bincount(blocks[tile], minlength=BINS), limit)
        maps[tile] = np.minimum(np.cumsum(histogram) / count, 1)
    return maps


def redistribute(histogram, limit):
    """Cut a histogram at a limit, at least its mean, and hand the excess to the other bins, none of which passes it.

    Examples
    --------
    >>> out = redistribute(np.bincount([7] * 512, minlength=256), 3)
    >>> out.sum(), out[7], out.max()
    (np.int64(512), np.int64(3), np.int64(3))
    """
    excess = np.maximum(histogram - limit, 0).sum()
    cut = np.minimum(histogram, limit)
    out = np.minimum(cut + excess // len(cut), limit)
    excess -= (out - cut).sum()
    start = 0
    while excess > 0:  # the rest, one by one at even distances
        for k in range(start, len(out), max(len(out) // excess, 1)):
            if out[k] < limit and excess > 0:
                out[k] += 1
                excess -= 1
        start = (start + 1) % len(out)
    return out
