"""The paper's own fusion (section 5.3, eqs. 13 to 16): each pixel from the frame whose defocus map is lowest there."""

import numpy as np

from lib.fusion.stack import as_image, check_maps, check_shape, frames, luma, per_channel
from lib.guided_filter import guided_filter

STEP = 4
"""Pixels from one window of the blur map to the next, in Fig. 15."""


def fuse(stack, blur_maps, radius=7, epsilon=1e-3, delta=1e-6):
    """Fuse frames by their refined blur maps (eq. 13).

    Parameters
    ----------
    stack
        As in `lib.fusion.fuse`; gone through once.
    blur_maps : sequence of (H, W) ndarray
        M_n: sigma in pixels, e.g. of `lib.refinement.refine`; gone through twice.
    radius, epsilon, delta
        As in `weights`.

    Examples
    --------
    The left half is sharp in the first frame, the right half in the second.

    >>> sharp, blurred = np.ones((30, 40)), np.zeros((30, 40))
    >>> left = np.repeat([[0.0, 3.0]], 30, axis=0).repeat(20, axis=1)
    >>> fused = fuse([sharp, blurred], [left, 3 - left])
    >>> np.round(fused[0, [0, 39]], 5) + 0.0
    array([1., 0.], dtype=float32)
    """
    fused, total = 0.0, 0.0
    for frame, weight in _weighted(stack, blur_maps, radius, epsilon, delta):
        fused = fused + per_channel(weight, frame) * frame
        total = total + weight
    return as_image(fused / per_channel(total, fused))


def weights(stack, blur_maps, radius=7, epsilon=1e-3, delta=1e-6):
    """The normalized weights of all frames (eqs. 14 to 16).

    Parameters
    ----------
    stack, blur_maps
        As in `fuse`.
    radius, epsilon
        Of the guided filter; its guide is the frame's luma, mirrored at the border.
    delta : float
        Added to each weight before they are normalized. The paper says "small" and no number. The
        filter overshoots a little; what it puts below 0 is cut to 0 first, else a weight could be
        negative and their sum zero.

    Returns
    -------
    (N, H, W) float64 ndarray
        They add up to 1.
    """
    raw = np.stack([weight for _, weight in _weighted(stack, blur_maps, radius, epsilon, delta)])
    return raw / raw.sum(axis=0)


def decisions(blur_maps):
    """D_n of eq. 14: True where a map has the lowest value of all, in turn for each map.

    Where several maps share the lowest value all of them are True, and their frames are averaged.

    Examples
    --------
    >>> [d.tolist() for d in decisions([np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])])]
    [[True, True, False], [False, True, True]]
    """
    lowest = None
    for blur_map in blur_maps:
        lowest = np.array(blur_map) if lowest is None else np.minimum(lowest, blur_map, out=lowest)
    for blur_map in blur_maps:
        yield blur_map == lowest


def _weighted(stack, blur_maps, radius, epsilon, delta):
    """Each frame with the numerator of its weight, eqs. 15 and 16."""
    check_maps(stack, blur_maps)
    for frame, decision in zip(frames(stack), decisions(blur_maps), strict=True):
        check_shape(decision, frame)
        weight = guided_filter(np.float64(decision), luma(frame), radius, epsilon)
        yield frame, np.maximum(weight, 0) + delta


METHODS = {"paper": fuse}
