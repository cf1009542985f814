"""Guided image filter (He et al. 2012) and its weighted form (Li et al. 2014), section 3.3.

In every window the output is a linear function of the guide, ``a . G + b``, fitted to the image by
ridge regression; a pixel then takes the mean of the fits of all windows that hold it. Everything
is a box mean, so the cost per pixel does not depend on the radius.
"""

import cv2
import numpy as np

BORDERS = {"symmetric": cv2.BORDER_REFLECT, "replicate": cv2.BORDER_REPLICATE, "shrink": cv2.BORDER_CONSTANT}
"""What a window sees beyond the image: its mirror, its last pixel, or nothing (the window shrinks)."""

WEIGHTINGS = ("edge", "edge+variance")

_STRIP_PIXELS = 1 << 20
"""Pixels filtered at a time: the float64 intermediates of a whole photo would fill gigabytes."""

_TINY = 1e-10
"""Keeps the weights finite in flat windows; the value of the authors' released code."""


def guided_filter(image, guide, radius, epsilon, border="symmetric"):
    """Filter an image so that its edges follow those of a guide (He et al. 2012).

    Parameters
    ----------
    image : (H, W) float32 or float64 ndarray
        What is filtered, in any unit: the filter is linear in it.
    guide : (H, W) or (H, W, 3) ndarray
        Gray or color guide; a color guide is fitted with the full 3x3 covariance of each window.
    radius : int
        The window has ``2 * radius + 1`` pixels a side.
    epsilon : float
        Regularization, in squared units of the guide: structure of less variance is smoothed away.
    border : {"symmetric", "replicate", "shrink"}
        The image beyond its border: mirrored (edge pixel repeated), its last pixel, or nothing.

    Returns
    -------
    (H, W) ndarray
        Of the type of `image`; sums are taken in float64. Can leave the range of `image` a little.

    Raises
    ------
    ValueError
        If a shape, a type or a parameter does not fit, or a value is not finite.

    Examples
    --------
    >>> step = np.repeat([[0.0, 1.0]], 8, axis=0).repeat(8, axis=1)
    >>> ramp = np.tile(np.linspace(0, 1, 16), (8, 1))
    >>> out = guided_filter(ramp, guide=step, radius=4, epsilon=1e-4)
    >>> bool(out[4, 8] - out[4, 7] > 2 * (ramp[4, 8] - ramp[4, 7]))  # the guide's edge is taken over
    True
    """
    return _filter_in_strips(image, guide, radius, epsilon, border, weighting=None)


def weighted_guided_filter(image, guide, radius, epsilon, weighting="edge", border="symmetric"):
    """Guided filter with an edge-aware weight on its regularization (WGIF, Li et al. 2014).

    ``epsilon`` is divided by ``(var + d) * mean(1 / (var + d))``, d = 1e-10: windows with more variance than
    their neighbors are smoothed less, flat ones more. As in the code that the authors of the blur
    map released, var is the variance of the filter's own window (3x3 in Li et al.) and the mean runs
    over that window (over the whole image in Li et al.).

    Parameters
    ----------
    image, radius, epsilon, border
        As in `guided_filter`, and so the result and errors.
    guide : (H, W) ndarray
        Gray guide.
    weighting : {"edge", "edge+variance"}
        ``"edge"`` is the WGIF of the paper's text. ``"edge+variance"`` also averages the linear
        models of overlapping windows with weights ``1 / (var**4 + 1e-10)``, after the anisotropic
        guided filter of Ochotorena and Yamashita (2020): the released code's choice.

    Examples
    --------
    >>> flat = np.full((5, 7), 0.25)
    >>> bool(np.allclose(weighted_guided_filter(flat, flat, radius=2, epsilon=0.005), 0.25))
    True
    """
    if weighting not in WEIGHTINGS:
        msg = f"Expected weighting to be one of {WEIGHTINGS}, got {weighting!r}."
        raise ValueError(msg)
    if np.ndim(guide) != 2:
        msg = f"Expected a gray (H, W) guide for the weighted filter, got shape {np.shape(guide)}; use images.to_gray."
        raise ValueError(msg)
    return _filter_in_strips(image, guide, radius, epsilon, border, weighting)


def box_mean(image, radius, border="symmetric"):
    """Mean over the ``(2 * radius + 1)`` squared window around each pixel, O(1) per pixel.

    Parameters
    ----------
    image : (H, W) float32 or float64 ndarray
    radius : int
    border : {"symmetric", "replicate", "shrink"}

    Returns
    -------
    (H, W) ndarray
        Of the type of `image`.

    Examples
    --------
    >>> box_mean(np.array([[0.0, 0.0, 3.0]]), 1, border="shrink")
    array([[0. , 1. , 1.5]])
    """
    size = (2 * radius + 1, 2 * radius + 1)
    if border != "shrink":
        return cv2.boxFilter(image, -1, size, borderType=BORDERS[border])
    total = cv2.boxFilter(image, -1, size, normalize=False, borderType=BORDERS[border])
    return total / cv2.boxFilter(np.ones_like(image), -1, size, normalize=False, borderType=BORDERS[border])


def _filter_in_strips(image, guide, radius, epsilon, border, weighting):
    """Run `_filter` on horizontal strips, each with the rows above and below that its pixels depend on."""
    image, guide = np.asarray(image), np.asarray(guide)
    _check(image, guide, radius, epsilon, border)
    height, width = image.shape
    # Two box means in a row, three with the edge-aware weight.
    reach = (2 if weighting is None else 3) * radius
    rows = max(_STRIP_PIXELS // width, reach)
    out = np.empty_like(image)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first = max(top - reach, 0)
        strip = slice(first, min(bottom + reach, height))
        filtered = _filter(image[strip], guide[strip], radius, epsilon, border, weighting)
        out[top:bottom] = filtered[top - first : bottom - first]
    return out


def _filter(image, guide, *options):
    slope, offset = linear_models(image, guide, *options)
    return np.einsum("yxc,yxc->yx", slope, np.atleast_3d(guide)) + offset


def linear_models(image, guide, radius, epsilon, border="symmetric", weighting=None):
    """The linear functions of the guide whose values are the filtered image: each the mean over the windows of a pixel.

    Names follow He et al.; p is (H, W, 1) and G (H, W, d), with d channels.

    Parameters
    ----------
    image, guide, radius, epsilon, border, weighting
        As in `weighted_guided_filter`; None for `guided_filter`.

    Returns
    -------
    slope : (H, W, d) float64 ndarray
    offset : (H, W) float64 ndarray
    """

    def mean(x):
        return box_mean(x.reshape(*x.shape[:2], -1), radius, border).reshape(x.shape)

    p, G = np.atleast_3d(image).astype(np.float64), np.atleast_3d(guide).astype(np.float64)
    mean_p, mean_G = mean(p), mean(G)
    cov_Gp = mean(G * p) - mean_G * mean_p
    cov_G = mean(np.einsum("yxi,yxj->yxij", G, G)) - np.einsum("yxi,yxj->yxij", mean_G, mean_G)
    variance = np.maximum(cov_G[..., 0], 0)  # used by the weights, which take gray guides only
    if weighting is not None:
        epsilon = (epsilon / ((variance + _TINY) * mean(1 / (variance + _TINY))))[..., None]
    cov_G += epsilon * np.eye(G.shape[2])
    # Elimination keeps its digits where the inverse through determinants loses all: in nearly gray windows of a color
    # guide with a small epsilon.
    a = np.linalg.solve(cov_G, cov_Gp[..., None])[..., 0] if G.shape[2] > 1 else cov_Gp / cov_G[..., 0]
    b = mean_p - np.einsum("yxc,yxc->yx", a, mean_G)[..., None]
    if weighting == "edge+variance":
        w = 1 / (variance**4 + _TINY)
        a, b, total = mean(w * a), mean(w * b), mean(w)
        return a / total, (b / total)[..., 0]
    return mean(a), mean(b)[..., 0]


def _check(image, guide, radius, epsilon, border):
    if image.ndim != 2 or image.size == 0 or image.dtype not in (np.float32, np.float64):
        msg = f"Expected a (H, W) float32 or float64 image, got shape {image.shape} {image.dtype}."
        raise ValueError(msg)
    if guide.shape not in (image.shape, (*image.shape, 3)):
        msg = f"Expected a guide of shape {image.shape} or {(*image.shape, 3)}, as the image, got {guide.shape}."
        raise ValueError(msg)
    if not isinstance(radius, (int, np.integer)) or radius < 1:
        msg = f"Expected the radius to be a whole number of pixels, 1 or more, got {radius!r}."
        raise ValueError(msg)
    if not (np.isfinite(epsilon) and epsilon > 0):
        msg = f"Expected epsilon > 0, got {epsilon!r}."
        raise ValueError(msg)
    if border not in BORDERS:
        msg = f"Expected border to be one of {tuple(BORDERS)}, got {border!r}."
        raise ValueError(msg)
    for name, array in (("image", image), ("guide", guide)):
        if not np.isfinite(array).all():
            msg = f"Expected finite values in the {name}, got NaN or infinity; replace them first."
            raise ValueError(msg)
