"""The blur map of a photo: a classifier's answers on overlapping windows, averaged (section 3.2)."""

import cv2
import numpy as np

from lib import engines, filling, images, patches

BATCH = 1024
"""Windows classified at a time; bounds the memory, 1 kB to 1 MB of activations each."""
LABELS = ("hard", "expected")


SURE = 0.7
"""Confidence at which a filled map keeps half of a pixel's own value. Chosen on two photos each of the motorcycle and
of "Art"; there filling makes the mean error smaller by 1 %, as the refinement does: a window does not know that it
cannot know."""


def estimate(
    image, model, step=8, labels="hard", confidence=False, smooth=False, filled=False, progress=None, engine="keras"
):
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
    filled : bool
        Fill the map, where the windows are unsure, from where they are sure, along the colors of the photo
        (`filling.fill`), as `one_pass.estimate` does by its interval.
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
    image = images.check_image(image)
    gray = images.to_gray(image)
    if smooth:
        gray = cv2.GaussianBlur(gray, (3, 3), 1, borderType=cv2.BORDER_REFLECT)
    answers, certainty = classify(gray, model, step, labels, progress, engine)
    blur = average(answers, gray.shape, step)
    sure = average(certainty, gray.shape, step) if confidence or filled else None
    if filled:
        weight = sure**4
        blur = filling.fill(blur, weight, weight / (weight + np.float32(SURE**4)), image)
    return (blur, sure) if confidence else blur


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
