"""The fusion of this book: decide where one frame is surely the sharper one, blend where none is.

A *decision* copies each pixel from one frame. Where it is right nothing is better, and what it
copies it copies to the last bit. A *blend* puts bands of a Laplacian pyramid together from all
frames. Nothing is better at outlines, where what one frame shows beside an edge is hidden by blur in
the other, between two focal planes, and in noise. Both are made here, from the same evidence, the
energy of detail above that of noise, and each is used where it is the better one. Small things are
tried: a sharp picture, blurred, looks like an unsharp one, and an unsharp one, blurred, does not look sharp.
"""

from typing import NamedTuple

import cv2
import numpy as np

from lib.fusion import pyramid
from lib.fusion.stack import as_image, check_maps, check_shape, fill, frames, luma, per_channel, small_regions

SCALES = (2.0, 4.0)
"""Sigma of the Gaussians over which the squared gradient is averaged, pixels."""
VOTE = 3.0
"""Sigma of the Gaussian over which neighbors' shares are averaged, pixels."""
FINE = 1.0
"""Sigma of the Gaussian over which the energy of a band is averaged, pixels of its level."""
CLEAR = 20.0
"""How many times the energy of noise counts as evidence."""
REGION = 0.01
"""Part of the picture that a region has at least; smaller ones are tried, see `_try_small`."""
TRIALS, NARROW = (1.0, 2.0, 4.0), 0.6
"""Sigmas by which one picture is blurred to look like another; and that over which their difference is averaged."""
TRIAL_CLEAR = 60.0
"""How many times the energy of noise counts in a trial."""
LEAD = 0.5
"""Lead at which what the neighbors' vote has not found is tried, too."""
EVIDENCE = 8.0, 3.0
"""What a small region needs to stay: so many pixels' worth of a lead, and so many times the square root of its area."""
FEATHER = 1.25
"""Sigma of the Gaussian that softens the borders of the regions, pixels; its kernel adds up to 1 to the last bit."""
BORDER = 3
"""Pixels to each side of a border between two regions in which the decision is not sure."""
MAJORITY = (0.4, 0.5)
"""Share of the evidence at which a decision begins to count, and counts in full."""
AGREEMENT = 5 / 255, 15 / 255
"""Difference up to which a blend adds nothing to a decision without a majority, and to one at a border; at twice
that it is believed."""
BLOCK, SMOOTHEST = 16, 0.1
"""Side in pixels of the blocks in which noise is measured, and the part of them that holds nothing else."""
ROUNDING, VISIBLE = 0.5 / 255, 1.5 / 255
"""Standard deviation of the least noise that a file has, and of that from which on it is worth averaging."""
DOUBT = 10.0
"""Times the noise, in energy, that a decision has to be clear by to be half as good as a blend."""
BIAS = 0.25
"""Weight of noise beside that of blur in a blend: the sharpest frame is blurred too, so what others lack is more."""

NEAR = np.ones((3, 3), np.uint8)
"""A blend is nowhere brighter or darker than all frames are in these pixels around: no halos."""

_GRAY_NOISE = 0.447
"""Variance of the luma of noise that has variance 1 in each channel."""
_BAND_NOISE = (0.892, 0.053, 0.0097, 0.0023, 0.0005, 0.0001)
"""Variance of each band of a pyramid of noise of variance 1."""
_GRADIENT_NOISE = 0.375
"""Mean squared gradient of noise of variance 1: two Sobel filters over 8."""


def fuse(stack, blur_maps=None):
    """Fuse frames: decided where the evidence is clear, blended where it is not.

    Where all frames are the same the result is, and a stack that is darker by a factor gives the same
    result, darker by it.

    Parameters
    ----------
    stack : sequence of (H, W[, 3]) ndarray
        In [0, 1]; gone through six times at most, a frame at a time.
    blur_maps : sequence of (H, W) ndarray, optional
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
    survey = _survey(stack)
    labels, majority, above_noise = _decide(stack, blur_maps, survey)
    decided, total, bands, lowest, highest = 0.0, None, None, np.inf, -np.inf
    for number, frame in enumerate(frames(stack)):
        decided = decided + per_channel(_blur(np.float32(labels == number), FEATHER), frame) * frame
        lowest, highest = np.minimum(lowest, cv2.erode(frame, NEAR)), np.maximum(highest, cv2.dilate(frame, NEAR))
        gray, weights, parts = luma(frame), [], pyramid.split(frame)
        for level, band in enumerate(pyramid.split(gray)[:-1]):
            weights.append(_blend_weight(band, survey, level))
        weights.append(np.ones(parts[-1].shape[:2], np.float32))
        parts = [per_channel(weight, part) * part for weight, part in zip(weights, parts, strict=True)]
        bands = parts if bands is None else [a + b for a, b in zip(bands, parts, strict=True)]
        total = weights if total is None else [a + b for a, b in zip(total, weights, strict=True)]
    blend = pyramid.join([band / per_channel(w, band) for band, w in zip(bands, total, strict=True)])
    change = np.clip(blend, lowest, highest) - decided
    size = (np.abs(change) if change.ndim == 2 else np.abs(change).max(axis=2)) / survey.peak
    unsure = [
        (1 - good) * np.clip(size / least - 1, 0, 1)
        for good, least in zip((majority, _inside(labels)), AGREEMENT, strict=True)
    ]
    decision = above_noise * (1 - np.maximum(*unsure))
    return as_image(decided + per_channel(1 - decision, change) * change)


def decide(stack, blur_maps=None):
    """Which frame each pixel is taken from, where one is.

    The neighbors vote by their *shares* of the evidence. The share of frame n is the mean over `SCALES` of

        (E_n + tau * P_n) / (sum of E + tau),  P_n = exp(-M_n) / sum of exp(-M)

    with the gradient energy E of the scale, the map M and an energy tau just above that of noise. Shares
    add up to 1, and so does P, the probability of each frame by the maps alone. Small regions stay by a
    trial, not by their size: blurred, a sharp picture looks like an unsharp one, and never the other way.

    Parameters
    ----------
    stack
        As in `fuse`.
    blur_maps : sequence of (H, W) ndarray, optional
        Sigma in pixels, one for each frame, e.g. of `lib.blur_map.estimate`; gone through twice. They
        decide where there is no texture; without them all frames are equally likely there.

    Returns
    -------
    (H, W) int32 ndarray
        Number of the frame, from 0.
    """
    return _decide(stack, blur_maps, _survey(stack))[0]


class _Survey(NamedTuple):
    """What a first look at all frames tells."""

    peak: float
    """The brightest luma: evidence counts relative to it, so that a dark stack is fused as a bright one is."""
    noise: float
    """Variance of the noise in each channel, that of rounding at least."""
    gradients: list
    """Of each scale, the sum of all frames' gradient energy."""
    highest: list
    """Of each band, the highest energy of a frame."""
    leader: np.ndarray
    """The frame that has it in the finest band."""
    second: np.ndarray
    """The second highest energy there."""


def _survey(stack):
    peak, noise, gradients, highest = 0.0, np.inf, 0.0, None
    for number, frame in enumerate(frames(stack)):
        gray = np.float32(luma(frame))
        peak, noise = max(peak, float(gray.max())), min(noise, _noise(gray))
        gradients = gradients + _gradient_energy(gray)
        energies = _finest(gray, pyramid.LEVELS)
        if highest is None:
            highest, leader, second = energies, np.zeros(gray.shape, np.int32), np.zeros(gray.shape, np.float32)
            continue
        ahead = energies[0] > highest[0]
        leader[ahead] = number
        second = np.where(ahead, highest[0], np.maximum(second, energies[0]))
        highest = [np.maximum(a, b) for a, b in zip(highest, energies, strict=True)]
    peak = peak or 1.0
    noise = max(noise, (ROUNDING * peak) ** 2)
    return _Survey(peak, noise, gradients, highest, leader, second)


def _decide(stack, blur_maps, survey):
    """The labels; and, in [0, 1], how much of the evidence is theirs, and how good they are beside a mean."""
    tau = CLEAR * _GRAY_NOISE * _GRADIENT_NOISE * survey.noise
    votes = labels = fine = None
    for number, (frame, prior) in enumerate(zip(frames(stack), _priors(stack, blur_maps), strict=True)):
        gray = np.float32(luma(frame))
        share = ((_gradient_energy(gray) + tau * prior) / (survey.gradients + tau)).mean(axis=0)
        share, finest = _blur(share, VOTE), _finest(gray)[0]
        if votes is None:
            votes, labels, fine = share, np.zeros(gray.shape, np.int32), finest
            continue
        better = share > votes
        votes[better], fine[better], labels[better] = share[better], finest[better], number
    majority = np.clip((votes - MAJORITY[0]) / (MAJORITY[1] - MAJORITY[0]), 0, 1)
    other = np.where(labels == survey.leader, survey.second, survey.highest[0])
    return _try_small(stack, labels, survey), majority, _above_noise(fine, other, survey)


def _priors(stack, blur_maps):
    """Of each frame, how likely it is by its map; equally likely without maps."""
    if blur_maps is None:
        return [1 / len(stack)] * len(stack)
    check_maps(stack, blur_maps)
    total = sum(_likely(blur_map, frame) for blur_map, frame in zip(blur_maps, frames(stack), strict=True))
    return (_likely(blur_map, total) / total for blur_map in blur_maps)


def _likely(blur_map, frame):
    check_shape(blur_map, frame)
    return np.exp(-np.asarray(blur_map, np.float32))


def _try_small(stack, labels, survey):
    """The labels, with small regions only where a trial by blur is for them.

    They are tried against the picture of the large regions alone.
    """
    area = int(np.ceil(REGION * labels.size))
    large = fill(labels, np.any([small_regions(labels == number, area) for number in range(len(stack))], axis=0))
    picture = sum(np.float32(luma(frame)) * (large == number) for number, frame in enumerate(frames(stack)))
    tried = large.copy()
    for number, frame in enumerate(frames(stack)):
        lead = _lead(np.float32(luma(frame)), picture, survey.noise)
        for candidates in (labels == number, lead > LEAD):
            mask = np.uint8(candidates & (large != number))
            count, region, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            least, per_width = EVIDENCE
            needed = np.maximum(least, per_width * np.sqrt(stats[:, cv2.CC_STAT_AREA]))
            strong = np.bincount(region.ravel(), lead.ravel(), count) >= needed
            tried[strong[region] & (region > 0)] = number
    return tried


def _lead(picture, other, noise):
    """By how much better a picture, blurred, looks like another than that one, blurred, like it: from -1 to 1."""
    like, unlike = _likeness(other, picture), _likeness(picture, other)
    return (like - unlike) / (like + unlike + np.float32(TRIAL_CLEAR * _GRAY_NOISE * noise))


def _likeness(picture, other):
    """Squared difference of a picture, blurred as is best for each pixel, from another."""
    return np.min([_blur((_blur(picture, sigma) - other) ** 2, NARROW) for sigma in TRIALS], axis=0)


def _inside(labels):
    """1 away from the borders of the regions, 0 at them."""
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BORDER + 1, 2 * BORDER + 1))
    inside = np.float32(cv2.morphologyEx(np.float32(labels), cv2.MORPH_GRADIENT, window) == 0)
    return np.clip(2 * _blur(inside, BORDER / 2) - 1, 0, 1)


def _above_noise(fine, other, survey):
    """How much a decision is worth beside the mean of all frames: 1 without noise, little where there is only noise.

    What a decision gains is the detail that the other frames lack, averaged over a wide neighborhood;
    what it loses is the noise that a mean would take away.
    """
    of_noise = _GRAY_NOISE * _BAND_NOISE[0] * survey.noise
    loss = DOUBT * max(of_noise - _GRAY_NOISE * _BAND_NOISE[0] * (VISIBLE * survey.peak) ** 2, 0)
    if loss == 0:
        return np.ones_like(fine)
    amplitude, other = (np.sqrt(np.maximum(energy - of_noise, 0)) for energy in (fine, other))
    gain = _blur(np.maximum(amplitude - other, 0) ** 2, 8.0)
    return gain / (gain + np.float32(loss))


def _blend_weight(band, survey, level):
    """Weight of a frame in a band, not normalized.

    With amplitudes a_n of the bands and noise of variance N, the mean of two frames that errs least
    about the larger amplitude, weights the smaller by N / (N + (max a - a_n)^2) of the larger's
    weight: all of it where only noise is different, and nothing where there is no noise.
    """
    noise = np.float32(_GRAY_NOISE * _BAND_NOISE[level] * survey.noise)
    highest, own = (np.sqrt(np.maximum(e - noise, 0)) for e in (survey.highest[level], _energy(band)))
    return BIAS * noise / (BIAS * noise + (highest - own) ** 2)


def _noise(gray):
    """Variance of the noise of a frame in each channel, by its finest diagonal detail in the smoothest of its blocks.

    Blocks without any detail do not count: they are clipped, or drawn.
    """
    if min(gray.shape) < 2:
        return 0.0
    detail = (gray[:-1, :-1] - gray[1:, :-1] - gray[:-1, 1:] + gray[1:, 1:]) / 2
    blocks = (max(detail.shape[1] // BLOCK, 1), max(detail.shape[0] // BLOCK, 1))
    energy = cv2.resize(detail**2, blocks, interpolation=cv2.INTER_AREA)
    energy = energy[energy > 0]
    return float(np.quantile(energy, SMOOTHEST)) / _GRAY_NOISE if energy.size else 0.0


def _gradient_energy(gray):
    """Squared gradient, averaged over each scale: (scales, H, W) float32."""
    across, down = (cv2.Sobel(gray, -1, dx, 1 - dx, scale=1 / 8, borderType=cv2.BORDER_REFLECT) for dx in (1, 0))
    squared = across**2 + down**2
    return np.stack([_blur(squared, scale) for scale in SCALES])


def _finest(gray, levels=1):
    """Energies of the bands of a pyramid; a picture too small for one has no detail."""
    return [_energy(band) for band in pyramid.split(gray, levels)[:-1]] or [np.zeros_like(gray)]


def _energy(band):
    """Squared detail, averaged narrowly."""
    return _blur(band**2, FINE)


def _blur(image, sigma):
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


METHODS = {"defocus": fuse}
