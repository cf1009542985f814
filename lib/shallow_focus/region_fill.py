"""Fill a region of a picture smoothly from its border: Laplace's equation, as MATLAB's ``regionfill`` solves it."""

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

DIRECT = 100_000
"""Unknown pixels that are solved for exactly; more are filled from coarse to fine."""
SWEEPS = 4
"""Rounds of Jacobi's method at each finer size."""

_CROSS = np.float32([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4


def region_fill(image, mask):
    """Replace the pixels of a region by the smoothest continuation of those around it.

    Inside the region the result has a Laplacian of zero: every pixel is the mean of its four neighbors (at the
    picture's border, of those that exist).

    Up to `DIRECT` unknown pixels the equations are solved exactly. Beyond, the picture at half the size, without what
    is hidden, is filled first, enlarged, and smoothed by a few rounds of Jacobi's method: what is left of the error is
    smooth and small, and the memory is that of a few copies of the picture.

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
    fill = _solve if np.count_nonzero(mask) <= DIRECT else _fill_coarse_to_fine
    return fill(image, mask)


def _solve(image, mask):
    """Sparse LU of the Laplacian, with the pixels around the region as the right side."""
    filled = image.copy()
    unknown = np.flatnonzero(mask)
    number = np.full(mask.size, -1)
    number[unknown] = np.arange(len(unknown))
    height, width = mask.shape
    row, column = np.divmod(unknown, width)
    values = image.reshape(mask.size, -1).astype(np.float64)

    degree, right, pairs = np.zeros(len(unknown)), np.zeros((len(unknown), values.shape[1])), []
    for offset, inside in ((-1, column > 0), (1, column < width - 1), (-width, row > 0), (width, row < height - 1)):
        here = np.flatnonzero(inside)
        there = unknown[here] + offset
        degree[here] += 1
        known = number[there] < 0
        right[here[known]] += values[there[known]]
        pairs.append((here[~known], number[there[~known]]))
    rows, columns = (np.concatenate(side) for side in zip(*pairs, strict=True))
    laplacian = sparse.diags(degree) - sparse.coo_matrix(
        (np.ones(len(rows)), (rows, columns)), (len(unknown), len(unknown))
    )
    solution = splu(laplacian.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(right)
    filled.reshape(mask.size, -1)[unknown] = solution
    return filled


def _fill_coarse_to_fine(image, mask):
    """Fill at half the size first; a cell of the smaller picture is known by its known pixels alone."""
    height, width = mask.shape
    half = (max(width // 2, 1), max(height // 2, 1))
    known = (~mask).astype(image.dtype)
    share = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    visible = image * (known if image.ndim == 2 else known[..., None])
    small = cv2.resize(visible, half, interpolation=cv2.INTER_AREA)
    hidden = share < 1e-6
    small /= np.where(hidden, 1, share).reshape(share.shape + (1,) * (image.ndim - 2))
    guess = cv2.resize(region_fill(small, hidden), (width, height), interpolation=cv2.INTER_LINEAR)
    inside = mask if image.ndim == 2 else mask[..., None]
    filled = np.where(inside, guess, image)
    for _ in range(SWEEPS):
        np.copyto(filled, cv2.filter2D(filled, -1, _CROSS, borderType=cv2.BORDER_REPLICATE), where=inside)
    return filled
