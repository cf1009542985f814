"""Adaptive unsharp masking (eqs. 8 to 10): the defocus map says how much each pixel is sharpened.

What is sharp already needs no sharpening, and what is blurred beyond repair holds nothing but noise to sharpen. So
the gain is high in between: a sigmoid that rises times one that falls.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from lib import images
from lib.enhancement.unsharp_mask import unsharp_mask

FULL_SCALE = 19.0
"""Sigma in pixels that the paper's parameters call 1."""


@dataclass(frozen=True)
class GainCurve:
    """The gain as a function of the defocus: the parameters of eqs. 8 to 10.

    Parameters
    ----------
    alpha1, beta1 : float
        Speed and place of the rise, for a map divided by `FULL_SCALE`.
    alpha2, beta2 : float
        Speed and place of the fall.
    strength : float
        lambda_max.

    Raises
    ------
    ValueError
        For a value that is negative or not finite.
    """

    alpha1: float
    beta1: float
    alpha2: float
    beta2: float
    strength: float

    def __post_init__(self):
        images.check_not_negative(**vars(self))


FIGURE_10 = GainCurve(alpha1=50, beta1=0.1, alpha2=25, beta2=0.5, strength=1)
"""Fig. 10; its beta2 takes several values that the text does not name, 0.5 is ours."""
FIGURE_11 = GainCurve(alpha1=30, beta1=0.15, alpha2=92, beta2=0.4, strength=2)
"""Fig. 11: sharpens most between a sigma of 2.9 and 7.6 pixels."""


def gain(sigma_map, curve=FIGURE_11):
    """Gain of the sharpening at each pixel: lambda(q) of eqs. 8 to 10.

    Parameters
    ----------
    sigma_map : ndarray
        Defocus map M, sigma in pixels, or any other array of sigma.
    curve : GainCurve

    Returns
    -------
    float32 ndarray
        0 to ``curve.strength``. It is half of that where M is ``beta1`` or ``beta2`` times 19 pixels, if
        the two are far from each other.

    Raises
    ------
    ValueError
        If the map holds NaN or infinity.

    Examples
    --------
    >>> print(gain([[0, 0.15 * 19, 5, 0.4 * 19, 19]]).round(3))
    [[0.022 1.    1.935 0.999 0.   ]]
    """
    M = np.asarray(sigma_map, np.float32) / np.float32(FULL_SCALE)
    if not np.isfinite(M).all():
        msg = "Expected a finite defocus map, got NaN or infinity; mask or fill them first."
        raise ValueError(msg)
    rise = expit(curve.alpha1 * (M - curve.beta1))
    fall = expit(curve.alpha2 * (curve.beta2 - M))  # 1 - expit(x) = expit(-x)
    return curve.strength * rise * fall


def adaptive(image, sigma_map, curve=FIGURE_11, sigma=3.0, color="luminance"):
    """Sharpen a photo where its defocus map says that it pays (section 5.1).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    sigma_map : (H, W) ndarray
        Defocus map, sigma in pixels.
    curve : GainCurve
        By default the paper's parameters of Fig. 11.
    sigma, color
        As in `unsharp_mask`.

    Examples
    --------
    >>> photo = np.random.default_rng(0).random((4, 6), np.float32)
    >>> out = adaptive(photo, [[5, 5, 5, 19, 19, 19]] * 4)  # the right half is out of focus
    >>> bool((out[:, :3] != photo[:, :3]).all()), bool(np.allclose(out[:, 3:], photo[:, 3:]))
    (True, True)
    """
    return unsharp_mask(image, gain(images.check_map(sigma_map, image), curve), sigma, color)


METHODS = {"adaptive": adaptive}
