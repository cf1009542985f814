"""Frames of different exposure and white balance, matched to one of them.

A camera on automatic exposes each frame anew. More light multiplies the light of a pixel, and a
curve of gamma makes of it ``a (v + c) - c`` in each channel, with c = 0 for a plain power and 0.055
for sRGB. One c between them is within a gray level of both. It leaves one number, which the means
of small parts of the picture give: blur does not change a mean.
"""

import cv2
import numpy as np

CELLS = 16
"""Parts along the longer side whose means are compared."""
OFFSET = 0.03
"""c."""
CLIPPED = 0.04
"""Means as near to black or white as this hold values that may have been cut off."""
TRIMMED = 0.15
"""Part of the cells, at either end, that is left out: something moved, or focus lets a light spread far."""
SEEN = 0.75 / 255
"""Change of a medium gray that no frame is touched for."""


def match(reference, frame, inside=None):
    """Find how a frame has to be changed to have the exposure and white balance of another.

    Parameters
    ----------
    reference, frame : (H, W[, 3]) float32 ndarray
        In [0, 1], of one scene, aligned.
    inside : (H, W) ndarray, optional
        0 where one of them has nothing to show.

    Returns
    -------
    (C,) float32 ndarray or None
        a of each channel; None where the frames match.

    Examples
    --------
    >>> frame = np.random.default_rng(0).random((60, 80, 3), np.float32) * np.float32(0.6) + np.float32(0.1)
    >>> match(1.2 * (frame + OFFSET) - OFFSET, frame).round(3)
    array([1.2, 1.2, 1.2], dtype=float32)
    >>> match(frame, frame) is None
    True
    """
    height, width = frame.shape[:2]
    scale = min(1, CELLS / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    there, here = (_small(each, size) for each in (reference, frame))
    if inside is not None:
        whole = cv2.resize(np.float32(inside), size, interpolation=cv2.INTER_AREA).ravel() > 0.999
        there, here = there[whole], here[whole]
    gains = np.array([_gain(x, y) for x, y in zip(here.T, there.T, strict=True)], np.float32)
    return gains if 0.5 * np.abs(gains - 1).max() > SEEN else None


def apply(frame, gains):
    """Change a frame as `match` says; what would be brighter than white is white."""
    if gains is None:
        return frame
    gains = gains if frame.ndim == 3 else gains[0]
    return np.clip(gains * (frame + np.float32(OFFSET)) - np.float32(OFFSET), 0, 1)


def _small(image, size):
    """A small copy as a list of pixels, (pixels, channels)."""
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(size[0] * size[1], -1)


def _gain(x, y):
    """a of ``y = a (x + c) - c``, by the means of the cells that agree."""
    good = (np.minimum(x, y) > CLIPPED) & (np.maximum(x, y) < 1 - CLIPPED)
    if not good.any():
        return 1.0
    x, y = x[good] + OFFSET, y[good] + OFFSET
    ratio = y / x
    low, high = np.quantile(ratio, [TRIMMED, 1 - TRIMMED])
    middle = (ratio >= low) & (ratio <= high)
    return float(y[middle].sum() / x[middle].sum())
