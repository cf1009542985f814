"""The interval: as wide as it must be, and a map that is filled where it is wide.

The training's scenes hold more that nobody can tell than photos do, so the network's interval is too wide: `narrow`.
On a wall without texture it is wide all the same, and the median little more than a habit: `fill`.
"""

import numpy as np

from lib import filling

NARROWER = 0.6
"""Of the network's interval, so that it holds 80 % of the pixels. Chosen on the nine rendered scenes
`public_sets.SCENES`; those of `public_sets.MIDDLEBURY_2006` and the camera's photos report whether it does."""
HALF_WEIGHT = 0.45
"""Relative width of the interval, see `trust`, at which a pixel counts half as much in the filling. This and the next
were chosen on scenes made of the dev photos."""
HALF_KEPT = 0.55
"""Relative width at which a pixel takes half of its value from the filling."""


def narrow(sigma, low, high):
    """Draw the ends of the interval towards the median, by the same share of their distance in roots of sigma.

    Parameters
    ----------
    sigma, low, high : (H, W) float32 ndarray
        The network's answer, pixels.

    Returns
    -------
    sigma, low, high : (H, W) float32 ndarray
        The first as it was, and between the others.

    Examples
    --------
    >>> high = narrow(*(np.full((1, 1), end, np.float32) for end in (4, 4, 9)))[2]
    >>> bool(np.isclose(high, (2 + NARROWER) ** 2))
    True
    """
    median = np.float32(1 - NARROWER) * np.sqrt(sigma)
    low, high = (np.square(median + np.float32(NARROWER) * np.sqrt(end)) for end in (low, high))
    return sigma, np.minimum(low, sigma, out=low), np.maximum(high, sigma, out=high)  # and not a rounding error beyond


def trust(sigma, low, high, half=None):
    """How far each pixel is believed: (H, W) float32, 0 to 1, and 1/2 where the interval's relative width is `half`.

    By default that is `HALF_KEPT`.
    Relative is the width to the root of sigma: as it is, it would make every blurred pixel count less than a sharp one.
    """
    half = HALF_KEPT if half is None else half
    width = np.sqrt(high)
    width -= np.sqrt(low)
    width /= np.float32(half) * (np.sqrt(sigma) + np.float32(0.5))
    width *= width
    return 1 / (1 + np.square(width, out=width))


def fill(sigma, low, high, image):
    """Fill the map where the interval is wide from where it is narrow, along the colors of the photo.

    Parameters
    ----------
    sigma, low, high : (H, W) float32 ndarray
        From `narrow`, pixels.
    image : (H, W[, 3]) float32 ndarray
        In [0, 1].

    Returns
    -------
    (H, W) float32 ndarray
        `sigma` where its interval is narrow, and within the interval everywhere.
    """
    filled = filling.fill(sigma, trust(sigma, low, high, HALF_WEIGHT), trust(sigma, low, high), image)
    return np.clip(filled, low, high, out=filled)
