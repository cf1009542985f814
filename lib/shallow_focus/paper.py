"""Shallow depth of field as the paper's text has it (section 5.2, eqs. 11 and 12)."""

import numpy as np
from PIL import Image

from lib import images
from lib.enhancement.unsharp_mask import unsharp_mask
from lib.guided_filter import guided_filter
from lib.shallow_focus.weights import weight_map

WORKING_PIXELS = 2_000_000
"""Photos with more pixels are smoothed at a reduced size."""


def shallow_paper(
    image,
    blur_map,
    c0=1.0,
    c1=7.0,
    radius=33,
    epsilon=128,
    iterations=5,
    sharpening=0.25,
    strength=1.0,
):
    """Sharpen what is in focus and smooth the rest: R = W S + (1 - W) B (eq. 11).

    W is the `weight_map` (eq. 12), S the photo under `unsharp_mask` (eq. 7), and B the photo `smooth`-ed.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    blur_map : (H, W) ndarray
        M, sigma in pixels.
    c0, c1 : float
        Blur up to which a pixel is in focus, and from which on it is out of focus.
    radius, epsilon, iterations
        Of `smooth`.
    sharpening : float
        lambda of the unsharp masking.
    strength : float
        0 for the photo, 1 for the paper's result, a blend between.

    Examples
    --------
    >>> texture = 0.5 + np.float32(0.02) * np.random.default_rng(0).random((32, 40), np.float32)
    >>> out = shallow_paper(texture, np.full((32, 40), 9.0))  # all out of focus
    >>> bool(out.std() < 0.1 * texture.std())
    True
    """
    image = images.check_image(image)
    W = weight_map(images.check_map(blur_map, image), c0, c1)
    if check_strength(strength) == 0:
        return image.copy()
    B = smooth(image, radius, epsilon, iterations)
    return combine(image, W, unsharp_mask(image, sharpening), B, strength)


def smooth(image, radius=33, epsilon=128, iterations=5):
    """B of eq. 11: a guided filter, repeated in self-guidance.

    The output of each round is the next one's input and guide. Each color channel is its own guide, and borders are
    repeated; the paper says neither. Above `WORKING_PIXELS` the photo is reduced first, the radius with it, and the
    result enlarged: this costs B its finest edges, a pixel or two, in return for a time that hardly grows with the
    photo.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    radius : int
        r, pixels of the full photo.
    epsilon : float
        Squared gray levels of 0..255. What varies less than its root (here 11 levels) is smoothed away.
    iterations : int

    Returns
    -------
    (H, W[, 3]) float32 ndarray
        Can leave [0, 1] a little.
    """
    height, width = image.shape[:2]
    scale = min(1, np.sqrt(WORKING_PIXELS / (height * width)))
    B = resize(image, scale=scale) if scale < 1 else image
    radius = max(1, round(radius * scale))
    planes = []
    for plane in np.atleast_3d(B).transpose(2, 0, 1):
        for _ in range(iterations):
            plane = guided_filter(plane, plane, radius, epsilon / 255**2, border="replicate")
        planes.append(plane)
    B = np.stack(planes, axis=-1).reshape(B.shape)
    return resize(B, size=(height, width)) if scale < 1 else B


def combine(image, W, S, B, strength=1.0):
    """Eq. 11, clipped: R = W S + (1 - W) B, blended with the photo by `strength`.

    Parameters
    ----------
    image, S, B : (H, W[, 3]) ndarray
        The photo, sharpened and smoothed.
    W : (H, W) ndarray in [0, 1]
    strength : float

    Returns
    -------
    (H, W[, 3]) float32 ndarray in [0, 1]
    """
    W = W.reshape(W.shape + (1,) * (image.ndim - 2))
    R = B + W * (S - B)
    if strength != 1:
        R = image + np.float32(strength) * (R - image)
    return np.clip(R, 0, 1, dtype=np.float32)


def check_strength(strength):
    """Return a strength in [0, 1] or raise a ValueError."""
    if not 0 <= strength <= 1:
        msg = f"Expected a strength from 0 (the photo) to 1 (the full effect), got {strength}."
        raise ValueError(msg)
    return strength


def resize(image, size=None, scale=None):
    """Resize a picture by the cubic kernel of Keys (a = -1/2), widened where it shrinks; borders are mirrored.

    Parameters
    ----------
    image : (H, W[, C]) ndarray
    size : (int, int), optional
        Height and width of the result.
    scale : float, optional
        Factor of both sides, in place of `size`; the result has ``ceil(scale * side)`` pixels.

    Returns
    -------
    (h, w[, C]) float32 ndarray
        Can leave the range of `image` a little.

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
    steps = [1 / scale if scale else side / new for new, side in zip(size, image.shape[:2], strict=True)]
    # Pillow's kernel ends at the border; a mirrored margin, as wide as it reaches, lets it see what MATLAB's sees.
    down, across = (int(3 * max(step, 1)) + 2 for step in steps)
    padded = np.pad(image, [(down, down), (across, across), (0, 0)][: image.ndim], "symmetric").astype(np.float32)
    box = (across, down, across + size[1] * steps[1], down + size[0] * steps[0])
    planes = np.moveaxis(np.atleast_3d(padded), 2, 0)
    resized = [Image.fromarray(plane.copy()).resize(size[::-1], Image.Resampling.BICUBIC, box) for plane in planes]
    return np.dstack(resized).reshape(*size, *image.shape[2:])
