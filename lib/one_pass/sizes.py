"""A photo at three sizes, and one answer of all.

What is too blurred to be read in a photo, or too large to be taken in, is half as blurred and half as large in the
photo at half its size. At each size the network says how sure it is, and where it is surest counts most.

The constants were chosen on the nine rendered scenes `public_sets.SCENES`, on dev photos in focus and evenly blurred,
and on photos of the Lytro pairs, which at half their size should read half.
"""

import cv2
import numpy as np

from lib import images, patches

REDUCTIONS = (2, 4)
"""The photo is read as it is and, unless told otherwise, made smaller by these."""
LEAST_WIDTH = 0.1
"""Added to the interval's width, by whose fourth power a size counts less. Like the width, in roots of sigma."""
TOO_FINE = 2.0
"""Added, times a reduction less 1, over `NEAR_FOCUS` and the square of sigma at full size: only there little blur
shows."""
NEAR_FOCUS = 0.1
"""Square pixels."""
GREATEST_SIGMA = float(patches.LEVELS - 1)
"""What is read beyond is cut, as by all estimators here, pixels."""
ROWS = 128
"""Combined at a time."""


def reduce(image, by):
    """Make a photo smaller, each pixel the mean of `by` times `by`; what is missing at the end is the last pixel.

    Parameters
    ----------
    image : (H, W, 3) float32 ndarray
    by : int

    Returns
    -------
    (ceil(H / by), ceil(W / by), 3) float32 ndarray

    Examples
    --------
    >>> reduce(np.float32(np.eye(3))[..., None].repeat(3, axis=2), 2)[..., 0].tolist()
    [[0.5, 0.0], [0.0, 1.0]]
    """
    height, width = image.shape[:2]
    if height % by or width % by:  # a copy of a large photo is large
        image = np.pad(image, [(0, -height % by), (0, -width % by), (0, 0)], "edge")
    return cv2.resize(image, (image.shape[1] // by, image.shape[0] // by), interpolation=cv2.INTER_AREA)


def combine(answer, smaller):
    """Take the mean of the answers at all sizes, in roots of sigma, weighted by how sure each is.

    Parameters
    ----------
    answer : (3, H, W) float32 ndarray
        Sigma, low and high at full size, pixels. Overwritten by the result.
    smaller : dict of int to (3, ceil(H / by), ceil(W / by)) float32 ndarray
        Those of the photo made smaller, by reduction, in their own pixels.

    Returns
    -------
    (3, H, W) float32 ndarray

    Examples
    --------
    >>> unsure, sure = np.float32([4, 0, 16]), np.float32([4, 3.9, 4.1])
    >>> answer = np.tile(unsure[:, None, None], (1, 4, 4))
    >>> combine(answer, {2: np.tile(sure[:, None, None], (1, 2, 2))})[0, 0, 0].round(1)
    np.float32(8.0)
    """
    for top in range(0, answer.shape[1], ROWS):
        rows = slice(top, min(top + ROWS, answer.shape[1]))
        part = answer[:, rows]
        too_fine = TOO_FINE / (np.square(part[0]) + NEAR_FOCUS)
        roots = np.sqrt(part)
        total = _weight(roots, 0)
        mean = total * roots
        for by, small in smaller.items():
            large = images.enlarge(small, (by * small.shape[1], by * small.shape[2]), rows)
            roots = np.sqrt(by * large[..., : part.shape[2]])
            weight = _weight(roots, (by - 1) * too_fine)
            total += weight
            mean += weight * roots
        np.minimum(np.square(mean / total), GREATEST_SIGMA, out=part)
    return answer


def _weight(roots, unread):
    return 1 / np.square(np.square(roots[2] - roots[1] + np.float32(LEAST_WIDTH) + unread))
