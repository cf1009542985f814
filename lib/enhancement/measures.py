"""What the paper shows of sharpened photos by eye, as numbers: halos, noise, sharpness; and the error, given the truth.

All compare a sharpened photo with the photo that it was made from, on the luma, in a region.
"""

import cv2
import numpy as np
from scipy import ndimage
from skimage import filters, metrics

from lib import images
from lib.enhancement.adaptive import FIGURE_11, FULL_SCALE

REGIONS = ("sharp", "middle", "blurred")
EDGE = 0.1
"""Slope of the luma, per pixel, from which on a pixel belongs to an edge."""
REACH = 5
"""Pixels to each side of an edge in which halos are looked for."""
FINE, COARSE = 1.0, 3.0
"""Scales in pixels between which sharpness is measured: below is noise, above are shades."""


def regions(sigma_map, curve=FIGURE_11):
    """Where a photo is sharp, blurred to a medium degree, and blurred, by the places where the gain rises and falls.

    Parameters
    ----------
    sigma_map : (H, W) ndarray
        Sigma in pixels.
    curve : GainCurve
        By default that of Fig. 11: the middle is from 2.85 to 7.6 pixels.

    Returns
    -------
    dict of str to (H, W) bool ndarray
        By the names in `REGIONS`.
    """
    low, high = curve.beta1 * FULL_SCALE, curve.beta2 * FULL_SCALE
    return dict(
        zip(REGIONS, (sigma_map < low, (sigma_map >= low) & (sigma_map < high), sigma_map >= high), strict=True)
    )


def overshoot(photo, sharpened, region=None):
    """Halos: how far pixels beside edges leave the range of the original around them.

    Parameters
    ----------
    photo, sharpened : (H, W[, 3]) float32 ndarray
        In [0, 1].
    region : (H, W) bool ndarray, optional
        Everywhere by default.

    Returns
    -------
    float
        Mean over the pixels within `REACH` of an edge, in gray levels of 255. NaN if there is no edge.

    Examples
    --------
    >>> edge = np.tile(np.float32([0.2] * 10 + [0.8] * 10), (9, 1))
    >>> haloed = edge.copy()
    >>> haloed[:, 9], haloed[:, 10] = 0.1, 0.9
    >>> print(round(overshoot(edge, edge), 2), round(overshoot(edge, haloed), 2))  # 2 of 10 columns off by 25.5
    0.0 4.25
    """
    before, after = images.to_gray(photo), images.to_gray(sharpened)
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    slope = np.hypot(*np.gradient(before)) if min(before.shape) > 1 else np.zeros_like(before)
    near = cv2.dilate(np.uint8(slope > EDGE), window) > 0
    if region is not None:
        near &= region
    beyond = np.maximum(after - cv2.dilate(before, window), cv2.erode(before, window) - after)
    return _mean(255 * np.maximum(beyond, 0), near)


def noise_gain(photo, sharpened, region=None):
    """By which factor the noise has grown, for regions that hold nothing else that is as fine.

    Parameters
    ----------
    photo, sharpened, region
        As in `overshoot`; choose a region that is out of focus.

    Returns
    -------
    float
        Ratio of the two `noise_level`; NaN where the photo has no noise.
    """
    before, after = noise_level(photo, region), noise_level(sharpened, region)
    return after / before if before > 0 else np.nan


def noise_level(photo, region=None):
    """Standard deviation of the noise, by what a filter leaves that takes out all that is smooth (Immerkaer 1996).

    Examples
    --------
    >>> noisy = 0.5 + np.random.default_rng(0).normal(0, 0.02, (200, 200))
    >>> print(round(noise_level(noisy), 3))
    0.02
    """
    mask = np.float64([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    rough = ndimage.convolve(images.to_gray(photo).astype(np.float64), mask)
    return _mean(np.abs(rough), region) * float(np.sqrt(np.pi / 2)) / 6


def sharpness_gain(photo, sharpened, region=None):
    """By which factor structure has grown that is neither as fine as noise nor as coarse as shades.

    Parameters
    ----------
    photo, sharpened, region
        As in `overshoot`.

    Returns
    -------
    float
        Ratio of the root mean squares of both photos after a band-pass from `FINE` to `COARSE`; NaN where the photo
        has no such structure.
    """

    def strength(picture):
        luma = images.to_gray(picture).astype(np.float64)
        return float(np.sqrt(_mean(filters.difference_of_gaussians(luma, FINE, COARSE, mode="reflect") ** 2, region)))

    before, after = strength(photo), strength(sharpened)
    return after / before if before > 0 else np.nan


def psnr(truth, photo, region=None):
    """Peak signal-to-noise ratio against the all-in-focus original, dB, in a region."""
    error = _mean(np.square(truth.astype(np.float64) - photo).reshape(*truth.shape[:2], -1).mean(axis=2), region)
    return np.inf if error == 0 else float(-10 * np.log10(error))


def ssim(truth, photo, region=None):
    """Structural similarity of the luma with the all-in-focus original, mean over a region, 1 at most."""
    _, local = metrics.structural_similarity(images.to_gray(truth), images.to_gray(photo), data_range=1, full=True)
    return _mean(local, region)


def _mean(values, region):
    """Mean over a region, NaN if it is empty."""
    chosen = values if region is None else values[region]
    return float(chosen.mean()) if chosen.size else np.nan
