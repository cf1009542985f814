"""Shallow depth of field as a lens makes it: the photo rendered anew at a wider aperture. This book's own variant.

The blur map is read as a depth map: in a photo that is focused on the nearest thing, defocus grows with distance
(eq. 2). `lib.optics` then renders the photo in layers, near to far, each under its disk of confusion, in linear light.
"""

import cv2
import numpy as np

from lib import images, optics

WORKING_PIXELS = 800_000
"""Photos with more pixels are rendered at a reduced size; their finest detail comes back where it is in focus."""
SMALLEST = 0.25
"""Added sigma below which a pixel stays as it is: a disk of one pixel."""
LEVEL_RATIO = 1.2
"""From one level of blur to the next; each is a layer."""
CLIPPED = 0.95
"""sRGB value from which on the sensor may have been saturated."""


def shallow_lens(image, blur_map, f_number=2.0, photo_f_number=8.0, focus=None, c0=1.0, highlights=1.0):
    """Render a photo as if its lens had been opened further.

    A disk of confusion is as wide as the aperture (eq. 2). So a sigma of 3 pixels at f/8 would have been 12 pixels at
    f/2; variances add, so what is missing is a blur of sqrt(12^2 - 3^2). Only the ratio of the two f-numbers counts.

    With a focus point the photo is focused anew. A map tells how far from the focal plane a thing is, not on which
    side. Here all things are taken to lie behind the plane that the photo is focused on, as in the paper's examples,
    and their distance from the new focus is the difference of their blurs, with a sign: what was nearer is now in
    front. What the photo has blurred stays blurred, and so do two things on both sides of the focal plane that have
    the same blur, which no map can tell apart.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    blur_map : (H, W) ndarray
        M, sigma in pixels at the photo's aperture.
    f_number : float
        Of the new picture. At or above `photo_f_number` the photo is left as it is: it cannot be stopped down.
    photo_f_number : float
        Of the photo, e.g. from its EXIF.
    focus : (float, float), optional
        X and Y of what is to be in focus, pixels from the left and from the top. By default what the photo is focused
        on.
    c0 : float
        Blur up to which a pixel is in focus, as in eq. 12; a network's map is hardly ever 0.
    highlights : float
        How much brighter a saturated pixel may have been than the file can say. At 1 they bloom by linear light
        alone.

    Examples
    --------
    >>> photo = np.random.default_rng(0).random((32, 40), np.float32)
    >>> out = shallow_lens(photo, np.full((32, 40), 3.0), f_number=4)
    >>> bool(out.std() < 0.2 * photo.std()), bool(np.all(shallow_lens(photo, np.ones((32, 40))) == photo))
    (True, True)
    """
    image = images.check_image(image)
    if not 1 <= highlights < np.inf:
        msg = f"Expected highlights of 1 or more, times white, got {highlights}."
        raise ValueError(msg)
    added = added_blur(images.check_map(blur_map, image), f_number, photo_f_number, focus, c0)
    if not added.any():
        return image.copy()
    light = optics.to_light(image)
    if highlights > 1:
        light *= 1 + np.float32(highlights - 1) * np.clip((image - CLIPPED) / (1 - CLIPPED), 0, 1)
    rendered = optics.to_srgb(np.clip(_render(light, added, highlights), 0, 1))
    return np.where(_spread(added, image.ndim), np.clip(rendered, 0, 1), image)


def added_blur(blur_map, f_number=2.0, photo_f_number=8.0, focus=None, c0=1.0):
    """Sigma that a wider aperture adds at each pixel; negative in front of the focal plane.

    Parameters
    ----------
    blur_map, f_number, photo_f_number, focus, c0
        As in `shallow_lens`.

    Returns
    -------
    (H, W) float32 ndarray
        Pixels; 0 where the picture stays as it is.

    Examples
    --------
    >>> added_blur(np.float32([[0.0, 2.0, 4.0]]), f_number=4, c0=0).round(2)
    array([[0.  , 3.46, 6.93]], dtype=float32)
    >>> added_blur(np.float32([[0.0, 2.0, 4.0]]), f_number=4, c0=0, focus=(1, 0)).round(2)
    array([[-4.,  0.,  0.]], dtype=float32)
    """
    for name, value in (("f_number", f_number), ("photo_f_number", photo_f_number)):
        if not 0 < value < np.inf:
            msg = f"Expected {name} to be positive and finite, e.g. 2.8, got {value}."
            raise ValueError(msg)
    if not np.isfinite(c0):
        msg = f"Expected c0 to be finite, the blur of what is in focus, e.g. 1, got {c0}."
        raise ValueError(msg)
    defocus = np.maximum(blur_map - np.float32(c0), 0)
    ratio = photo_f_number / f_number
    if ratio <= 1:
        return np.zeros_like(defocus)
    signed = defocus - (0 if focus is None else _at(defocus, focus))
    added = np.sqrt(np.maximum((np.float32(ratio) * signed) ** 2 - defocus**2, 0))
    added[added < SMALLEST] = 0
    return np.copysign(added, signed, where=added > 0, out=added)


def _at(defocus, focus):
    """The median around a point: one pixel of a map may be off."""
    x, y = focus
    height, width = defocus.shape
    if not (0 <= x < width and 0 <= y < height):
        msg = f"Expected a focus within the photo, 0 to {width - 1} and 0 to {height - 1}, got {x:g},{y:g}."
        raise ValueError(msg)
    x, y = int(x), int(y)
    return np.median(defocus[max(y - 7, 0) : y + 8, max(x - 7, 0) : x + 8])


def _render(light, added, peak):
    """Render, at a reduced size if the photo is large."""
    height, width = added.shape
    scale = max(1, np.sqrt(height * width / WORKING_PIXELS))
    if scale == 1:
        return _in_layers(light, added, peak)
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    small_added = cv2.resize(added, size, interpolation=cv2.INTER_NEAREST) / np.float32(scale)
    rendered = _in_layers(small, small_added, peak)
    # Of the detail that the small picture cannot hold, a Gaussian lets this much pass.
    kept = np.exp(-((np.pi * added / np.float32(scale)) ** 2) / 2)
    return _enlarge(light, small, rendered, kept)


def _enlarge(light, small, rendered, kept):
    """The rendering at full size: the photo's own detail in focus, and the blur elsewhere.

    Both are enlarged apart, each from its own pixels, so that neither colors the other at an outline.
    """
    height, width = kept.shape
    small_kept = cv2.resize(kept, small.shape[1::-1], interpolation=cv2.INTER_AREA)

    def enlarge(values, weight):
        weighted = values * _beside(weight, values)
        total = cv2.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR) + np.float32(1e-6)
        return cv2.resize(weighted, (width, height), interpolation=cv2.INTER_LINEAR) / _beside(total, values)

    result = enlarge(rendered - small, small_kept)
    result += light
    result *= _beside(kept, light)
    result += enlarge(rendered, 1 - small_kept) * _beside(1 - kept, light)
    return result


def _beside(weight, values):
    """A weight (H, W) with the axes of `values`."""
    return weight.reshape(weight.shape + (1,) * (values.ndim - 2))


def _in_layers(light, added, peak):
    """Render through `lib.optics`."""
    widest = max(added.shape) / 4  # a disk as wide as the picture
    levels = np.clip(_levels(added), -widest, widest)
    rendered = optics.render(light / np.float32(peak), levels, kernel="disk", step=SMALLEST / 10)
    return rendered * np.float32(peak)


def _levels(added):
    """Round a signed blur to levels that grow by `LEVEL_RATIO`: fine where blur is small, and few."""
    size = np.abs(added.astype(np.float64))
    steps = np.rint(np.log(np.maximum(size, SMALLEST) / SMALLEST) / np.log(LEVEL_RATIO))
    return np.where(size < SMALLEST, 0, np.sign(added) * SMALLEST * LEVEL_RATIO**steps)


def _spread(added, ndim):
    """Where the rendering may differ from the photo: where there is blur, and where a nearer thing's blur reaches."""
    near = np.uint8(added < 0)
    if near.any():
        reach = int(np.ceil(2 * -added.min())) + 1
        near = cv2.dilate(near, cv2.getStructuringElement(cv2.MORPH_RECT, (2 * reach + 1, 2 * reach + 1)))
    changed = (added != 0) | (near > 0)
    return changed if ndim == 2 else changed[..., None]
