"""The paper's estimator: a classifier's blur map (section 3.2), refined (section 3.3); and one that adds to it.

Where a window is flat, a classifier's answer is a guess. So ``refinement="spread"`` believes each answer as far
as there is texture to judge by, and spreads it along the colors of the photo, as Zhuo and Sim do with what edges tell.
"""

import cv2
import numpy as np

from lib import images, patches, paths
from lib.estimators._method import Method
from lib.matting import interpolate, upsample

# What needs TensorFlow is imported where it is used.

NETWORK = "spectrum_net-lens"
"""The network that is taken by default."""
TEXTURE = 4.0
"""Mean squared gradient, in gray levels of 0 to 255, of a window whose answer is fully believed."""
LEAST_TRUST = 1e-3
"""How far a flat window's answer is believed."""
SPREAD_PIXELS = 25_000
"""Size at which answers are spread: the map is smooth, and that is enough."""
SPREAD_WEIGHT, SPREAD_EPSILON = 0.1, 1e-3
"""Of the matting Laplacian's equations, see `lib.matting`."""


METHOD = Method(
    title="ours",
    unit="sigma",
    blurrier="larger",
    variants={name: {"network": name, "labels": "hard", "refinement": "paper"} for name in paths.networks()},
    titles={name: f"the paper's, {name}" for name in paths.networks()},
)
"""The variants are the paper's: one for each network, with its hard labels and its refinement."""


def estimate(image, network=NETWORK, step=8, labels="expected", refinement="spread"):
    """Estimate the defocus map of a photo by classifying its patches (Galetto and Deng 2021).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    network : str or path
        A shipped classifier or a ``.keras`` file.
    step : int
        From one window to the next, pixels of the photo.
    labels : {"hard", "expected"}
        A window's most probable level, as in the paper, or its mean level.
    refinement : {"spread", "paper", "released"} or None
        `spread`, or a variant of section 3.3's refinement; None leaves the map in blocks.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, 0 to 19.

    Examples
    --------
    >>> blur = estimate(np.zeros((40, 64, 3), np.float32), "mobilenet_v2-lens", step=16)
    >>> blur.shape, bool(0 <= blur.min() <= blur.max() <= 19)
    ((40, 64), True)
    """
    from lib import blur_map
    from lib.refinement import refine

    blur = blur_map.estimate(images.to_gray(images.check_image(image)), str(network), step, labels)
    if refinement is None:
        return blur
    return spread(blur, image) if refinement == "spread" else refine(blur, image, refinement)


def spread(blur, image):
    """Carry a blur map from where there is texture to where there is none, along the colors of the photo."""
    trust = texture(images.to_gray(image))
    reduction = max(np.sqrt(blur.size / SPREAD_PIXELS), 1)
    size = [max(round(side / reduction), 3) for side in blur.shape[::-1]]
    small, trusted, product = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (image, trust, trust * blur))
    values = interpolate(product / trusted, trusted, small, SPREAD_WEIGHT, SPREAD_EPSILON)
    return np.clip(upsample(values, small, image, SPREAD_EPSILON), blur.min(), blur.max())


def texture(gray):
    """How much there is to judge by around each pixel, by the mean squared gradient: `LEAST_TRUST` to 1."""
    smooth = cv2.GaussianBlur(255 * gray, (0, 0), 1)  # or noise would count
    energy = sum(cv2.Sobel(smooth, -1, dx, 1 - dx, scale=1 / 8) ** 2 for dx in (0, 1))
    return np.clip(cv2.blur(energy, (patches.SIZE, patches.SIZE)) / TEXTURE, LEAST_TRUST, 1)
