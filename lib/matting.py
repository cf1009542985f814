"""Filling in a map that is known at some pixels, along the colors of the photo (Levin, Lischinski and Weiss 2008)."""

import functools
import importlib.util
import os

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from lib import storage
from lib.guided_filter import linear_models

DIRECT = 40_000
"""Up to so many pixels the equations are solved by elimination, beyond by conjugate gradients."""
TOLERANCE = 0.02
"""Where those stop, relative to the right-hand side: leaves a map in pixels a mean error of less than 0.01."""
WINDOW = 9
"""Pixels of the Laplacian's windows."""


def interpolate(values, trust, image, weight, epsilon):
    """Solve ``(L + weight * D) x = weight * D * values``: a map near `values` where trusted, smooth along the colors.

    L is the matting Laplacian of windows of 3x3 pixels, D the diagonal matrix of `trust`.

    Parameters
    ----------
    values : (H, W) ndarray
        Read where trusted.
    trust : (H, W) ndarray
        0 for unknown to 1, or bool.
    image : (H, W) or (H, W, 3) ndarray in [0, 1]
    weight : float
        lambda, how far the trusted values are believed.
    epsilon : float
        Added to the variances of the colors in a window.

    Returns
    -------
    (H, W) float32 ndarray
        Zero when nothing is trusted.
    """
    if not np.any(trust):
        return np.zeros(trust.shape, np.float32)
    diagonal = weight * trust.ravel().astype(np.float64)
    right = diagonal * values.ravel()
    equations = (laplacian(image, epsilon) + sparse.diags(diagonal)).tocsc()
    if trust.size <= DIRECT:
        x = splu(equations, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(right)
    else:
        start = np.full(trust.size, right.sum() / diagonal.sum())
        pymatting = _pymatting()
        multigrid = pymatting.vcycle(equations, trust.shape)
        x = pymatting.cg(equations, right, x0=start, M=multigrid, rtol=TOLERANCE, maxiter=2000)
    return x.reshape(trust.shape).astype(np.float32)


def laplacian(image, epsilon):
    """The matting Laplacian of a picture, sparse (H W, H W).

    It does not change when the colors are rotated. Their principal axes are used, since along them PyMatting's
    inverse of the 3x3 covariances, by determinants, keeps its digits where a photo has hardly any color.
    """
    colors = np.atleast_3d(image).astype(np.float64)
    colors = np.broadcast_to(colors, (*colors.shape[:2], 3)).reshape(-1, 3)
    centered = colors - colors.mean(axis=0)
    axes = np.linalg.eigh(centered.T @ centered)[1]
    rotated = np.ascontiguousarray((centered @ axes).reshape(*np.shape(image)[:2], 3))
    return _pymatting().cf_laplacian(rotated, WINDOW * epsilon)


@functools.cache
def _pymatting():
    """PyMatting, imported when it is asked for; Numba keeps what it compiles for it where it may write."""
    (folder,) = importlib.util.find_spec("pymatting").submodule_search_locations
    if not storage.is_writable(folder) and not storage.is_writable(os.path.expanduser("~/.cache/numba")):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(storage.scratch()))
    return importlib.import_module("pymatting")


def upsample(x, image, larger, epsilon):
    """Carry a map to a larger version of the photo that it belongs to (Levin et al.).

    The linear functions of the colors that a guided filter of 3x3 pixels fits to the map are enlarged instead of the
    map, and applied to the larger photo.

    Parameters
    ----------
    x : (h, w) float32 ndarray
    image : (h, w[, 3]) float32 ndarray
    larger : (H, W[, 3]) float32 ndarray
    epsilon : float
        Added to the variances of the colors in a window.

    Returns
    -------
    (H, W) float32 ndarray
    """
    slope, offset = linear_models(x, image, 1, epsilon)
    functions = cv2.resize(np.dstack([slope, offset]).astype(np.float32), larger.shape[1::-1])
    return (functions[..., :-1] * np.atleast_3d(larger)).sum(axis=2) + functions[..., -1]
