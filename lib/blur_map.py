"""The blur map of a photo: a classifier's answers on overlapping windows, averaged (section 3.2)."""

from pathlib import Path

import cv2
import numpy as np

from lib import engines, images, patches, pictures, storage

BATCH = 1024
"""Windows classified at a time; bounds the memory, 1 kB to 1 MB of activations each."""
LABELS = ("hard", "expected")
_OVERSHOOT = 1
"""How far below 0 the refinement may take a map, pixels."""
_LARGEST = 2 * (patches.LEVELS - 1)
"""Twice the largest sigma that a map of this book has, pixels."""


def estimate(image, model, step=8, labels="hard", confidence=False, smooth=False, progress=None, engine="keras"):
    """Estimate how blurred each pixel of a photo is (eq. 6).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        In [0, 1]; any size, smaller than a window too.
    model : keras.Model, str, path or engines.Engine
        A classifier from `lib.classifiers`, its name, its ``.keras`` file, or one that `engines.start` has started.
    step : int
        From one window to the next, 1 to 32 pixels. The paper uses 8, 16 for larger photos.
    labels : {"hard", "expected"}
        A window's answer O_p: its most probable level, as in the paper, or the mean of the levels
        weighted by their probability.
    confidence : bool
        Return the confidence too.
    smooth : bool
        Filter the photo by a 3x3 Gaussian of sigma 1 first, as the authors' released code does and
        the paper does not say.
    progress : callable, optional
        Called after every batch with (windows done, windows in all).
    engine : {"keras", "onnx", "openvino", "openvino-bf16"}
        What runs the classifier, see `engines.start`.

    Returns
    -------
    blur : (H, W) float32 ndarray
        Sigma in pixels, 0 to 19.
    confidence : (H, W) float32 ndarray
        Only on request: eq. 6 over the probability of each window's most probable level, in (0, 1].

    Raises
    ------
    ValueError
        The image is no image, or `step`, `labels` or `engine` is none of those above.
    """
    gray = images.to_gray(images.check_image(image))
    if smooth:
        gray = cv2.GaussianBlur(gray, (3, 3), 1, borderType=cv2.BORDER_REFLECT)
    answers, certainty = classify(gray, model, step, labels, progress, engine)
    blur = average(answers, gray.shape, step)
    return (blur, average(certainty, gray.shape, step)) if confidence else blur


def window_pixels(length, step, size=patches.SIZE):
    """Which pixels each window sees along one side of the photo.

    As in the authors' released code, windows start at 0, step, 2 step, ... up to the last pixel;
    those that run over the border are filled up with their own mirror image.

    Parameters
    ----------
    length : int
        Of the side, pixels.
    step : int
    size : int
        Of a window, pixels.

    Returns
    -------
    (windows, size) int ndarray

    Examples
    --------
    >>> window_pixels(5, 2, size=4)
    array([[0, 1, 2, 3],
           [2, 3, 4, 4],
           [4, 4, 4, 4]])
    """
    starts = range(0, length, step)
    return np.array(
        [
            start + np.pad(np.arange(real), (0, size - real), "symmetric")
            for start, real in ((start, min(size, length - start)) for start in starts)
        ]
    )


def classify(gray, model, step=8, labels="hard", progress=None, engine="keras"):
    """Classify every window of a gray picture.

    Parameters
    ----------
    gray : (H, W) float32 ndarray in [0, 1]
    model, step, labels, progress, engine
        As in `estimate`.

    Returns
    -------
    answers : (rows, columns) float32 ndarray
        O_p of each window, in levels.
    certainty : (rows, columns) float32 ndarray
        Probability of each window's most probable level.
    """
    predict, size = engines.start(model, engine)
    if not (isinstance(step, int | np.integer) and 1 <= step <= size):
        msg = f"Expected a step of 1 to {size} pixels, got {step!r}: larger steps leave pixels without a window."
        raise ValueError(msg)
    if labels not in LABELS:
        msg = f"Expected labels to be one of {LABELS}, got {labels!r}."
        raise ValueError(msg)
    down, across = (window_pixels(length, step, size) for length in gray.shape)
    total = len(down) * len(across)
    answers, certainty = np.empty(total, np.float32), np.empty(total, np.float32)
    for first in range(0, total, BATCH):
        chosen = slice(first, min(first + BATCH, total))
        row, column = np.divmod(np.arange(chosen.start, chosen.stop), len(across))
        windows = gray[down[row][:, :, None], across[column][:, None, :]]
        probability = predict(windows[..., None])
        certainty[chosen] = probability.max(1)
        answers[chosen] = probability.argmax(1) if labels == "hard" else probability @ np.arange(probability.shape[1])
        if progress:
            progress(chosen.stop, total)
    shape = len(down), len(across)
    return answers.reshape(shape), certainty.reshape(shape)


def average(answers, shape, step):
    """Eq. 6: the mean, at each pixel, of the answers of all windows that hold it.

    A pixel's windows are a block of rows times a block of columns, so the mean is taken down and
    then across, each from running sums: the cost does not depend on the overlap.

    Parameters
    ----------
    answers : (rows, columns) ndarray
        One for each window, as `classify` returns them.
    shape : (int, int)
        H and W of the photo.
    step : int
        From one window to the next, pixels.

    Returns
    -------
    (H, W) float32 ndarray

    Examples
    --------
    Two windows of 32 pixels at step 16 on a row of 32: the second holds the right half only.

    >>> average(np.array([[1.0, 3.0]]), (1, 32), step=16)[0, [0, 15, 16, 31]]
    array([1., 1., 2., 2.], dtype=float32)
    """
    down = _running_mean(np.asarray(answers, np.float64), shape[0], step)
    return np.ascontiguousarray(_running_mean(down.T, shape[1], step).T, np.float32)


def _running_mean(answers, length, step):
    """Mean over the windows that hold each of `length` pixels, along axis 0."""
    pixel = np.arange(length)
    last = pixel // step
    first = np.maximum(-(-(pixel - patches.SIZE + 1) // step), 0)
    sums = np.concatenate([np.zeros((1, answers.shape[1])), np.cumsum(answers, axis=0)])
    return (sums[last + 1] - sums[first]) / (last + 1 - first)[:, None]


def read_map(path, shape):
    """Read an array of numbers that fits a photo, such as a map that `write_map` wrote.

    Parameters
    ----------
    path : path
        Of a ``.npy`` file, or of a picture that `write_map` wrote.
    shape : (int, int)
        H and W of the photo.

    Returns
    -------
    (H, W) float32 ndarray

    Raises
    ------
    ImageError
        The file is missing, is no array of numbers, holds NaN or has another shape.
    """
    try:
        white = pictures.white_of_map(path)
        values = np.load(path, allow_pickle=False) if white is None else white * pictures.read(path).pixels
    except (OSError, ValueError, EOFError) as error:
        kind = type(error).__name__
        msg = f"Cannot read the map {path} ({kind}): expected the .npy file of `defocus map`, or its picture."
        raise pictures.ImageError(msg) from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or values.shape != tuple(shape):
        found = getattr(values, "shape", "several arrays"), getattr(values, "dtype", "")
        msg = f"The map {path} does not fit: expected numbers of shape {tuple(shape)}, as the photo, got {found}."
        raise pictures.ImageError(msg)
    if not np.isfinite(values).all():
        msg = f"The map {path} holds NaN or infinity: estimate it again."
        raise pictures.ImageError(msg)
    return values.astype(np.float32)


def read_sigma(path, shape, scale=None):
    """Read a map of sigma in pixels, and refuse one that looks like a map of another scale.

    Parameters
    ----------
    path : path
        Of a ``.npy`` file or a picture that `write_map` wrote; with a scale, of any picture.
    shape : (int, int)
        H and W of the photo.
    scale : float, optional
        Sigma, in pixels, of the value 1 or of white: for maps from elsewhere. 1 says that it is sigma.

    Returns
    -------
    (H, W) float32 ndarray, sigma in pixels

    Raises
    ------
    ImageError
        As `read_map`, and where the values are from 0 to 1, or are no sigma that a photo could have.
    """
    path = Path(path)
    if path.suffix.lower() in pictures.SUFFIXES and path.is_file() and pictures.white_of_map(path) is None:
        if scale is None:
            msg = f"The picture {path} does not say its scale: say the sigma of white, in pixels, with --map-scale."
            raise pictures.ImageError(msg)
        values = images.to_gray(pictures.read(path).pixels)
        if values.shape != tuple(shape):
            msg = f"The map {path} does not fit: expected shape {tuple(shape)}, as the photo, got {values.shape}."
            raise pictures.ImageError(msg)
    else:
        values = read_map(path, shape)
    low, high = float(values.min()), float(values.max())
    if scale is None and not is_own_array(path) and pictures.white_of_map(path) is None and 0 < high <= 1:
        msg = (
            f"The map {path} goes from {low:g} to {high:g}, as one of the scale 0 to 1 does: expected sigma in pixels."
        )
        msg_0 = f"{msg} Say the sigma of 1 with --map-scale; --map-scale 1 if it is sigma."
        raise pictures.ImageError(msg_0)
    values = values * np.float32(1 if scale is None else scale)
    low, high = float(values.min()), float(values.max())
    if low < -_OVERSHOOT or (scale is None and high > _LARGEST):
        msg = f"The map {path} goes from {low:g} to {high:g}: expected sigma in pixels, 0 to {_LARGEST}."
        raise pictures.ImageError(msg if scale else f"{msg} Say the sigma of its value 1 with --map-scale.")
    return values


def write_map(target, sigma):
    """Write a map as a float32 ``.npy`` and as a 16 bit picture beside it, each whole or not at all.

    Parameters
    ----------
    target : Path
        Of the picture, ``.png`` or ``.tif``.
    sigma : (H, W) float32 ndarray
        Pixels; the picture holds 0 to 19.
    """
    peak = patches.LEVELS - 1
    with storage.whole(array_of(target)) as file:
        storage.save_array(file, sigma.astype(np.float32))
        pictures.write(target, np.clip(sigma / peak, 0, 1), bits=16, description=f"{pictures.MAP}{peak}")


def array_of(target):
    """The array that `write_map` writes beside a picture."""
    return target.with_name(target.stem + ".npy")


def is_own_array(path):
    """Whether an array is what `write_map` wrote, and nobody changed it since: the picture beside it shows it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    for suffix in (".png", ".tif", ".tiff"):
        picture = path.with_suffix(suffix)
        if path.suffix == ".npy" and picture.is_file() and pictures.is_own(picture):
            try:
                shown = pictures.white_of_map(picture) * pictures.read(picture).pixels
                sigma = read_map(path, shown.shape)
            except (TypeError, pictures.ImageError):
                continue
            if np.abs(np.clip(sigma, 0, patches.LEVELS - 1) - shown).max() < 1e-3:
                return True
    return False
