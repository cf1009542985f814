"""The fusion of this book: gradients decide where there is texture, the defocus map where there is none.

Each frame gets a share of the gradient energy around a pixel. The defocus maps enter as a little
energy of their own, so that they decide where the photo has nothing to say. The largest share
takes the pixel, alone: in the photos that exist a pixel is sharp or it is not, and a mixture of
sharp and blurred is neither.
"""

import cv2
import numpy as np

from lib.fusion.stack import as_image, check_maps, check_shape, fill, frames, luma, per_channel, small_regions

UNDECIDED = -1
"""Label of pixels where all frames are alike."""


def fuse(stack, blur_maps=None, feather=1.5, **options):
    """Fuse frames by gradient energy and defocus maps.

    The order of the frames does not matter. Pixels where two frames have equally large shares take
    the frame of the nearest pixel that is decided; where nothing is, the frames are averaged.

    Parameters
    ----------
    stack : sequence of (H, W[, 3]) ndarray
        In [0, 1]; gone through three times, a frame at a time.
    blur_maps : sequence of (H, W) ndarray, optional
        Sigma in pixels, one for each frame, e.g. of `lib.blur_map.estimate`; gone through twice.
        Without them all frames are equally likely where there is no texture.
    feather : float
        Pixels: sigma of the Gaussian that blends frames into each other at the borders of their regions.
    **options
        As in `decide`.

    Returns
    -------
    (H, W[, 3]) float32 ndarray
        In [0, 1].

    Raises
    ------
    ValueError
        If the stack is none, see `lib.fusion.stack.frames`, or the maps do not fit it.

    Examples
    --------
    >>> texture = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    >>> blurred = cv2.GaussianBlur(texture, (0, 0), 2)
    >>> left, right = np.array(texture), np.array(texture)
    >>> left[:, 30:], right[:, :30] = blurred[:, 30:], blurred[:, :30]
    >>> fused = fuse([left, right])
    >>> bool(np.abs(fused - texture)[:, :20].max() < 1e-6), bool(np.abs(fused - texture)[:, -20:].max() < 1e-6)
    (True, True)
    """
    labels = decide(stack, blur_maps, **options)
    fused = 0.0
    for number, frame in enumerate(frames(stack)):
        fused = fused + per_channel(weight(labels, number, len(stack), feather), frame) * frame
    return as_image(fused)


def decide(stack, blur_maps=None, scales=(2.0, 4.0), tau=3e-5, temperature=1.0, vote=3.0, smallest=0.005):
    """Which frame each pixel is taken from.

    The share of frame n is the mean over the scales of

        (E_n + tau * P_n) / (sum of E + tau),  P_n = exp(-M_n / temperature) / sum of exp(-M / temperature)

    with the gradient energy E of the scale and the map M. Shares add up to 1, and so does P, the
    probability of each frame by the maps alone.

    Parameters
    ----------
    stack, blur_maps
        As in `fuse`.
    scales : sequence of float
        Sigma of the Gaussians over which the squared gradient is averaged, pixels.
    tau : float
        Energy that the maps are worth, in squares of the gradient per pixel: 3e-5 is a slope of 1.4
        gray levels of 255 a pixel, about that of noise.
    temperature : float
        Difference of sigma, pixels, that the maps take seriously.
    vote : float
        Sigma of the Gaussian over which neighbors' shares are averaged, pixels.
    smallest : float
        Part of the picture that a region has at least; smaller ones are given to their surroundings.

    Returns
    -------
    (H, W) int32 ndarray
        Number of the frame, from 0, or `UNDECIDED` everywhere.
    """
    if blur_maps is not None:
        check_maps(stack, blur_maps)
    maps = [None] * len(stack) if blur_maps is None else blur_maps
    total = total_evidence = 0.0
    for frame, blur_map in zip(frames(stack), maps, strict=True):
        total = total + _energy(frame, scales)
        total_evidence = total_evidence + _evidence(blur_map, frame, temperature)
    best = labels = None
    for number, (frame, blur_map) in enumerate(zip(frames(stack), maps, strict=True)):
        prior = _evidence(blur_map, frame, temperature) / total_evidence
        share = ((_energy(frame, scales) + tau * prior) / (total + tau)).mean(axis=0)
        share = _blur(share, vote)
        if best is None:
            best, labels = share, np.zeros(share.shape, np.int32)
        else:
            labels[share > best] = number
            labels[share == best] = UNDECIDED
            np.maximum(best, share, out=best)
    labels = fill(labels, labels == UNDECIDED)
    area = smallest * labels.size
    small = np.zeros(labels.shape, bool)
    for number in range(len(stack)):
        small |= small_regions(labels == number, area)
    return fill(labels, small)


def weight(labels, number, count, feather=1.5):
    """Weight of a frame; the weights of all frames add up to 1.

    Parameters
    ----------
    labels : (H, W) int ndarray
        Of `decide`.
    number : int
        Of the frame, from 0.
    count : int
        How many frames there are.
    feather : float
        As in `fuse`.

    Returns
    -------
    (H, W) float32 ndarray
    """
    chosen = np.float32(labels == number)
    chosen[labels == UNDECIDED] = 1 / count
    return _blur(chosen, feather)


def _energy(frame, scales):
    """Squared gradient of the luma, averaged over each scale: (scales, H, W) float32."""
    gray = np.float32(luma(frame))
    across, down = (cv2.Sobel(gray, -1, dx, 1 - dx, scale=1 / 8, borderType=cv2.BORDER_REFLECT) for dx in (1, 0))
    squared = across**2 + down**2
    return np.stack([_blur(squared, scale) for scale in scales])


def _evidence(blur_map, frame, temperature):
    """How likely a frame is by its map, not normalized; the same for all frames without maps."""
    if blur_map is None:
        return np.ones(frame.shape[:2], np.float32)
    check_shape(blur_map, frame)
    return np.exp(-np.asarray(blur_map, np.float32) / np.float32(temperature))


def _blur(image, sigma):
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT) if sigma else image


METHODS = {"defocus": fuse}
