"""Alignment of the frames of a hand-held stack.

Between two frames the hand moves, and the lens draws the scene at another size as it focuses
nearer ("focus breathing"). Both together are close to an affine map. It is found by maximizing the
correlation of the frames (ECC), from coarse to fine: what is out of focus in one frame and not in
the other still looks alike when it is small.
"""

import cv2
import numpy as np

_COARSEST, _FINEST = 128, 1024
"""Long sides of the smallest and largest copies that are compared, pixels."""
_NARROW = 16
"""Short side of the smallest copy, pixels, if the frames have it."""
_LEAST = 8
"""Short side that frames need."""
_SMOOTHING = 5
_LEAST_CORRELATION = 0.3
"""Frames of one scene have 0.9 and more."""
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-6)


def estimate(reference, gray, start=None):
    """Find where the pixels of a reference are in another frame.

    Parameters
    ----------
    reference, gray : (H, W) float32 ndarray
        In [0, 1].
    start : (3, 3) ndarray, optional
        A guess, such as the matrix of the frame before; by default a shift by phase correlation.

    Returns
    -------
    (3, 3) float64 ndarray
        Takes (x, y, 1) of the reference to the frame.

    Raises
    ------
    ValueError
        The frames have different shapes or nothing in common, or are too small.

    References
    ----------
    Evangelidis and Psarakis, "Parametric image alignment using enhanced correlation coefficient
    maximization", IEEE Trans. Pattern Anal. Mach. Intell. 30(10), 2008.

    Examples
    --------
    >>> scene = cv2.GaussianBlur(np.random.default_rng(0).random((120, 160), np.float32), (0, 0), 3)
    >>> matrix = estimate(scene[:, :150], scene[:, 4:154])
    >>> bool(np.allclose(matrix[:2, 2], [-4, 0], atol=0.1))
    True
    """
    if reference.shape != gray.shape:
        msg = f"Expected frames of one shape, got {reference.shape} and {gray.shape}."
        raise ValueError(msg)
    reference, gray = np.float32(reference), np.float32(gray)
    if np.ptp(gray) > 0 and np.array_equal(reference, gray):
        return np.eye(3)
    if min(gray.shape) < _LEAST:
        msg = f"Expected frames of {_LEAST}x{_LEAST} pixels or more, got {gray.shape}: they cannot be aligned."
        raise ValueError(msg)
    matrix = start
    for factor in _factors(gray.shape):
        size = tuple(max(round(factor * side), 1) for side in gray.shape[::-1])
        small = [_standard(cv2.resize(each, size, interpolation=cv2.INTER_AREA)) for each in (reference, gray)]
        to_small = _scaling(size[0] / gray.shape[1], size[1] / gray.shape[0])
        if matrix is None:
            matrix = np.linalg.inv(to_small) @ _shift(*small) @ to_small
        guess = np.float32(to_small @ matrix @ np.linalg.inv(to_small))[:2].copy()
        try:
            correlation, found = cv2.findTransformECC(*small, guess, cv2.MOTION_AFFINE, _CRITERIA, None, _SMOOTHING)
        except cv2.error:  # what it raises where it does not converge
            correlation = 0
        if not (correlation > _LEAST_CORRELATION and 0.5 < np.linalg.det(found[:2, :2]) < 2):
            msg = "Expected frames of one scene, found nothing in common: they cannot be aligned; leave one out."
            raise ValueError(msg)
        matrix = np.linalg.inv(to_small) @ np.vstack([found, [0, 0, 1]]) @ to_small
    return matrix


def warp(image, matrix):
    """Draw a frame as the reference sees the scene.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        In [0, 1].
    matrix : (3, 3) ndarray
        Of `estimate`.

    Returns
    -------
    warped : (H, W[, 3]) float32 ndarray
        In [0, 1]. Beyond the frame its last pixels are repeated.
    inside : (H, W) float32 ndarray
        1 where the frame has something to show, 0 beyond its border.

    Examples
    --------
    >>> warped, inside = warp(np.full((20, 30), 0.5, np.float32), np.array([[1, 0, 5], [0, 1, 0], [0, 0, 1.0]]))
    >>> float(warped.min()), inside[0, 20:].tolist()
    (0.5, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    """
    size = image.shape[1::-1]
    warped = cv2.warpPerspective(
        image, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    # A picture of ones would fade at its border; the position of each pixel says exactly what is inside.
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    row = np.float32(matrix)
    depth = row[2, 0] * x + row[2, 1] * y + row[2, 2]
    u = (row[0, 0] * x + row[0, 1] * y + row[0, 2]) / depth
    v = (row[1, 0] * x + row[1, 1] * y + row[1, 2]) / depth
    inside = (u > -0.5) & (u < size[0] - 0.5) & (v > -0.5) & (v < size[1] - 0.5)
    return np.clip(warped, 0, 1), np.float32(inside)


def _factors(shape):
    """Scales of the copies, from small to large, each twice the one before; a narrow picture keeps its narrow side."""
    coarsest = max(_COARSEST / max(shape), _NARROW / min(shape))
    finest = min(1, max(_FINEST / max(shape), 4 * _NARROW / min(shape)))
    steps = max(int(np.floor(np.log2(finest / coarsest))), 0)
    return [finest / 2**step for step in range(steps, -1, -1)]


def _standard(image):
    """Of mean 0 and standard deviation 1, so that the search does not depend on the exposure."""
    return np.float32((image - image.mean()) / max(image.std(), 1e-6))


def _scaling(across, down):
    """Matrix from pixel centers of a picture to those of its copy of another size."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def _shift(reference, gray):
    """The shift between two pictures, as a matrix, by the peak of their phase correlation."""
    window = cv2.createHanningWindow(gray.shape[::-1], cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(reference.copy(), gray.copy(), window)  # it multiplies them by the window in place
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
