"""Sharpening (section 5.1): adaptive by the defocus map, and the methods that the paper compares it with.

Each takes a photo and returns it sharpened, (H, W[, 3]) float32 clipped to [0, 1], or bit for bit as it was where the
strength is 0. A ValueError says what is no picture, or which map or parameter does not fit.
"""

from lib.enhancement.adaptive import FIGURE_10, FIGURE_11, GainCurve, adaptive, gain
from lib.enhancement.cas import cas
from lib.enhancement.gum import gum
from lib.enhancement.unsharp_mask import unsharp_mask
from lib.methods import Methods

METHODS = Methods(__name__, first=("adaptive", "um", "gum", "cas"))
"""The methods by the names that the command line and the tables use: the ``METHODS`` of each file of this package."""

__all__ = [
    "FIGURE_10",
    "FIGURE_11",
    "METHODS",
    "GainCurve",
    "adaptive",
    "cas",
    "enhance",
    "gain",
    "gum",
    "unsharp_mask",
]


def enhance(image, method="adaptive", sigma_map=None, **options):
    """Sharpen a photo by any of the methods.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    method : str
        A key of `METHODS`.
    sigma_map : (H, W) ndarray, optional
        Defocus map, sigma in pixels; needed by methods that take one, "adaptive" here, ignored by the others.
    **options
        Parameters of the method's function.

    Returns
    -------
    (H, W[, 3]) float32 ndarray
        Clipped to [0, 1].

    Raises
    ------
    ValueError
        If the method is unknown, its map is missing, or a parameter does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> enhance(np.full((4, 5), 0.5), "cas", strength=0.2).shape
    (4, 5)
    """
    sharpen = METHODS.choose(method)
    if method not in METHODS.taking("sigma_map"):
        return sharpen(image, **options)
    if sigma_map is None:
        msg = f"Expected a sigma_map for the method {method!r}, got none: estimate it by lib.one_pass."
        raise ValueError(msg)
    return sharpen(image, sigma_map, **options)
