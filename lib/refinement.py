"""Refinement of the blur map, section 3.3: from blocks to the edges of the photo.

The paper's text and the authors' released code describe two different algorithms; both are here,
under the names ``paper`` and ``released``. They take and return what `refine` does.
"""

import numpy as np

from lib import images
from lib.guided_filter import box_mean, guided_filter, weighted_guided_filter

RADIUS, EPSILON, ITERATIONS = 16, 0.005, 7
"""The paper's: pixels, squared units of the photo, and N_iter."""


def refine(blur_map, image, variant="paper", **options):
    """Refine a blur map so that its edges follow those of the photo (section 3.3).

    Parameters
    ----------
    blur_map : (H, W) ndarray
        Sigma in pixels, e.g. of eq. 6.
    image : (H, W[, 3]) float32 ndarray in [0, 1]
        The photo that the map belongs to.
    variant : {"paper", "released"}
        The paper's text, `refine_paper`, or the authors' code, `refine_released`.
    **options
        Parameters of the variant's function.

    Returns
    -------
    (H, W) float32 ndarray, sigma in pixels

    Raises
    ------
    ValueError
        If map and image do not fit each other, hold NaN, or the variant is unknown.

    Examples
    --------
    >>> photo = np.zeros((40, 50, 3), np.float32)
    >>> refined = refine(np.full((40, 50), 3.0), photo)
    >>> refined.shape, bool(np.allclose(refined, 3.0))
    ((40, 50), True)
    """
    if variant not in VARIANTS:
        msg = f"Expected variant to be one of {tuple(VARIANTS)}, got {variant!r}."
        raise ValueError(msg)
    return VARIANTS[variant](blur_map, image, **options)


def guidance(image, radius=RADIUS, epsilon=EPSILON, iterations=ITERATIONS, smooth=weighted_guided_filter):
    """Smooth a photo until only large edges are left: the guide I_smooth of Fig. 4.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
        Color is turned to gray first.
    radius : int
        Of the filter's window, pixels.
    epsilon : float
        Regularization, in squared units of the image.
    iterations : int
        How often the image is filtered with itself as the guide (N_iter); 0 returns the gray image.
    smooth : callable
        ``smooth(image, guide, radius, epsilon)``: `weighted_guided_filter` or `guided_filter`.

    Returns
    -------
    (H, W) float32 ndarray
    """
    smoothed = images.to_gray(images.check_image(image))
    for _ in range(iterations):
        smoothed = smooth(smoothed, smoothed, radius, epsilon)
    return smoothed


def refine_paper(blur_map, image, radius=RADIUS, epsilon=EPSILON, iterations=ITERATIONS, smooth=weighted_guided_filter):
    """Refine as the paper's text says: one weighted guided filter, guided by the smoothed photo.

    The result is clipped to the range of the map: a filter that fits lines overshoots at edges,
    and a sigma that no window was given should not appear.

    Parameters
    ----------
    blur_map : (H, W) ndarray, sigma in pixels
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    radius, epsilon, iterations, smooth
        As in `guidance`; the last step uses the same radius, epsilon and filter. The paper's values
        are the defaults.
    """
    blur_map = images.check_map(blur_map, image)
    guide = guidance(image, radius, epsilon, iterations, smooth)
    refined = smooth(blur_map, guide, radius, epsilon)
    return np.clip(refined, blur_map.min(), blur_map.max(), out=refined)


def refine_released(blur_map, image, radius=22, epsilon=1e-6, iterations=1):
    """Refine as the authors' released code does: a box mean, then plain guided filters by the photo itself.

    The map is not rescaled to [0, 1] first, as the code does it: all steps are linear in the map,
    so sigma stays in pixels. Like the code's, the result is not clipped and can leave the map's
    range a little, below 0 too.

    Parameters
    ----------
    blur_map : (H, W) ndarray, sigma in pixels
    image : (H, W[, 3]) float32 ndarray in [0, 1]
        The guide, in color if it has color.
    radius : int
        Of all windows, pixels. The code's parameter 11 makes a window of 4 * 11 + 1 = 45 pixels, so 22 here.
    epsilon : float
        Regularization, in squared gray levels of 0..255: the code's guide is the 8 bit photo.
    iterations : int
        N of the code; the guided filter runs once more than that.
    """
    refined = box_mean(images.check_map(blur_map, image), radius)
    guide = images.check_image(image)
    for _ in range(iterations + 1):
        # Dividing epsilon by 255**2 is the same as multiplying the guide by 255.
        refined = guided_filter(refined, guide, radius, epsilon / 255**2, border="replicate")
    return refined


VARIANTS = {"paper": refine_paper, "released": refine_released}
