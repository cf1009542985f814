"""The paper's estimator: a classifier's blur map (section 3.2), refined (section 3.3)."""

import functools

from lib import paths
from lib.estimators._method import Method

# What needs TensorFlow is imported where it is used.

PREFERRED = ("mobilenet_v2-best", "mobilenet_v2-lens")
"""The network that is taken by default: the first of these that is shipped."""


def shipped():
    """Names of the shipped classifiers: what `lib.classifiers.shipped` says, without loading TensorFlow."""
    return sorted(path.stem for path in paths.WEIGHTS.glob("*.keras") if not path.stem.startswith("dmenet"))


METHOD = Method(
    title="ours",
    unit="sigma",
    blurrier="larger",
    variants={name: {"network": name} for name in shipped()},
)


def estimate(image, network=None, step=8, labels="expected", refinement="paper"):
    """Estimate the defocus map of a photo by classifying its patches (Galetto and Deng 2021).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        In [0, 1].
    network : str or path, optional
        A shipped classifier or a ``.keras`` file; by default the first of `PREFERRED` that is shipped.
    step : int
        From one window to the next, pixels.
    labels : {"hard", "expected"}
        A window's most probable level, as in the paper, or its mean level.
    refinement : {"paper", "released"} or None
        Variant of the refinement; None leaves the map in blocks.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, 0 to 19.

    Raises
    ------
    ValueError
        If the image is no image, or an option is none of those above.

    Examples
    --------
    >>> import numpy as np
    >>> blur = estimate(np.zeros((40, 64, 3), np.float32), "mobilenet_v2-lens", step=16)
    >>> blur.shape, bool(0 <= blur.min() <= blur.max() <= 19)
    ((40, 64), True)
    """
    from lib import blur_map
    from lib.refinement import refine

    if network is None:
        network = next(name for name in PREFERRED if name in shipped())
    blur = blur_map.estimate(image, _network(str(network)), step, labels)
    return blur if refinement is None else refine(blur, image, refinement)


@functools.lru_cache(maxsize=2)
def _network(name):
    from lib import classifiers

    return classifiers.load(name)
