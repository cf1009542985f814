"""IFGD, "Multi-exposure and multi-focus image fusion in gradient domain" (Paul et al. 2016), GDIIF in Table 3.

At each pixel the steepest gradient of luma is taken, a picture with these gradients is
reconstructed, and its contrast is stretched: by a gamma and by CLAHE. The method works on 8 bit
YCbCr and does not give a picture back when it is fused with itself, because of the contrast.
"""

import numpy as np
from scipy import fft

from lib.enhancement.clahe import clahe
from lib.fusion.stack import as_image, frames

_TO_YCBCR = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
_OFFSET = np.array([16.0, 128.0, 128.0])
_NEUTRAL = 128
CLIP_LIMIT = 0.003


def fuse(stack, reconstruct=None):
    """Fuse frames as published, into steps of 1/255.

    Of gradients that are equally steep the first is taken.

    Parameters
    ----------
    stack
        As in `lib.fusion.fuse`; gone through once, rounded to 8 bit.
    reconstruct : callable, optional
        ``reconstruct(gx, gy)``, by default `haar_multigrid`. With `poisson` the result differs by less
        than one gray level on average.

    References
    ----------
    Paul, Sevcenco and Agathoklis, "Multi-exposure and multi-focus image fusion in gradient domain",
    Journal of Circuits, Systems and Computers 25(10), 2016.

    Examples
    --------
    >>> ramp = np.tile(np.linspace(0, 1, 64), (64, 1))
    >>> fuse([ramp, ramp]).shape
    (64, 64)
    """
    steepest = gx = gy = None
    chroma, strength = 0.0, 0.0
    for frame in frames(stack):
        levels = _round(255 * np.float64(frame))
        color = levels.ndim == 3
        if color:
            levels = _round(levels / 255 @ _TO_YCBCR.T + _OFFSET)
            distance = np.abs(levels[..., 1:] - _NEUTRAL)
            chroma, strength = chroma + distance * levels[..., 1:], strength + distance
            levels = levels[..., 0]
        dx, dy = gradient(levels)
        slope = np.hypot(dx, dy)
        if steepest is None:
            steepest, gx, gy = slope, dx, dy
        else:
            steeper = slope > steepest
            gx[steeper], gy[steeper], steepest[steeper] = dx[steeper], dy[steeper], slope[steeper]
    # A loop variable outlives its loop: what the last frame was, all were.
    relief = (reconstruct or haar_multigrid)(gx, gy)
    if not color:
        return as_image(equalize(_round(stretch(relief, 0, 255)) / 255))
    luma = _round(stretch(relief, 16, 235))
    luma = _round(219 * equalize((luma - luma.min()) / max(np.ptp(luma), 1)) + 16)
    chroma = _round(np.divide(chroma, strength, out=np.full(chroma.shape, float(_NEUTRAL)), where=strength > 0))
    rgb = (np.dstack([luma, chroma]) - _OFFSET) @ np.linalg.inv(_TO_YCBCR).T
    return as_image(_round(255 * np.clip(rgb, 0, 1)) / 255)


def _round(values):
    """To whole numbers, halves upward, also those that a rounding error has put a little below the half."""
    return np.floor(np.float64(values) + 0.5 + 1e-5)


def gradient(image):
    """Differences to the next pixel to the right and below; zero in the last column and row.

    Returns
    -------
    gx, gy : (H, W) ndarray

    Examples
    --------
    >>> gradient(np.array([[1.0, 3.0], [1.0, 4.0]]))[0]
    array([[2., 0.],
           [3., 0.]])
    """
    return np.diff(image, axis=1, append=image[:, -1:]), np.diff(image, axis=0, append=image[-1:])


def poisson(gx, gy):
    """The picture whose gradient is nearest to the one given, by least squares: Poisson's equation.

    Solved exactly by cosine transforms (Neumann boundary).

    Parameters
    ----------
    gx, gy : (H, W) ndarray
        As of `gradient`.

    Returns
    -------
    (H, W) float64 ndarray
        Of mean 0.

    Examples
    --------
    >>> image = np.random.default_rng(0).random((12, 17))
    >>> bool(np.allclose(poisson(*gradient(image)), image - image.mean()))
    True
    """
    divergence = np.diff(gx, axis=1, prepend=0) + np.diff(gy, axis=0, prepend=0)
    down, across = (2 * np.cos(np.pi * np.arange(n) / n) - 2 for n in divergence.shape)
    eigenvalues = down[:, None] + across
    eigenvalues[0, 0] = 1  # of the mean, which no gradient knows
    spectrum = fft.dctn(divergence) / eigenvalues
    spectrum[0, 0] = 0
    return fft.idctn(spectrum)


def haar_multigrid(gx, gy, steps=3):
    """A picture with about the given gradient, from its Haar coefficients, level by level.

    The detail coefficients of a Haar decomposition are differences, so a gradient gives them all:
    those of coarse levels after it was summed over blocks. From the coarsest level on the picture is
    put together again; on each level a few steps of Jacobi's method for Poisson's equation spread
    out what contradicts itself in the gradient.

    Parameters
    ----------
    gx, gy : (H, W) ndarray
        As of `gradient`.
    steps : int
        Of Jacobi's method on each level from 4x4 pixels on.

    Returns
    -------
    (H, W) float64 ndarray
        Of mean 0.

    References
    ----------
    Sevcenco, Hampton and Agathoklis, "A wavelet based method for image reconstruction from gradient
    data with applications", Multidimensional Systems and Signal Processing 26, 2015.

    Examples
    --------
    >>> image = np.random.default_rng(0).random((12, 17))
    >>> bool(np.allclose(haar_multigrid(*gradient(image)), image - image.mean()))
    True
    """
    height, width = gx.shape
    gx, gy = _mirror_to_square(gx, gy)
    # Finest level: from differences of neighbors. X and Y are differences over 2x2 blocks, between
    # the pixels' corners (Fried's geometry); the pyramid of coarser levels is made of these.
    twist = (np.diff(gx, axis=0) + np.diff(gy, axis=1))[::2, ::2] / 4
    X, Y = (gx[:-1] + gx[1:]) / 2, (gy[:, :-1] + gy[:, 1:]) / 2
    levels = []
    while True:
        levels.append((X, Y, twist))
        if len(X) == 1:
            break
        twist = (_twist(X) + _twist(Y.T).T) / 2
        X, Y = _halve(X), _halve(Y.T).T
    picture = np.zeros((1, 1))
    for X, Y, twist in reversed(levels):
        picture = _synthesize(picture, X[::2, ::2], Y[::2, ::2], twist)
        if len(picture) > 2:
            for _ in range(steps):
                picture = _jacobi(picture, X, Y)
    picture = picture[:height, :width]
    return picture - picture.mean()


def _mirror_to_square(gx, gy):
    """Gradients of the picture mirrored about its last row and column, to a power of two a side.

    Returned without the differences beyond the last pixel: (N, N - 1) and (N - 1, N).
    """
    side = 2 ** int(np.ceil(np.log2(max(*gx.shape, 2))))
    rows, columns = (_mirrored(length, side) for length in gx.shape)
    down, across = np.diff(rows), np.diff(columns)  # +1, or -1 where the mirror runs backward
    return (
        gx[np.ix_(rows, np.minimum(columns[1:], columns[:-1]))] * across,
        gy[np.ix_(np.minimum(rows[1:], rows[:-1]), columns)] * down[:, None],
    )


def _mirrored(length, side):
    """0, 1, ..., length - 1, length - 2, ..., 0, 1, ... up to `side` numbers."""
    turn = max(length - 1, 1)
    index = turn - np.abs(np.arange(side) % (2 * turn) - turn)
    return np.minimum(index, length - 1)


def _halve(X):
    """X of the next coarser level: sums over the blocks that its differences lie between."""
    rows = X[:-2:2] + X[2::2]
    return (rows[:, :-2:2] + rows[:, 2::2]) / 2 + rows[:, 1::2]


def _twist(X):
    """Diagonal Haar coefficients of the next coarser level from the differences X."""
    rows = X[2::4] - X[:-2:4]
    return (rows[:, :-2:4] + rows[:, 2::4]) / 2 + rows[:, 1::4]


def _synthesize(mean, across, down, twist):
    """One step of the inverse Haar transform."""
    picture = np.empty((2 * len(mean), 2 * len(mean)))
    picture[::2, ::2] = mean - across - down + twist
    picture[::2, 1::2] = mean + across - down - twist
    picture[1::2, ::2] = mean - across + down - twist
    picture[1::2, 1::2] = mean + across + down + twist
    picture /= 2
    return picture


def _jacobi(picture, X, Y):
    """One step for Poisson's equation on diagonal neighbors, the picture mirrored at its border."""
    X, Y = np.pad(X, 1), np.pad(Y, 1)
    X[0, 1:-1], X[-1, 1:-1] = np.diff(picture[0]), np.diff(picture[-1])
    Y[1:-1, 0], Y[1:-1, -1] = np.diff(picture[:, 0]), np.diff(picture[:, -1])
    divergence = np.diff(X[:-1] + X[1:], axis=1) + np.diff(Y[:, :-1] + Y[:, 1:], axis=0)
    p = np.pad(picture, 1, "symmetric")
    return (p[:-2, :-2] + p[:-2, 2:] + p[2:, :-2] + p[2:, 2:] - divergence) / 4


def stretch(relief, low, high):
    """Scale to [low, high] under a gamma that fits the relief's range: the gamma correction of the method.

    Examples
    --------
    >>> stretch(np.array([0.0, 3.0, 9.0]), 0, 9)
    array([0., 3., 9.])
    """
    span = np.ptp(relief)
    if span <= 1:  # no relief to speak of: the logarithm of its range would not be positive
        return np.full(relief.shape, float(low))
    gamma = np.log(high - low) / np.log(span)
    return (high - low) * ((relief - relief.min()) / span) ** gamma + low


def equalize(image):
    """CLAHE of an (H, W) picture in [0, 1] as the method has it: 8x8 tiles, clip limit 0.003, 256 gray values.

    Examples
    --------
    >>> dim = np.tile(np.linspace(0.4, 0.5, 64), (64, 1))
    >>> bool(np.ptp(equalize(dim)) > np.ptp(dim))
    True
    """
    return clahe(_round(255 * image) / 255, CLIP_LIMIT)


METHODS = {"ifgd": fuse}
