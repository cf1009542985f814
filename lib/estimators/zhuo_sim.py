"""Zhuo and Sim 2011: blur at the edges, from two gradients, spread by the matting Laplacian.

At an edge the gradient of a step blurred by sigma, filtered again by Gaussians of s1 and s2, has the ratio
``R = sqrt((sigma^2 + s2^2) / (sigma^2 + s1^2))``. Solved for sigma that is the blur at the edge.
"""

import math

import cv2
import numpy as np

from lib import images
from lib.estimators._method import Method, at_working_size
from lib.matting import interpolate

METHOD = Method(title="Zhuo-Sim", unit="sigma", blurrier="larger", working_pixels=400_000)

RATIO = 1.5
"""s2 / s1."""
LOWEST_RATIO = 1.01
"""Edges with a smaller R are too blurred, or not isolated: their value is left out."""
EPSILON = 1e-7
"""Of the matting Laplacian."""
SPARSE_RADIUS, SPARSE_SIGMA = 10, 5.0
"""Window and spatial Gaussian of the joint bilateral filter, pixels."""


def estimate(image, edge_threshold=0.01, sigma=1.0, weight=0.001, max_blur=10.0, variant="paper"):
    """Estimate the defocus map of a photo (Zhuo and Sim, Pattern Recognition 2011).

    Photos of more than 0.4 megapixels are estimated at that size, see `at_working_size`.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    edge_threshold : float
        e, of the Canny edges, as a share of the strongest gradient.
    sigma : float
        s1, scale of the first gradient, pixels.
    weight : float
        lambda of the interpolation.
    max_blur : float
        M, the largest sigma, pixels.
    variant : {"paper", "released"}
        Weights of the joint bilateral filter, see `smooth_at_edges`.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, 0 to M times the reduction. A photo without edges gets 0.

    Examples
    --------
    >>> step = np.zeros((40, 60), np.float32)
    >>> step[:, 30:] = 1
    >>> blurred = cv2.GaussianBlur(step, (0, 0), 3)
    >>> bool(abs(estimate(blurred)[20, 30] - 3) < 0.1)
    True
    """
    if variant not in ("paper", "released"):
        msg = f"Expected variant 'paper' or 'released', got {variant!r}."
        raise ValueError(msg)

    def full_map(image):
        gray = images.to_gray(image).astype(np.float64)
        sparse = blur_at_edges(gray, find_edges(gray, sigma, edge_threshold), sigma, max_blur)
        sparse = smooth_at_edges(sparse, image, 0.1 * max_blur, variant)
        return np.clip(interpolate(sparse, sparse > 0, image, weight, EPSILON), 0, max_blur)

    return at_working_size(full_map, images.check_image(image), METHOD)


def find_edges(gray, sigma, threshold):
    """Canny's edges, (H, W) bool, by the derivatives of a Gaussian of `sigma` pixels.

    As in MATLAB, thresholds are shares of the strongest gradient, the lower 0.4 of the upper.
    """
    dx, dy = gradient(gray, sigma, _radius(sigma))
    strongest = np.hypot(dx, dy).max()
    if strongest < 1e-6:  # what rounding leaves of a flat picture
        return np.zeros(gray.shape, bool)
    # OpenCV wants derivatives in 16 bits; it squares them, so that the strongest may have no more than this.
    dx, dy = (np.rint(d * (20_000 / strongest)).astype(np.int16) for d in (dx, dy))
    return cv2.Canny(dx, dy, 0.4 * threshold * 20_000, threshold * 20_000, L2gradient=True) > 0


def gradient(gray, sigma, radius, border=cv2.BORDER_REPLICATE):
    """Derivatives in x and y of a picture smoothed by a Gaussian: two (H, W) float64 ndarrays."""
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    smooth = np.exp(-(x**2) / (2 * sigma**2))
    derive = x * smooth / (2 * np.pi * sigma**4)
    return (
        cv2.sepFilter2D(gray, -1, derive, smooth, borderType=border),
        cv2.sepFilter2D(gray, -1, smooth, derive, borderType=border),
    )


def gradient_ratio(gray, scales, radii, border=cv2.BORDER_REPLICATE):
    """R: how much weaker the gradient is at the second scale than at the first; 0 where there is none."""
    first, second = (
        np.hypot(*gradient(gray, scale, radius, border)) for scale, radius in zip(scales, radii, strict=True)
    )
    return np.divide(first, second, out=np.zeros_like(first), where=second > 0)


def ratio_to_sigma(ratio, s1, s2):
    """Sigma of the edge that has this ratio, 1 < ratio <= s2 / s1."""
    return np.sqrt((s2**2 - ratio**2 * s1**2) / (ratio**2 - 1))


def blur_at_edges(gray, edges, sigma, max_blur):
    """Sigma at the edges, at most `max_blur` pixels; 0 elsewhere and where the ratio makes no sense: (H, W) float64."""
    s1, s2 = sigma, RATIO * sigma
    ratio = gradient_ratio(gray, (s1, s2), (_radius(s1), _radius(s2)))
    found = edges & (ratio > LOWEST_RATIO) & (ratio <= s2 / s1)
    sparse = np.zeros(gray.shape)
    sparse[found] = np.minimum(ratio_to_sigma(ratio[found], s1, s2), max_blur)
    return sparse


def smooth_at_edges(sparse, image, range_sigma, variant="paper"):
    """Joint bilateral filter of the values at the edges, guided by the photo's colors.

    The authors' released code measures the difference of a neighbor's three channels from the *first* channel of the
    center, and multiplies the weights by exp(-sigma of the neighbor), which favors sharp ones. The paper's text
    has neither.

    Parameters
    ----------
    sparse : (H, W) ndarray
        Sigma in pixels; what is not above 1e-4 is unknown and stays 0.
    image : (H, W[, 3]) ndarray
    range_sigma : float
        Of the Gaussian over color differences.
    variant : {"paper", "released"}

    Returns
    -------
    (H, W) float64 ndarray
    """
    row, column = np.nonzero(sparse > 1e-4)
    colors = np.atleast_3d(image).astype(np.float64)
    colors = np.broadcast_to(colors, (*sparse.shape, 3))
    center = colors[row, column] if variant == "paper" else colors[row, column, :1]
    total, weights = np.zeros(len(row)), np.zeros(len(row))
    reach = range(-SPARSE_RADIUS, SPARSE_RADIUS + 1)
    for dy in reach:
        for dx in reach:
            y, x = row + dy, column + dx
            inside = (y >= 0) & (y < sparse.shape[0]) & (x >= 0) & (x < sparse.shape[1])
            near = np.flatnonzero(inside)
            near = near[sparse[y[near], x[near]] > 1e-4]
            value = sparse[y[near], x[near]]
            difference = ((colors[y[near], x[near]] - center[near]) ** 2).sum(axis=1)
            exponent = (dy**2 + dx**2) / (2 * SPARSE_SIGMA**2) + difference / (2 * range_sigma**2)
            weight = np.exp(-exponent - (value if variant == "released" else 0))
            total[near] += weight * value
            weights[near] += weight
    smoothed = np.zeros(sparse.shape)
    smoothed[row, column] = total / weights
    return smoothed


def _radius(sigma):
    return 2 * math.ceil(2 * sigma) + 1
