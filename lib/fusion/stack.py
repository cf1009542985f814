"""What the fusion methods share: going through a stack of frames, luma, and regions of a label map."""

import cv2
import numpy as np
from scipy import ndimage

from lib import images


def frames(stack):
    """Iterate over the frames of a stack, each checked, one in memory at a time.

    A stack is any sequence whose items are pictures. One that reads its items from files, as that of
    ``defocus fuse``, lets a method go through any number of frames in the memory of a few.

    Parameters
    ----------
    stack : sequence of (H, W[, 3]) float ndarray
        In [0, 1], two or more, of one shape.

    Yields
    ------
    (H, W[, 3]) float32 or float64 ndarray

    Raises
    ------
    ValueError
        If there are fewer than two frames, or one is no picture or of another shape.

    Examples
    --------
    >>> [frame.shape for frame in frames([np.zeros((4, 5)), np.ones((4, 5))])]
    [(4, 5), (4, 5)]
    """
    if len(stack) < 2:
        msg = f"Expected two or more frames to fuse, got {len(stack)}; add one that is focused elsewhere."
        raise ValueError(msg)
    shape = None
    for number, frame in enumerate(stack, start=1):
        checked = images.check_image(frame, f"frame {number}")
        shape = shape or checked.shape
        if checked.shape != shape:
            msg = f"Expected frames of one shape, got {shape} and, for frame {number}, {checked.shape}; crop or align."
            raise ValueError(msg)
        # A float64 picture keeps its digits: the published methods are checked to the last of them.
        yield np.asarray(frame) if np.asarray(frame).dtype == np.float64 else checked


def check_maps(stack, blur_maps):
    """Raise a ValueError unless there is a blur map for each frame."""
    if len(blur_maps) != len(stack):
        msg = f"Expected a blur map for each of {len(stack)} frames, got {len(blur_maps)}."
        raise ValueError(msg)


def check_shape(blur_map, frame):
    """Raise a ValueError unless a map, (H, W), is as large as a frame."""
    if np.shape(blur_map) != frame.shape[:2]:
        msg = f"Expected blur maps of the frames' shape {frame.shape[:2]}, got {np.shape(blur_map)}."
        raise ValueError(msg)


def luma(image, rounded=False):
    """Luma of a frame, (H, W) float64 in [0, 1], with the weights of Rec. 601.

    It may be rounded to 8 bit, as where a program converts 8 bit color to 8 bit gray.

    Examples
    --------
    >>> 255 * luma(np.array([[[1.0, 0.5, 0.5]]]), rounded=True)
    array([[166.]])
    """
    gray = np.asarray(image, np.float64)
    gray = gray if gray.ndim == 2 else gray @ images.GRAY_WEIGHTS
    return np.floor(255 * gray + 0.5) / 255 if rounded else gray


def per_channel(weight, image):
    """A weight (H, W) in a shape that multiplies an image (H, W[, 3])."""
    return weight if image.ndim == 2 else weight[..., None]


def as_image(values):
    """Clip a result to [0, 1], in float32."""
    return np.clip(values, 0, 1).astype(np.float32)


def small_regions(mask, area):
    """The regions of a mask, (H, W) bool, of fewer than `area` pixels; neighbors in all 8 directions belong together.

    Examples
    --------
    >>> small_regions(np.array([[True, False, True, True]]), area=2)
    array([[ True, False, False, False]])
    """
    _, region, stats, _ = cv2.connectedComponentsWithStats(np.uint8(mask), connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < area
    small[0] = False  # region 0 is what is outside the mask
    return small[region]


def fill(labels, holes):
    """Give each pixel of the holes, (H, W) bool, the label of the nearest that is none; all holes stay as they are.

    Examples
    --------
    >>> fill(np.array([[4, 7, 7, 9]]), np.array([[False, True, True, False]]))
    array([[4, 4, 9, 9]])
    """
    if holes.all() or not holes.any():
        return labels
    nearest = ndimage.distance_transform_edt(holes, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]
