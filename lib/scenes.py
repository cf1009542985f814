"""Photographs whose truth is known: a scene with its depth, and how it looks out of focus."""

import numpy as np

from lib import images, optics, photos

# Of the motorcycle pair at the size in which scikit-image has it (a quarter), from the
# documentation of `skimage.data.stereo_motorcycle`; four times as much (3979.911 and 124.343) in
# the calib.txt of Middlebury's scene. The baseline does not scale.
MOTORCYCLE_FOCAL_LENGTH = 994.978
"""Focal length, pixels."""
MOTORCYCLE_OFFSET = 31.086
"""Distance of the two principal points in x, pixels."""
MOTORCYCLE_BASELINE = 0.193001
"""Distance of the two cameras, metres."""
MAX_SIGMA = 12.0
"""Blur of what is farthest away, in the photos that are blurred here, pixels."""
NOISE = 0.004
"""Standard deviation of the noise that they get: one gray level."""


def motorcycle():
    """The left picture of scikit-image's motorcycle pair and its depth.

    Depth is ``baseline * focal length / (disparity + offset)``. The 7 % of pixels without a
    disparity are filled first, see `fill_disparity`.

    Returns
    -------
    image : (500, 741, 3) float32 ndarray
        In [0, 1].
    depth : (500, 741) float32 ndarray
        In metres, 2.1 to 5.0.

    References
    ----------
    Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth", GCPR 2014.
    """
    from skimage import data

    disparity = fill_disparity(data.stereo_motorcycle()[2])
    depth = MOTORCYCLE_BASELINE * MOTORCYCLE_FOCAL_LENGTH / (disparity + MOTORCYCLE_OFFSET)
    return photos.load("motorcycle"), depth.astype(np.float32)


def fill_disparity(disparity):
    """Fill the holes of a left view's disparity, row by row, from the background.

    What the right camera does not see is hidden there by something nearer, so a hole belongs to
    the farther of its two sides: it takes the smaller of the nearest disparities to the left and
    to the right. A row of holes takes the nearest row.

    Parameters
    ----------
    disparity : (H, W) ndarray
        Pixels; a hole is NaN, infinite or not positive.

    Returns
    -------
    (H, W) float32 ndarray
        Finite and positive.

    Examples
    --------
    >>> fill_disparity(np.array([[0, 5, np.nan, np.inf, 2]]))
    array([[5., 5., 2., 2., 2.]], dtype=float32)
    """
    known = np.isfinite(disparity) & (disparity > 0)
    if not known.any():
        msg = "Expected a disparity map with known values, got holes only."
        raise ValueError(msg)
    values = np.where(known, disparity, np.inf).astype(np.float32)
    filled = np.minimum(_from_left(values), _from_left(values[:, ::-1])[:, ::-1])
    rows = np.flatnonzero(known.any(axis=1))
    nearest = np.abs(np.arange(len(values))[:, None] - rows).argmin(axis=1)
    return filled[rows[nearest]]


def _from_left(values):
    """Each infinite value replaced by the nearest finite one to its left, where there is one."""
    columns = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(columns, axis=1), axis=1)


def defocus(image, nearness, max_sigma=MAX_SIGMA, noise=NOISE, seed=0):
    """Blur a sharp photo by a known map, by the optical model (`optics.render`).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        Sharp, in [0, 1].
    nearness : (H, W) ndarray
        Inverse depth, 1 where the camera is focused, 0 at infinity, where sigma is `max_sigma`.
    max_sigma, noise, seed
        Pixels; standard deviation of the sensor's noise, and its seed.

    Returns
    -------
    photo : (H, W[, 3]) float32 ndarray
    sigma : (H, W) float32 ndarray
        The true map, pixels: ``max_sigma * (1 - nearness)``.

    Examples
    --------
    >>> photo, sigma = defocus(np.full((20, 30), 0.5), np.tile(np.linspace(0, 1, 30), (20, 1)))
    >>> print(sigma[0, [0, -1]])
    [12.  0.]
    """
    sigma = np.float32(max_sigma) * (1 - np.asarray(nearness, np.float32))
    return optics.render(image, sigma, noise=noise, seed=seed), sigma


def stack(image, depth, count=2, spread=5.0, noise=0.0):
    """Photograph a scene with the focus at `count` distances from near to far.

    The focus goes through the depths in even steps of blur, from near the nearest to near the
    farthest point (the 5th and 95th percentile of 1 / depth). The aperture is as wide as `spread`
    needs it.

    Parameters
    ----------
    image : (H, W, 3) ndarray
        In [0, 1].
    depth : (H, W) ndarray
        Metres.
    count : int
        Of frames.
    spread : float
        Sigma, in pixels, of the farthest focus at the depth of the nearest.
    noise
        As in `optics.render`.

    Returns
    -------
    frames : list of (H, W, 3) float32 ndarray
        In [0, 1], rounded to 8 bit, the nearest focus first.
    sigmas : list of (H, W) float32 ndarray
        The true blur of each, pixels.

    Examples
    --------
    >>> image, depth = np.full((40, 60, 3), 0.5, np.float32), np.tile(1 / np.linspace(1, 0.3, 60), (40, 1))
    >>> frames, (near, far) = stack(image, depth)
    >>> f"{near[0, 0]:.1f} {near[0, -1]:.1f} {far[0, 0]:.1f} {far[0, -1]:.1f}"
    '0.3 5.3 5.3 0.3'
    """
    farthest, nearest = np.percentile(1 / np.float64(depth), [5, 95])
    frames, sigmas = [], []
    for number, focus in enumerate(np.linspace(nearest, farthest, count)):
        sigma = spread * (focus - 1 / np.float64(depth)) / (nearest - farthest)
        frame = optics.render(image, sigma, noise=noise, seed=number)
        frames.append(images.to_uint8(frame) / np.float32(255))
        sigmas.append(np.float32(np.abs(sigma)))
    return frames, sigmas
