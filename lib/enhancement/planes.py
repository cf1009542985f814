"""What the sharpening methods share: how a method for one plane treats a color photo."""

import numpy as np

from lib import images

COLORS = ("luminance", "channels")
"""What is sharpened: the luma alone, so that hues stay, or red, green and blue each for itself."""


def on_planes(image, sharpen, color="luminance"):
    """Sharpen a photo by a method for single planes; the result is clipped to [0, 1].

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    sharpen : callable
        ``sharpen(plane)``: (H, W) to (H, W), float32; may leave [0, 1].
    color : {"luminance", "channels"}
        See `COLORS`.

    Returns
    -------
    (H, W[, 3]) float32 ndarray in [0, 1]
    """
    if color not in COLORS:
        msg = f"Expected color to be one of {COLORS}, got {color!r}."
        raise ValueError(msg)
    if image.ndim == 2:
        return np.clip(sharpen(image), 0, 1)
    if color == "channels":
        return np.clip(np.dstack([sharpen(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, 2, 0)]), 0, 1)
    luma = images.to_gray(image)
    return replace_luma(image, luma, np.clip(sharpen(luma), 0, 1))


def replace_luma(image, old, new):
    """Give a color photo another luma and leave its hues.

    The same amount is added to red, green and blue, so their differences, and with them the hue, stay.
    Where a channel would leave [0, 1], the color is mixed with the gray of the new luma until it fits: cutting
    off the channel alone would shift the hue, and the luma too.

    Parameters
    ----------
    image : (H, W, 3) float32 ndarray in [0, 1]
    old, new : (H, W) float32 ndarray
        The luma of `image` and the one that it gets, in [0, 1].

    Returns
    -------
    (H, W, 3) float32 ndarray in [0, 1]

    Examples
    --------
    >>> orange = np.array([[[1.0, 0.5, 0.25]]], np.float32)
    >>> luma = images.to_gray(orange)
    >>> darker = replace_luma(orange, luma, luma - 0.25)
    >>> lighter = replace_luma(orange, luma, luma + 0.25)
    >>> print(darker[0, 0], lighter[0, 0].round(2))
    [0.75 0.25 0.  ] [1.   0.83 0.74]
    """
    out = image + (new - old)[..., None]
    outside = (out.min(axis=2) < 0) | (out.max(axis=2) > 1)
    gray = new[outside][:, None]
    chroma = image[outside] - old[outside][:, None]
    # The share of the color that fits above and below the gray; a channel on the gray's side always fits.
    room = np.where(chroma > 0, 1 - gray, gray) / np.maximum(np.abs(chroma), np.finfo(np.float32).tiny)
    out[outside] = gray + np.minimum(room.min(axis=1, keepdims=True), 1) * chroma
    return np.clip(out, 0, 1, out=out)  # the last rounding error
