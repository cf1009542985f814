"""Shallow depth of field as the authors' released code computes it, which is not what the paper's text says."""

import numpy as np

from lib import images
from lib.guided_filter import guided_filter
from lib.region_fill import region_fill
from lib.shallow_focus.paper import check_strength, combine, resize
from lib.shallow_focus.weights import PEAK, weight_map

FILLED = 0.01
"""Where the weight is above this, the photo counts as subject and is kept out of the background."""


def shallow_released(
    image,
    blur_map,
    c0=0.5,
    c1=1.75,
    limits=None,
    radius=7,
    epsilon=128,
    iterations=3,
    scale=0.25,
    sharpening=0.2,
    strength=1.0,
):
    """Eqs. 11 and 12 with the released code's B: the subject is removed before the background is blurred.

    The map is rescaled, by its own range, to 0..10 before eq. 12; `c0` and `c1` are on that scale. The sharpened photo
    is S = I + 0.2 (I - B), of the same B.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    blur_map : (H, W) ndarray
        M, sigma in pixels or in any other unit.
    c0, c1 : float
        As in `weight_map`.
    limits : (float, float), optional
        Values of the map that become 0 and 10; by default its least and its greatest. (The code takes them
        from the map before its refinement, so that the refined one can leave 0..10 a little.)
    radius, epsilon, iterations, scale
        As in `background`.
    sharpening, strength : float
        As in `shallow_paper`.

    Examples
    --------
    >>> photo = np.random.default_rng(0).random((32, 40), np.float32)
    >>> blur = np.tile(np.linspace(0, 9, 40), (32, 1))  # from left to right
    >>> out = shallow_released(photo, blur)
    >>> bool(out[:, 30:].std() < 0.2 * photo.std() < out[:, :2].std())
    True
    """
    image = images.check_image(image)
    W = weight_map(rescale(images.check_map(blur_map, image), limits), c0, c1)
    if check_strength(strength) == 0:
        return image.copy()
    B = background(image, W, radius, epsilon, iterations, scale)
    return combine(image, W, image + np.float32(sharpening) * (image - B), B, strength)


def rescale(blur_map, limits=None):
    """A map rescaled so that `limits`, by default its range, become 0 and 10; a constant one becomes 0."""
    low, high = limits or (blur_map.min(), blur_map.max())
    if not low <= high:
        msg = f"Expected limits (low, high) of the map, got {limits}."
        raise ValueError(msg)
    if low == high:
        return np.zeros_like(blur_map)
    return (blur_map - np.float32(low)) * np.float32(PEAK / (high - low))


def background(image, W, radius=7, epsilon=128, iterations=3, scale=0.25):
    """B of eq. 11 in the released code: the background alone, continued under the subject and then blurred.

    Where ``W > 0.01`` the photo is replaced by `region_fill`. Each round then reduces the picture, filters it under the
    guide W (reduced too), and enlarges it again. The guide is in [0, 1] and its variance below 1/4, so an epsilon of
    128 leaves nothing of its edges: each round is, in effect, two box means.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    W : (H, W) ndarray in [0, 1]
    radius : int
        Of the filter's window at the reduced size; the code's window has 15 pixels.
    epsilon : float
        Squared units of the guide.
    iterations : int
    scale : float
        Of the reduced size.

    Returns
    -------
    (H, W[, 3]) float32 ndarray
        Can leave [0, 1] a little.
    """
    B = region_fill(image, W > FILLED)
    guide = resize(W, scale=scale)
    for _ in range(iterations):
        small = np.atleast_3d(resize(B, scale=scale))
        small = [guided_filter(np.ascontiguousarray(plane), guide, radius, epsilon, border="replicate")
                 for plane in small.transpose(2, 0, 1)]  # fmt: skip
        B = resize(np.stack(small, axis=-1), size=W.shape).reshape(image.shape)
    return B
