"""Pictures as arrays, ``(H, W[, 3]) float32`` in [0, 1]: from a file, checked, in gray, in 8 bit."""

import cv2
import numpy as np
from PIL import Image

GRAY_WEIGHTS = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
"""Rec. 601 luma weights of R, G and B, in full digits."""


class ImageError(ValueError):
    """A picture file that cannot be read or written; the message is one line."""


def read(path):
    """Read a picture of 8 or 16 bit: a PNG, JPEG, TIFF, BMP or PPM file.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    (H, W[, 3]) float32 ndarray in [0, 1]
        Upright, without transparency. The commands, which write such files too, keep all of it: `lib.cli.pictures`.

    Raises
    ------
    ImageError
        If there is no whole picture of these kinds.
    """
    try:
        with Image.open(path) as file:
            file.load()  # refuses a file that is cut off, which OpenCV would fill up
        samples = cv2.imread(str(path), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
        peak = np.iinfo(samples.dtype).max
    except (AttributeError, OSError, SyntaxError, ValueError) as error:
        kind = type(error).__name__
        msg = f"Cannot read {path} ({kind}): expected a whole picture of 8 or 16 bit; name one, or convert it to PNG."
        raise ImageError(msg) from error
    return np.divide(samples if samples.ndim == 2 else samples[..., ::-1], np.float32(peak), dtype=np.float32)


def enlarge(planes, shape, rows):
    """Enlarge planes, bilinear, some rows at a time: a large photo's planes need not all be there at once.

    Of `planes`, (N, h, w) float32, enlarged to `shape`, (H, W), those of the slice `rows`: (N, rows, W) float32.

    Examples
    --------
    >>> enlarge(np.float32([[[0, 1]]]), (2, 4), slice(0, 1)).tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    height = planes.shape[1]
    place = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * np.float32(height / shape[0]) - 0.5
    place = np.clip(place, 0, height - 1)
    above = np.int32(place)
    share = (place - above)[:, None]
    mixed = planes[:, above] * (1 - share) + planes[:, np.minimum(above + 1, height - 1)] * share
    return np.stack([cv2.resize(plane, (shape[1], len(place)), interpolation=cv2.INTER_LINEAR) for plane in mixed])


def check_image(image, name="image"):
    """Check that an array is a picture.

    Parameters
    ----------
    image : (H, W[, 3]) array_like of float
        Expected in [0, 1].
    name : str
        What the messages call it.

    Returns
    -------
    (H, W[, 3]) float32 ndarray

    Raises
    ------
    ValueError
        If the shape is another, the values are no floats, or any is NaN, infinite or outside [0, 1].

    Examples
    --------
    >>> check_image(np.zeros((4, 5))).dtype
    dtype('float32')
    >>> check_image(np.full((4, 5), 255.0))
    Traceback (most recent call last):
    ...
    ValueError: Expected image in [0, 1], got values from 255 to 255; scale it first.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] != 3):
        msg = f"Expected {name} of shape (H, W) or (H, W, 3), got {image.shape}."
        raise ValueError(msg)
    if not np.issubdtype(image.dtype, np.floating):
        msg = f"Expected {name} of floats in [0, 1], got {image.dtype}; divide 8 bit values by 255."
        raise ValueError(msg)
    low, high = image.min(), image.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        msg = f"Expected {name} of finite values, got NaN or infinity; replace them first."
        raise ValueError(msg)
    if low < 0 or high > 1:
        msg = f"Expected {name} in [0, 1], got values from {low:g} to {high:g}; scale it first."
        raise ValueError(msg)
    return image.astype(np.float32, copy=False)


def check_map(blur_map, image=None):
    """Check that an array is a finite map, and that it fits an image; a ValueError says what it is instead.

    Parameters
    ----------
    blur_map : (H, W) array_like
    image : (H, W[, 3]) ndarray, optional

    Returns
    -------
    (H, W) float32 ndarray
    """
    blur_map = np.asarray(blur_map, np.float32)
    if blur_map.ndim != 2 or (image is not None and blur_map.shape != np.shape(image)[:2]):
        wanted = "(H, W)" if image is None else f"{np.shape(image)[:2]}, as the image"
        msg = f"Expected a blur map of shape {wanted}, got {blur_map.shape}; resize it."
        raise ValueError(msg)
    if not np.isfinite(blur_map).all():
        msg = "Expected a finite blur map, got NaN or infinity; mask or fill them first."
        raise ValueError(msg)
    return blur_map


def check_not_negative(**values):
    """Raise a ValueError for a value that is negative, infinite or NaN."""
    for name, value in values.items():
        if not 0 <= value < np.inf:
            msg = f"Expected {name} to be finite and not negative, got {value}."
            raise ValueError(msg)


def to_gray(image):
    """Luma of a picture, with the weights of Rec. 601.

    Parameters
    ----------
    image : (H, W[, 3]) ndarray of float

    Returns
    -------
    (H, W) float32 ndarray
        A gray picture comes back as it is.

    Examples
    --------
    >>> to_gray(np.ones((4, 5, 3))).shape
    (4, 5)
    """
    image = np.asarray(image, np.float32)
    return image if image.ndim == 2 else image @ GRAY_WEIGHTS.astype(np.float32)


def to_uint8(image):
    """Round a picture in [0, 1] to 8 bit; values outside are clipped.

    Examples
    --------
    >>> to_uint8(np.array([[0.0, 0.5, 1.0]]))
    array([[  0, 128, 255]], dtype=uint8)
    """
    scaled = np.multiply(image, np.float32(255), dtype=np.float32)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


def window_variance(values, size):
    """Variance of (H, W) float64 values in the window of `size` x `size` pixels around each, borders mirrored."""
    values = values - values.mean()  # the difference of squares below loses fewer digits

    def mean(x):
        return cv2.blur(x, (size, size), borderType=cv2.BORDER_REFLECT)

    return np.maximum(mean(values**2) - mean(values) ** 2, 0)
