"""Local binary patterns (Yi and Eramian 2016): how probably each pixel is in focus.

Blur removes the patterns that corners and lines leave in the 3x3 neighborhood of a pixel and keeps those of flat
regions and slopes. The share of the former in a window is a measure of sharpness. Windows of three sizes, each made a
map by matting, are then joined by belief propagation.
"""

import cv2
import numpy as np

from lib import images
from lib.estimators._method import Method, at_working_size
from lib.matting import interpolate, upsample

FIG_8 = {"threshold": 0.025, "sizes": (7, 11, 15), "beta": 0.25}
"""Parameters of the paper's Figure 8."""
FIG_9 = {"threshold": 0.005, "sizes": (11, 15, 21), "beta": 0.5}
"""Parameters of the paper's Figure 9."""
DEFAULTS = {"threshold": 0.016, "sizes": (11, 15, 21), "beta": 0.5}
"""Those of Yi and Eramian."""

METHOD = Method(
    title="LBP",
    unit="score",
    blurrier="smaller",
    working_pixels=400_000,
    variants={"lbp-fig8": FIG_8, "lbp-fig9": FIG_9},
    titles={"lbp-fig8": "LBP, as in Fig. 8", "lbp-fig9": "LBP, as in Fig. 9"},
)

SHARP_CODES = 6
"""Codes of sharp patterns: this and above."""
FOREGROUND, BACKGROUND = 0.3, 0.01
"""Sharpness above the first is certainly in focus, below the second certainly not."""
MATTING_WEIGHT, MATTING_EPSILON = 100.0, 1e-7 / 9
REDUCTION = 4
"""The matting is solved on a photo so many times smaller, Levin's coarsest level of three."""
MOST_ROUNDS = 100
"""Of the belief propagation."""


def estimate(image, threshold=DEFAULTS["threshold"], sizes=DEFAULTS["sizes"], beta=DEFAULTS["beta"]):
    """Estimate how probably each pixel is in focus (Yi and Eramian, IEEE TIP 2016).

    Photos of more than 0.4 megapixels are estimated at that size, see `at_working_size`.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    threshold : float
        T_LBP: a neighbor counts as brighter when it is so by more than this.
    sizes : sequence of int
        s1, s2, s3: sides of the windows, odd, from small to large.
    beta : float
        How strongly neighbors and scales are held together.

    Returns
    -------
    (H, W) float32 ndarray
        A score: probability of being in focus, 0 to 1; *small* is blurred. A photo
        without any pattern counts as blurred.

    Examples
    --------
    >>> noise = np.random.default_rng(0).random((64, 96), np.float32)
    >>> noise[:, 48:] = cv2.GaussianBlur(noise, (0, 0), 3)[:, 48:]
    >>> score = estimate(noise)
    >>> bool(score[:, :40].min() > 0.5 > score[:, 60:].max())
    True
    """

    def score(image):
        codes = pattern_codes(np.rint(images.to_gray(image) * 255), threshold)
        alphas = [matte(stretch(sharpness(codes, size)), image) for size in sizes]
        return belief(np.stack(alphas), beta)

    return at_working_size(score, images.check_image(image), METHOD)


def pattern_codes(gray, threshold):
    """Rotation-invariant uniform patterns of 8 neighbors at distance 1, in a picture of whole gray levels, 0 to 255.

    A code is the number of neighbors that are brighter by more than the threshold, in units of [0, 1], when they are in
    one run or there are none, otherwise 9: (H, W) uint8. As in the reference program, neighbors on the diagonals are
    interpolated and then rounded down.
    """
    padded = np.pad(np.asarray(gray, np.float64), 1, mode="edge")
    height, width = gray.shape

    def moved(dy, dx):
        return padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    a = np.sqrt(0.5)
    center, bits = moved(0, 0), []
    for dy, dx in ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)):
        if dy and dx:
            near = (1 - a) ** 2 * center + (1 - a) * a * (moved(dy, 0) + moved(0, dx)) + a**2 * moved(dy, dx)
            neighbor = np.floor(near + 1e-9)  # so that four equal levels give the same level
        else:
            neighbor = moved(dy, dx)
        bits.append(neighbor - center > 255 * threshold)
    bits = np.stack(bits)
    changes = (bits != np.roll(bits, 1, axis=0)).sum(axis=0)
    return np.where(changes <= 2, bits.sum(axis=0), 9).astype(np.uint8)


def sharpness(codes, size):
    """Share of the patterns of corners and lines in the window of `size` pixels around each pixel, 0 to 1."""
    sharp = (codes >= SHARP_CODES).astype(np.float64)
    # Sums of ones are exact, so that one division gives the share to the last digit.
    return cv2.boxFilter(sharp, -1, (size, size), normalize=False, borderType=cv2.BORDER_REPLICATE) / size**2


def stretch(share):
    """Rescale to [0, 1]; 0 where all is equal."""
    low, high = share.min(), share.max()
    return (share - low) / (high - low) if high > low else np.zeros_like(share)


def matte(share, image):
    """The photo's foreground by closed-form matting, from the `sharpness` that is certainly in focus or certainly not.

    Alpha, (H, W) float32, 0 to 1.
    """
    height, width = share.shape
    size = [max(side // REDUCTION, 8) for side in (width, height)]
    small, alpha, known = (
        cv2.resize(x.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for x in (image, share > FOREGROUND, (share > FOREGROUND) | (share < BACKGROUND))
    )
    coarse = interpolate(np.rint(alpha), known > 0.5, small, MATTING_WEIGHT, MATTING_EPSILON)
    return np.clip(upsample(coarse, small, image, MATTING_EPSILON), 0, 1)


def belief(alphas, beta, stop=1e-4):
    """Join the maps of all scales by loopy belief propagation: the probability of focus at the largest scale.

    The maps are standardized together and make a graph, each pixel bound to its four neighbors and to itself at the
    next scales. A node x has the potentials ``exp(-|1 - x|)`` for focus and ``exp(-|x|)`` for blur; a bond 1 for
    equal and exp(-beta) for unequal states. A message is stored as one number, the ratio of its two.

    Parameters
    ----------
    alphas : (3, H, W) ndarray
        Any number of scales, the largest last.
    beta : float
    stop : float
        Change of the messages' logarithms at which it ends.

    Returns
    -------
    (H, W) float32 ndarray
    """
    spread = alphas.std()
    x = (alphas - alphas.mean()) / (spread if spread > 1e-6 else 1)
    node = np.exp(np.abs(x) - np.abs(1 - x)).astype(np.float32)
    unequal = np.float32(np.exp(-beta))
    # messages[axis] holds those that arrive from the node before and from the node after, along that axis.
    messages = [(np.ones_like(node), np.ones_like(node)) for _ in range(3)]
    for _ in range(MOST_ROUNDS):
        total = node * np.prod([m for pair in messages for m in pair], axis=0)
        largest = 0.0
        for axis, (before, after) in enumerate(messages):
            first, last = _all_but(axis, -1), _all_but(axis, 0)
            sent_on = _through(total[first] / after[first], unequal)
            sent_back = _through(total[last] / before[last], unequal)
            largest = max(largest, _change(before[last], sent_on), _change(after[first], sent_back))
            before[last], after[first] = sent_on, sent_back
        if largest < stop:
            break
    total = (node * np.prod([m for pair in messages for m in pair], axis=0))[-1]
    return total / (1 + total)


def _through(ratio, unequal):
    """What a bond lets pass: the ratio of a message from the ratio of the sender's belief without the receiver's."""
    return (ratio + unequal) / (1 + unequal * ratio)


def _change(old, new):
    return float(np.abs(new / old - 1).max(initial=0))


def _all_but(axis, which):
    """Index of all nodes but the first (0) or the last (-1) along an axis."""
    return (slice(None),) * axis + (slice(1, None) if which == 0 else slice(None, -1),)
