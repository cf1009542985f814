"""Generalized unsharp masking (GUM, Deng 2011): contrast and sharpness, each raised by itself, never out of range.

The photo is split into a base, its median, and the detail that is left. The base gets more contrast, the detail a
gain that is large where it is faint, and both are put together again. Sums, differences and multiples are those of
a log-ratio system whose numbers are the open interval (0, 1): with ``psi(x) = (1 - x) / x`` adding multiplies psi,
so that no sum leaves the interval. Since ``log psi = -logit``, they are ordinary sums of logits.
"""

import math

import numpy as np
from scipy import ndimage
from scipy.special import expit, logit

from lib import images
from lib.enhancement.clahe import clahe
from lib.enhancement.planes import on_planes

WINDOW = 7
"""Side of the median's window, pixels."""
TILES = 8
"""Local histograms across and down, as far as each has..."""
MIN_TILE = 64
"""...this many pixels a side: with few counts in a bin the clip limit means nothing."""
GUARD = 1 / 510
"""Black and white have no logit: they count as half a gray level of 8 bits away from it."""


def gum(image, strength=7.0, contrast=5e-4, color="luminance"):
    """Sharpen a photo by generalized unsharp masking.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    strength : float
        gamma_max, the gain of the faintest detail, 1 or more; the strongest has the gain 1. 0 switches the method
        off, its contrast too. The paper's lambda is read as this number.
    contrast : float
        Clip limit of the histograms, 0 to 1, on the scale of MATLAB's `adapthisteq`, 0 for no change of contrast.
        The paper's kappa is read as this number.
    color : {"luminance", "channels"}
        Sharpen the luma, which keeps the hues, or each channel.

    References
    ----------
    G. Deng, "A generalized unsharp masking algorithm", IEEE Transactions on Image Processing, 2011.

    Examples
    --------
    >>> spot = np.full((9, 9), 0.5, np.float32)
    >>> spot[4, 4] = 0.52
    >>> print(gum(spot, contrast=0)[4, 3:6].round(2))
    [0.5 0.6 0.5]
    """
    image = images.check_image(image)
    images.check_not_negative(strength=strength, contrast=contrast)
    if 0 < strength < 1 or contrast > 1:
        msg = (
            f"Expected a strength of 0 or from 1 up and a contrast of 0 to 1, got {strength} and {contrast}: "
            "a gain below 1 would blur."
        )
        raise ValueError(msg)
    if strength == 0:
        return image.copy()
    return on_planes(image, lambda plane: _sharpen(plane, strength, contrast), color)


def _sharpen(plane, strength, contrast):
    x = np.clip(plane, GUARD, 1 - GUARD)
    y = ndimage.median_filter(x, WINDOW, mode="reflect")
    v = recombine(x, y, np.clip(enhance_contrast(y, contrast), GUARD, 1 - GUARD), strength)
    return v + (plane - x)  # what the guard took: black stays black


def recombine(x, y, z, strength):
    """Base plus amplified detail: v = z (+) gamma(d) (x) d with d = x (-) y.

    x is the photo, y its base, z the base with more contrast, all in (0, 1) as is v; ``strength`` is gamma_max.
    """
    d = subtract(x, y)
    return add(z, scale(detail_gain(d, strength), d))


def add(x, y):
    """x (+) y = 1 / (1 + psi(x) psi(y)), of numbers in (0, 1); 0.5 is the zero."""
    return expit(logit(x) + logit(y))


def subtract(x, y):
    """x (-) y = 1 / (1 + psi(x) / psi(y))."""
    return expit(logit(x) - logit(y))


def scale(factor, x):
    """factor (x) x = 1 / (1 + psi(x)^factor)."""
    return expit(factor * logit(x))


def detail_gain(d, strength):
    """gamma(d): ``strength`` where the detail d is nothing (0.5), falling to 1 where it is all (0 or 1)."""
    beta = (strength - 1) / (1 - math.exp(-1))
    return strength - beta + beta * np.exp(-np.sqrt(np.abs(2 * d - 1)))


def enhance_contrast(base, clip_limit):
    """More contrast for the base, (H, W) float32 in [0, 1], by `clahe`.

    It stays as it is where there is no contrast to raise: a constant, or less than `MIN_TILE` pixels a side.
    """
    tiles = [min(TILES, length // MIN_TILE) for length in base.shape]
    if clip_limit == 0 or min(tiles) == 0 or base.min() == base.max():
        return base
    return clahe(base, clip_limit, tiles)


METHODS = {"gum": gum}
