"""Fill a region of a picture smoothly from its border: Laplace's equation, as MATLAB's ``regionfill`` solves it."""

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

DIRECT = 100_000
"""Unknown pixels that are solved for at once; more are filled from coarse to fine."""
CYCLES = 1
"""Corrections of the fill at each finer size."""
SWEEPS = 2
"""Rounds of Jacobi's method before and after each correction from the coarser size."""
DAMPING = 0.8

_CROSS = np.float32([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4


def region_fill(image, mask):
    """Replace the pixels of a region by the smoothest continuation of those around it.

    Inside the region the result has a Laplacian of zero: every pixel is the mean of its four neighbors (at the
    picture's border, of those that exist).

    Up to `DIRECT` unknown pixels the equations are solved exactly. Beyond, multigrid: the picture at half the size,
    without what is hidden, is filled first and enlarged, and its error, found on coarser and coarser grids, taken off.
    The memory is that of a few copies of the picture.

    Parameters
    ----------
    image : (H, W[, C]) float32 or float64 ndarray
    mask : (H, W) bool ndarray
        True where the picture is to be replaced.

    Returns
    -------
    (H, W[, C]) ndarray
        Of the type of `image`. The same picture if the mask is empty, or holds all pixels.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> region_fill(np.array([[0.0, 9.0, 9.0, 3.0]]), np.array([[False, True, True, False]]))
    array([[0., 1., 2., 3.]])
    """
    image, mask = np.asarray(image), np.asarray(mask, bool)
    if mask.shape != image.shape[:2]:
        msg = f"Expected a mask of the image's shape {image.shape[:2]}, got {mask.shape}."
        raise ValueError(msg)
    if mask.all() or not mask.any():
        return image.copy()
    fill = _solve if np.count_nonzero(mask) <= DIRECT else _multigrid
    values = image.reshape(*mask.shape, -1)  # channels last, also where there is one
    return np.where(mask[..., None], fill(values, mask), values).reshape(image.shape)


def _solve(values, mask, source=None):
    """Sparse LU of the Laplacian; the pixels around the region are the right side, and `source` what it should be."""
    unknown = np.flatnonzero(mask)
    number = np.full(mask.size, -1)
    number[unknown] = np.arange(len(unknown))
    height, width = mask.shape
    row, column = np.divmod(unknown, width)
    flat = values.reshape(mask.size, -1).astype(np.float64)

    degree, pairs = np.zeros(len(unknown)), []
    right = np.zeros((len(unknown), flat.shape[1])) if source is None else 4.0 * source.reshape(flat.shape)[unknown]
    for offset, inside in ((-1, column > 0), (1, column < width - 1), (-width, row > 0), (width, row < height - 1)):
        here = np.flatnonzero(inside)
        there = unknown[here] + offset
        degree[here] += 1
        known = number[there] < 0
        right[here[known]] += flat[there[known]]
        pairs.append((here[~known], number[there[~known]]))
    rows, columns = (np.concatenate(side) for side in zip(*pairs, strict=True))
    neighbors = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (len(unknown), len(unknown)))
    factors = splu(
        (sparse.diags(degree) - neighbors).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    flat[unknown] = factors.solve(right)
    return flat.reshape(values.shape).astype(values.dtype)


def _multigrid(values, mask):
    """Fill at half the size, where a cell is known by its known pixels alone; enlarge, and correct."""
    inside = mask[..., None]
    share = _halve((~mask).astype(values.dtype)[..., None])
    hidden = share[..., 0] < 1e-6
    small = _halve(np.where(inside, 0, values)) / np.where(share < 1e-6, 1, share)
    filled = np.where(inside, _double(region_fill(small, hidden), mask.shape), values)
    for _ in range(CYCLES):
        filled += _correction(_excess(filled, inside), mask)
    return filled


def _correction(excess, mask):
    """What to add inside the region so that the excess of the neighbors' mean vanishes: one V-cycle."""
    if np.count_nonzero(mask) <= DIRECT:
        return _solve(np.zeros_like(excess), mask, excess)
    inside = mask[..., None]
    added = np.float32(DAMPING) * excess
    _smooth(added, excess, inside, SWEEPS - 1)
    left = excess + _excess(added, inside)
    covered = cv2.resize(mask.astype(np.float32), _half(mask.shape), interpolation=cv2.INTER_AREA) > 1 - 1e-6
    coarse = _correction(4 * _halve(left) * covered[..., None], covered)  # a step of two pixels, squared
    added += np.where(inside, _double(coarse, mask.shape), 0)
    _smooth(added, excess, inside, SWEEPS)
    return added


def _smooth(added, excess, inside, sweeps):
    """Damped Jacobi, in place."""
    for _ in range(sweeps):
        added += np.float32(DAMPING) * (excess + _excess(added, inside))


def _excess(values, inside):
    """How much the mean of a pixel's neighbors is above it, inside the region."""
    mean = cv2.filter2D(values, -1, _CROSS, borderType=cv2.BORDER_REPLICATE).reshape(values.shape)
    return np.where(inside, mean - values, 0)


def _half(shape):
    """Size at half the resolution, as OpenCV has it: width first."""
    return max(shape[1] // 2, 1), max(shape[0] // 2, 1)


def _halve(values):
    size = _half(values.shape)
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], -1)


def _double(values, shape):
    return cv2.resize(values, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*shape, -1)
