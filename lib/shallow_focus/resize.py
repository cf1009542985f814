"""Bicubic resizing as MATLAB's ``imresize`` does it: antialiased, borders mirrored."""

import numpy as np
from scipy import sparse

SUPPORT = 4
"""Width of the cubic kernel, samples."""


def resize(image, size=None, scale=None):
    """Resize a picture by the cubic kernel of Keys (a = -1/2), widened where it shrinks.

    Parameters
    ----------
    image : (H, W[, C]) float32 or float64 ndarray
    size : (int, int), optional
        Height and width of the result.
    scale : float, optional
        Factor of both sides, in place of `size`; the result has ``ceil(scale * side)`` pixels.

    Returns
    -------
    (h, w[, C]) ndarray
        Of the type of `image`. Can leave its range a little.

    Raises
    ------
    ValueError
        If not one of `size` and `scale` is given, or it is not positive.

    Examples
    --------
    >>> resize(np.ones((12, 20), np.float32), scale=0.25).shape
    (3, 5)

    References
    ----------
    Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29, 1981.
    """
    image = np.asarray(image)
    if (size is None) == (scale is None) or min(size or (scale,)) <= 0:
        msg = f"Expected a positive size or scale, and one of them only, got size {size} and scale {scale}."
        raise ValueError(msg)
    if size is None:
        size = tuple(int(np.ceil(scale * side)) for side in image.shape[:2])
    scales = [scale or new / old for new, old in zip(size, image.shape[:2], strict=True)]
    for axis in np.argsort(scales, kind="stable"):  # the stronger reduction first
        weights = _weights(image.shape[axis], size[axis], scales[axis]).astype(image.dtype)
        moved = np.moveaxis(image, axis, 0)
        resized = weights @ moved.reshape(moved.shape[0], -1)
        image = np.moveaxis(resized.reshape(size[axis], *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(image)


def _weights(old, new, scale):
    """Sparse (new, old) matrix: how much each old sample counts in each new one."""
    stretch = min(scale, 1)
    width = SUPPORT / stretch
    center = (np.arange(new) + 0.5) / scale - 0.5
    taps = np.floor(center - width / 2)[:, None] + np.arange(1, int(np.ceil(width)) + 2)
    weights = _cubic(stretch * (center[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(old), np.arange(old)[::-1]])
    columns = mirrored[taps.astype(int) % (2 * old)]
    rows = np.broadcast_to(np.arange(new)[:, None], columns.shape)
    return sparse.csr_matrix((weights.ravel(), (rows.ravel(), columns.ravel())), (new, old))


def _cubic(x):
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))
