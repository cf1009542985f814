"""SpectrumNet, this book's own classifier: how fast a patch's components weaken as they get finer.

Blur by a Gaussian dims fine detail more than coarse, so what tells sigma is the decay of a patch's components,
down to the rounding of the gray levels. A network of convolutions has to find this out; here it is built in:

1. The patch is written as a sum of products of polynomials. Cosines would not do: a patch is not
   periodic, and the jump from its right border to its left one would fill the fine components of any blurred patch.
2. It is put into a standard pose, since blur looks the same from all sides and in the negative.
3. Neighboring components depend on each other. For a few levels of blur, each is replaced by
   what the coarser ones do not foretell of it (its *innovation*), as measured on the training set.
4. Sizes span four orders of magnitude, so their logarithms go into two or three dense layers.
"""

import keras
import numpy as np
from keras import layers, ops

GRAY_LEVEL = 2 / 255
"""Unit of the components, where [-1, 1] is the range of gray. Rounding to 8 bits puts an error of 0.29 on each."""
LEVELS = (2, 4, 6, 8, 10, 12, 14, 17)
"""Levels of blur for the sizes of the innovations."""
SIGNED_LEVELS = (6, 12)
"""Levels of blur for the innovations with their signs, which tell the shapes of edges."""
FLOOR = 0.01
"""Variance added to each component, squared gray levels, so that few or unrounded samples will do."""
DEGREE = 20
"""Highest total degree of a component that has innovations; the finer ones are nearly independent."""


def spectrum_net(input_shape, classes, units=(256, 256)):
    """SpectrumNet, untrained.

    Parameters
    ----------
    input_shape : tuple
        (side, side, 1).
    classes : int
    units : tuple of int
        Width of each hidden layer.

    Returns
    -------
    keras.Model
        Ends in a softmax. `Innovations.adapt` gives it the statistics of the training set.
    """
    inputs = keras.Input(input_shape)
    components = Polynomials(dtype="float32", name="polynomials")(inputs)
    sizes = Innovations(LEVELS, dtype="float32", name="sizes")(components)
    signed = Innovations(SIGNED_LEVELS, dtype="float32", name="signed")(components)
    x = _normalize(ops.concatenate([_log_size(components), _log_size(10 * sizes), ops.arcsinh(signed)], axis=1))
    for width in units:
        x = layers.ReLU()(_normalize(layers.Dense(width, use_bias=False)(x)))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name="spectrum_net")


def _log_size(x):
    """Like log(2 |x|) where x is large, like |x| where it is small."""
    return ops.arcsinh(ops.absolute(x))


def _normalize(x):
    return layers.BatchNormalization(momentum=0.99)(x)


def polynomials(size):
    """Orthonormal polynomials on `size` pixels.

    Returns
    -------
    (size, size) float64 ndarray
        Column n has degree n.

    Examples
    --------
    >>> basis = polynomials(32)
    >>> bool(np.allclose(basis.T @ basis, np.eye(32)))
    True
    """
    places = (np.arange(size) + 0.5) / size * 2 - 1
    return np.linalg.qr(np.polynomial.legendre.legvander(places, size - 1))[0]


def _by_degree(size, degree=None):
    """Indices into a flattened (size, size) array of components, coarse before fine, the mean left out."""
    total = np.add.outer(np.arange(size), np.arange(size)).ravel()
    order = np.argsort(total, kind="stable")[1:]
    return order if degree is None else order[total[order] <= degree]


@keras.saving.register_keras_serializable("lib")
class Polynomials(layers.Layer):
    """The components of a (N, size, size, 1) patch in gray levels, coarse before fine: (N, size^2 - 1).

    A mirrored or turned patch and a negative have the same components as the original: component
    x y is made positive, x and y too, and the coarse change along x the larger of the two.
    """

    def build(self, input_shape):
        self.size = input_shape[1]
        self.basis = polynomials(self.size).astype(np.float32)
        odd = np.arange(self.size) % 2 == 1
        self.odd_row, self.odd_column = odd[:, None], odd[None, :]

    def call(self, inputs):
        c = ops.einsum("nij,ia,jb->nab", inputs[..., 0], self.basis, self.basis) / GRAY_LEVEL
        turned = ops.absolute(c[:, 0, 1]) < ops.absolute(c[:, 1, 0])
        c = ops.where(turned[:, None, None], ops.transpose(c, (0, 2, 1)), c)
        x, y, xy = (ops.where(c[:, i, j] < 0, -1.0, 1.0)[:, None, None] for i, j in ((0, 1), (1, 0), (1, 1)))
        # Mirroring changes the sign of all odd components along one axis, the negative that of all.
        c = c * x * y * xy * ops.where(self.odd_row, x * xy, 1.0) * ops.where(self.odd_column, y * xy, 1.0)
        return ops.take(ops.reshape(c, (-1, self.size**2)), _by_degree(self.size), axis=1)

    def macs(self):
        """Multiply-accumulate operations for one patch: two products of square matrices."""
        return 2 * self.size**3


@keras.saving.register_keras_serializable("lib")
class Innovations(layers.Layer):
    """What the coarser components do not foretell of each, by the covariances at some levels of blur.

    With the covariance's Cholesky factor L, the innovations of components c are the solution of L r = c:
    uncorrelated and of equal size at that level. `adapt` must be called before training.

    Parameters
    ----------
    levels : sequence of int
    """

    def __init__(self, levels, **options):
        super().__init__(**options)
        self.levels = tuple(levels)

    def get_config(self):
        return super().get_config() | {"levels": self.levels}

    def build(self, input_shape):
        side = round((input_shape[-1] + 1) ** 0.5)
        self.count = len(_by_degree(side, DEGREE))
        self.whitening = self.add_weight(
            shape=(self.count, len(self.levels) * self.count), initializer="zeros", trainable=False, name="whitening"
        )

    def call(self, inputs):
        return ops.matmul(inputs[:, : self.count], self.whitening)

    def macs(self):
        """Multiply-accumulate operations for one patch."""
        return int(np.prod(self.whitening.shape))

    def adapt(self, components):
        """Measure the covariances.

        Parameters
        ----------
        components : callable
            Given a level, the (N, components) ndarray of training patches blurred to that level.
        """
        factors = [_whitening(np.asarray(components(level), np.float64)[:, : self.count]) for level in self.levels]
        self.whitening.assign(np.concatenate([factor.T for factor in factors], axis=1))


def _whitening(samples):
    """The inverse Cholesky factor of Tyler's covariance: each sample counts by its shape, whatever its contrast."""
    weights = 1 / (samples**2).mean(1)
    for _ in range(5):
        covariance = (samples * weights[:, None]).T @ samples / len(samples)
        covariance += FLOOR * weights.mean() * np.eye(len(covariance))
        factor = np.linalg.cholesky(covariance)
        weights = 1 / (np.linalg.solve(factor, samples.T) ** 2).mean(0)
    # 1 is the size for a sample of medium contrast.
    return np.linalg.inv(factor) * np.median(weights) ** 0.5
