"""What all fusion metrics ask of their images, and the gray picture that they see."""

import numpy as np

from lib import images


def gray_levels(a, b, fused, smallest):
    """Check two sources and their fusion, and turn them to gray.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        Gray or RGB.
    smallest : int
        The metric's window, pixels: no side may be shorter.

    Returns
    -------
    tuple of three (H, W) float64 ndarrays
        Whole numbers from 0 to 255.

    Raises
    ------
    ValueError
        If an image is not 8 bit, has another shape than the others, or is smaller than the window.

    Examples
    --------
    >>> red = np.full((4, 5, 3), [255, 0, 0], np.uint8)
    >>> gray_levels(red, red, red, smallest=3)[0][0, 0]
    np.float64(76.0)
    """
    pictures = {name: _gray(image, name) for name, image in (("a", a), ("b", b), ("fused", fused))}
    shapes = {picture.shape for picture in pictures.values()}
    if len(shapes) > 1:
        sizes = ", ".join(f"{name} {picture.shape}" for name, picture in pictures.items())
        msg = f"Expected a, b and fused of one size, got {sizes}; align and crop them first."
        raise ValueError(msg)
    if min(*shapes.pop()) < smallest:
        msg = f"Expected images of at least {smallest}x{smallest} pixels, got {pictures['a'].shape}; use larger ones."
        raise ValueError(msg)
    return tuple(pictures.values())


def _gray(image, name):
    """MATLAB's rgb2gray of an 8 bit picture."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        msg = f"Expected {name} as uint8, 0 to 255, got {image.dtype}; round floats in [0, 1] with images.to_uint8."
        raise ValueError(msg)
    if image.ndim == 2:
        return image.astype(np.float64)
    if image.ndim != 3 or image.shape[2] != 3:
        msg = f"Expected {name} of shape (H, W) or (H, W, 3), got {image.shape}; drop its alpha channel or batch axis."
        raise ValueError(msg)
    return np.floor(image @ images.GRAY_WEIGHTS + 0.5)
