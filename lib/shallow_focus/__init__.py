"""Shallow depth of field, section 5.2: keep what is in focus, and blur the rest further.

Each variant takes a photo and its blur map and returns (H, W[, 3]) float32 in [0, 1], bit for bit the photo where
nothing is added. A ValueError says that they do not fit each other, or which parameter is out of its range.
"""

from lib.shallow_focus.ours import shallow_lens
from lib.shallow_focus.paper import shallow_paper
from lib.shallow_focus.released import shallow_released
from lib.shallow_focus.weights import weight_map

VARIANTS = {"paper": shallow_paper, "released": shallow_released, "lens": shallow_lens}

__all__ = ["VARIANTS", "render", "shallow_lens", "shallow_paper", "shallow_released", "weight_map"]


def render(image, blur_map, variant="lens", **options):
    """Give a photo a shallow depth of field.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    blur_map : (H, W) ndarray
        Sigma in pixels, refined.
    variant : {"paper", "released", "lens"}
        The paper's text, `shallow_paper`; the authors' code, `shallow_released`; or a lens with a wider aperture,
        `shallow_lens`.
    **options
        Parameters of the variant's function.

    Returns
    -------
    (H, W[, 3]) float32 ndarray in [0, 1]

    Raises
    ------
    ValueError
        If the variant is unknown, or for what its function says.

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.full((32, 40, 3), 0.5, np.float32)
    >>> [bool(np.allclose(render(photo, np.full((32, 40), 9.0), name), 0.5)) for name in VARIANTS]
    [True, True, True]
    """
    if variant not in VARIANTS:
        msg = f"Expected variant to be one of {tuple(VARIANTS)}, got {variant!r}."
        raise ValueError(msg)
    return VARIANTS[variant](image, blur_map, **options)
