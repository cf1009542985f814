"""The Laplacian pyramid (Burt and Adelson 1983): band by band, the detail of the frame that has more of it.

A pyramid holds what a picture loses when it is halved, size after size, and what is left at last.
Here is also what `lib.fusion.ours` builds on: pictures into pyramids and back.
"""

import cv2
import numpy as np

from lib.fusion.stack import as_image, frames, luma

LEVELS = 6
"""Bands of a large picture; the coarsest has structures of about 64 pixels."""


def fuse(stack, levels=LEVELS, window=5):
    """Fuse frames with the usual choice, by local energy, and the mean of what is left.

    Of frames that have equal energy the first is taken.

    Parameters
    ----------
    stack
        As in `lib.fusion.fuse`; gone through once.
    levels : int
        Bands; small pictures have fewer.
    window : int
        Side of the square over which the squared detail is averaged, pixels of the level.

    References
    ----------
    Burt and Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Communications 31(4), 1983.

    Examples
    --------
    >>> texture = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    >>> left, right = (cv2.GaussianBlur(texture, (0, 0), 2) for _ in "AB")
    >>> left[:, :30], right[:, 30:] = texture[:, :30], texture[:, 30:]
    >>> fused = fuse([left, right])
    >>> bool(np.abs(fused - texture).mean() < 0.2 * np.abs(left - texture).mean())
    True
    """
    most = bands = None
    rest = 0.0
    for frame in frames(stack):
        *details, base = split(np.float32(frame), levels)
        energies = [
            cv2.blur(band**2, (window, window), borderType=cv2.BORDER_REFLECT) for band in split(luma(frame), levels)
        ]
        rest = rest + base / len(stack)
        if most is None:
            most, bands = energies, details
            continue
        for level, (energy, detail) in enumerate(zip(energies[:-1], details, strict=True)):
            better = energy > most[level]
            bands[level][better] = detail[better]
            np.maximum(most[level], energy, out=most[level])
    return as_image(join([*bands, rest]))


def split(image, levels=LEVELS):
    """The Laplacian pyramid of a picture.

    Parameters
    ----------
    image : (H, W[, 3]) ndarray
    levels : int
        Bands at most: a picture is halved only while its shorter side has four pixels or more.

    Returns
    -------
    list of ndarray
        From fine to coarse, float32, each half as large as the one before; the last is what is left.

    Examples
    --------
    >>> [band.shape for band in split(np.zeros((100, 30)))]
    [(100, 30), (50, 15), (25, 8), (13, 4), (7, 2)]
    """
    image = np.float32(image)
    bands = []
    while len(bands) < levels and min(image.shape[:2]) >= 4:
        half = cv2.pyrDown(image)
        bands.append(image - _enlarge(half, image))
        image = half
    return [*bands, image]


def join(bands):
    """The picture of a pyramid: `split` undone.

    Examples
    --------
    >>> image = np.random.default_rng(0).random((37, 50, 3), np.float32)
    >>> bool(np.allclose(join(split(image)), image, atol=1e-6))
    True
    """
    *details, image = bands
    for band in reversed(details):
        image = band + _enlarge(image, band)
    return image


def _enlarge(image, like):
    return cv2.pyrUp(image, dstsize=like.shape[1::-1])


METHODS = {"pyramid": fuse}
