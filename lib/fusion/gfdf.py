"""GFDF, "Guided filter-based multi-focus image fusion through focus region detection" (Qiu et al. 2019).

Focus is how much a frame differs from its own local mean. The frame with the most is taken, small
regions are given to their surroundings, and a guided filter softens the borders.
"""

import numpy as np

from lib.fusion.stack import as_image, fill, frames, luma, per_channel, small_regions
from lib.guided_filter import box_mean, guided_filter


def fuse(stack, radius=5, epsilon=0.3, window=7, smallest=0.01):
    """Fuse frames as published; more than two are a straightforward extension.

    Of frames that are equally sharp the last is taken, as in the published program.

    Parameters
    ----------
    stack
        As in `lib.fusion.fuse`; gone through three times.
    radius, epsilon
        Of both guided filters.
    window : int
        Side of the mean's window, pixels.
    smallest : float
        Part of the picture that a region has at least.

    References
    ----------
    Qiu, Li, Zhang and Yuan, "Guided filter-based multi-focus image fusion through focus region
    detection", Signal Processing: Image Communication 72, 2019.

    Examples
    --------
    >>> flat = np.full((40, 50), 0.5)
    >>> bool(np.allclose(fuse([flat, flat]), 0.5))
    True
    """
    labels = decide(stack, radius, epsilon, window, smallest)
    guide = sum((labels == number) * luma(frame) for number, frame in enumerate(frames(stack)))
    fused = 0.0
    for number, frame in enumerate(frames(stack)):
        fused = fused + per_channel(weight(labels == number, guide, radius, epsilon), frame) * frame
    return as_image(fused)


def decide(stack, radius=5, epsilon=0.3, window=7, smallest=0.01):
    """Which frame each pixel is taken from: (H, W) int32, its number, from 0; parameters as in `fuse`."""
    most = labels = None
    for number, frame in enumerate(frames(stack)):
        gray = luma(frame)
        rough = np.abs(gray - box_mean(gray, window // 2, border="replicate"))
        focus = guided_filter(rough, gray, radius, epsilon, border="shrink")
        if most is None:
            most, labels = focus, np.zeros(focus.shape, np.int32)
        else:
            labels[focus >= most] = number
            np.maximum(most, focus, out=most)
    area = int(np.ceil(smallest * labels.size))
    for number in range(len(stack)):
        labels = fill(labels, small_regions(labels == number, area))
    return labels


def weight(chosen, guide, radius=5, epsilon=0.3):
    """Weight of a frame: the mask of its pixels, filtered. Not clipped; the weights of all frames add up to 1."""
    return guided_filter(np.float64(chosen), guide, radius, epsilon, border="shrink")


METHODS = {"gfdf": fuse}
