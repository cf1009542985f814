"""The paper's estimator: a classifier's blur map (section 3.2), refined (section 3.3); and one that adds to it.

The paper classifies windows of the photo as it is. Three things go wrong with that on scenes whose sigma is known. In
32 pixels a sigma of 10 looks much like one of 12, and noise, which is not blurred, looks sharp. Both are better in a
photo of half the size, where sigma is half as large, a window holds four times as much, and averaging has taken half
of the noise. Small sigmas are not: they cannot be told apart there. So ``octaves=2`` estimates at both sizes, takes
small values from the larger, large ones from the smaller, and starts one size lower if the photo is noisy.

And where a window is flat, the answer is a guess. So ``refinement="spread"`` believes each answer as far as there is
texture to judge by, and spreads it along the colors of the photo, as Zhuo and Sim spread what they find at edges.
"""

import functools

import cv2
import numpy as np

from lib import images, patches, paths
from lib.estimators._matting import interpolate, upsample
from lib.estimators._method import Method

# What needs TensorFlow is imported where it is used.

NETWORK = "mobilenet_v2-lens"
"""The network that is taken by default."""
FINE, COARSE = 4.0, 8.0
"""Up to the first sigma the larger of two octaves counts, from the second on the smaller; in its pixels."""
NOISE = 0.004
"""Standard deviation of the noise that a photo may have; more is averaged away first."""
SMALLEST = 64
"""Shortest side of an octave, pixels."""
TEXTURE = 4.0
"""Mean squared gradient, in gray levels of 0 to 255, of a window whose answer is fully believed."""
LEAST_TRUST = 1e-3
"""How far a flat window's answer is believed."""
SPREAD_PIXELS = 25_000
"""Size at which answers are spread: the map is smooth, and that is enough."""
SPREAD_WEIGHT, SPREAD_EPSILON = 0.1, 1e-3
"""Of the matting Laplacian's equations, see `lib.estimators._matting`."""


def shipped():
    """Names of the shipped classifiers: what `lib.classifiers.shipped` says, without loading TensorFlow."""
    return sorted(path.stem for path in paths.WEIGHTS.glob("*.keras"))


METHOD = Method(
    title="ours",
    unit="sigma",
    blurrier="larger",
    variants={name: {"network": name, "octaves": 1, "refinement": "paper"} for name in shipped()},
    titles={name: f"the paper's, {name}" for name in shipped()},
)
"""The variants are the paper's: one for each network, a single octave, the paper's refinement."""


def estimate(image, network=NETWORK, step=8, labels="expected", octaves=2, refinement="spread"):
    """Estimate the defocus map of a photo by classifying its patches (Galetto and Deng 2021).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        In [0, 1].
    network : str or path
        A shipped classifier or a ``.keras`` file.
    step : int
        From one window to the next, pixels of the photo.
    labels : {"hard", "expected"}
        A window's most probable level, as in the paper, or its mean level.
    octaves : {1, 2}
        Sizes at which the photo is classified: as it is, as in the paper, or at half the size too.
    refinement : {"spread", "paper", "released"} or None
        `spread`, or a variant of section 3.3's refinement; None leaves the map in blocks.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, 0 to 19; more where the photo was halved.

    Raises
    ------
    ValueError
        If the image is no image, or an option is none of those above.

    Examples
    --------
    >>> blur = estimate(np.zeros((40, 64, 3), np.float32), "mobilenet_v2-lens", step=16)
    >>> blur.shape, bool(0 <= blur.min() <= blur.max() <= 19)
    ((40, 64), True)
    """
    from lib import blur_map
    from lib.refinement import refine

    if octaves not in (1, 2):
        msg = f"Expected octaves to be 1 or 2, got {octaves!r}."
        raise ValueError(msg)
    gray = images.to_gray(images.check_image(image))

    def classify(gray, step):
        return blur_map.estimate(gray, _network(str(network)), step, labels)

    blur = classify(gray, step) if octaves == 1 else two_octaves(gray, classify, step)
    if refinement is None:
        return blur
    return spread(blur, image) if refinement == "spread" else refine(blur, image, refinement)


def two_octaves(gray, classify, step):
    """Small sigmas from the photo, large ones from the photo at half its size; both halved first if it is noisy.

    Parameters
    ----------
    gray : (H, W) float32 ndarray
        In [0, 1].
    classify : callable
        ``classify(gray, step)`` returns an (H, W) map.
    step : int
        Pixels of the photo.

    Returns
    -------
    (H, W) float32 ndarray
    """

    def at(reduction):
        return _reduced(gray, classify, step, reduction)

    room = min(gray.shape) / SMALLEST
    first = 2 if noise_level(gray) > NOISE and room >= 2 else 1
    if room < 2 * first:
        return at(first)
    fine, coarse = at(first), at(2 * first)
    weight = np.clip((coarse / first - FINE) / (COARSE - FINE), 0, 1)
    return fine + weight * (coarse - fine)


def _reduced(gray, classify, step, reduction):
    """The map of a photo as estimated at a smaller size, in pixels of the photo."""
    if reduction == 1:
        return classify(gray, step)
    height, width = gray.shape
    small = cv2.resize(gray, (width // reduction, height // reduction), interpolation=cv2.INTER_AREA)
    sigma = cv2.resize(classify(small, max(step // reduction, 1)), (width, height)) * reduction
    # Averaging over reduction x reduction pixels is blur too, of this variance.
    return np.sqrt(np.maximum(sigma**2 - (reduction**2 - 1) / 12, 0))


def noise_level(gray):
    """Standard deviation of a photo's noise, from what a mask that sees no planes leaves (Immerkaer 1996).

    The median instead of the mean keeps the photo's own texture out.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0.5, 0.01, (200, 200)).astype(np.float32)
    >>> print(f"{noise_level(noise):.3f}")
    0.010
    """
    difference = np.array([1, -2, 1], np.float32)
    residue = cv2.sepFilter2D(gray, -1, difference, difference)
    return float(np.median(np.abs(residue)) / 0.6745 / 6)


def spread(blur, image, weight=SPREAD_WEIGHT, epsilon=SPREAD_EPSILON):
    """Carry a blur map from where there is texture to where there is none, along the colors of the photo.

    Parameters
    ----------
    blur : (H, W) float32 ndarray
        Sigma in pixels.
    image : (H, W[, 3]) float32 ndarray
        In [0, 1].
    weight : float
        How far textured windows are believed.
    epsilon : float
        Added to the variances of the colors in a window: with more of it a map follows the colors less.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, in the range of `blur`.
    """
    trust = texture(images.to_gray(image))
    reduction = max(np.sqrt(blur.size / SPREAD_PIXELS), 1)
    size = [max(round(side / reduction), 3) for side in blur.shape[::-1]]
    small, trusted, product = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (image, trust, trust * blur))
    values = interpolate(product / trusted, trusted, small, weight, epsilon)
    return np.clip(upsample(values, small, image, epsilon), blur.min(), blur.max())


def texture(gray, size=patches.SIZE):
    """How much there is to judge by in the window around each pixel, by its mean squared gradient.

    Parameters
    ----------
    gray : (H, W) float32 ndarray
        In [0, 1].
    size : int
        Side of the window, pixels.

    Returns
    -------
    (H, W) float32 ndarray
        `LEAST_TRUST` to 1.
    """
    smooth = cv2.GaussianBlur(255 * gray, (0, 0), 1)  # or noise would count
    energy = sum(cv2.Sobel(smooth, -1, dx, 1 - dx, scale=1 / 8) ** 2 for dx in (0, 1))
    return np.clip(cv2.blur(energy, (size, size)) / TEXTURE, LEAST_TRUST, 1)


@functools.lru_cache(maxsize=2)
def _network(name):
    from lib import classifiers

    return classifiers.load(name)
