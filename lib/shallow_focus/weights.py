"""From blur to weights: eq. 12, which splits a photo into what stays sharp and what is blurred further."""

import numpy as np

from lib import images

PEAK = 10
"""The blur at which eq. 12 reaches zero, in units of the map."""


def solve(c0=1.0, c1=7.0, W0=0.999, W1=0.001):
    """Sigma and gamma of eq. 12, from the weights at two values of the map.

    With ``|c - 10|`` written as a, eq. 12 says ``(a / sigma) ** gamma = -ln(1 - W)``. Two such equations, divided by
    each other, leave gamma.

    Parameters
    ----------
    c0, c1 : float
        Values of the map: in focus up to `c0`, out of focus from `c1` on. ``c0 < c1 < 10``.
    W0, W1 : float
        The weights there, ``1 > W0 > W1 > 0``.

    Returns
    -------
    sigma, gamma : float

    Raises
    ------
    ValueError
        If the values are not in this order.

    Examples
    --------
    The parameters of the authors' released code:

    >>> sigma, gamma = solve(c0=0.5, c1=1.75)
    >>> f"sigma {sigma:.5f}, gamma {gamma:.4f}"
    'sigma 9.21146, gamma 62.6594'
    """
    if not -np.inf < c0 < c1 < PEAK:
        msg = f"Expected c0 < c1 < {PEAK}, got c0 = {c0} and c1 = {c1}: in focus is the smaller blur."
        raise ValueError(msg)
    if not 0 < W1 < W0 < 1:
        msg = f"Expected 0 < W1 < W0 < 1, got W0 = {W0} and W1 = {W1}: the weight falls with the blur."
        raise ValueError(msg)
    exponent0, exponent1 = -np.log1p(-W0), -np.log1p(-W1)
    gamma = np.log(exponent0 / exponent1) / np.log((PEAK - c0) / (PEAK - c1))
    sigma = (PEAK - c0) / exponent0 ** (1 / gamma)
    return float(sigma), float(gamma)


def weight_map(blur_map, c0=1.0, c1=7.0, W0=0.999, W1=0.001):
    """Eq. 12: the weight of the sharpened photo at each pixel; the rest is the weight of the blurred one.

    As printed, eq. 12 rises again beyond 10, symmetrically, and would sharpen a pixel with a blur of 19 as much as one
    with a blur of 1. What is meant cannot be that: here the weight stays at 0 from 10 on.

    Parameters
    ----------
    blur_map : (H, W) ndarray
        M, sigma in pixels. (The released code rescales M to 0..10 first, see `released`.)
    c0, c1, W0, W1 : float
        As in `solve`.

    Returns
    -------
    (H, W) float32 ndarray
        W, in [0, 1].

    Raises
    ------
    ValueError
        If the map is no finite (H, W) array, or the parameters do not fit `solve`.

    Examples
    --------
    >>> weight_map(np.array([[0.0, 1.0, 5.0, 7.0, 19.0]])).round(3)
    array([[1.   , 0.999, 0.059, 0.001, 0.   ]], dtype=float32)
    """
    blur_map = images.check_map(blur_map)
    sigma, gamma = solve(c0, c1, W0, W1)
    distance = PEAK - np.minimum(blur_map, np.float32(PEAK))
    with np.errstate(over="ignore"):  # an infinite exponent is a weight of 1
        return -np.expm1(-((distance / np.float32(sigma)) ** np.float32(gamma)))
