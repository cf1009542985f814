"""The network: a photo in, sigma and an 80 % interval for each pixel out, in one pass.

Fixed polynomial filters, `spectrum_net`'s idea made dense, look at a pyramid of gray levels: a filter of degree n does
not see what has a lower degree, so the fine parts of a blurred edge do not drown in its slope. A light U-Net from 1/2
to 1/32 of the photo's size joins what they find, so that a flat surface can be told by its outline. The pyramid
amplifies what it halves, so that white noise is as strong at each level.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from lib import images

GREATEST_SIGMA = 19.0
"""Pixels; what the network says beyond is cut, as the maps of all estimators here are."""
ENCODER = (16, 32, 56, 88, 120)
"""Channels at 1/2, 1/4, ... 1/32 of the photo's size."""
DECODER = (16, 24, 40, 64)
"""Channels at 1/2, 1/4, 1/8, 1/16."""
BLOCKS = (0, 0, 1, 1, 2)
"""Residual blocks of the encoder."""
GAIN = 3.2
"""Of the pyramid, a level; keeps the deviation of white noise."""
AUXILIARY = (1, 2)
"""Decoder levels that also answer while training, so that the coarse ones learn early."""


@keras.saving.register_keras_serializable("one_pass")
class Mirror(layers.Layer):
    """Continue a picture beyond its border, mirrored at the outermost pixels."""

    def __init__(self, width=1, **options):
        super().__init__(**options)
        self.width = width

    def get_config(self):
        return super().get_config() | {"width": self.width}

    def call(self, x):
        return mirror(x, self.width)

    def compute_output_shape(self, shape):
        return (shape[0], *(side and side + 2 * self.width for side in shape[1:3]), shape[3])


def mirror(x, width):
    return tf.pad(x, [[0, 0], [width, width], [width, width], [0, 0]], "REFLECT")


@keras.saving.register_keras_serializable("one_pass")
class Gray(layers.Layer):
    """RGB in [0, 1] to gray levels of 0..255."""

    def call(self, x):
        return tf.nn.conv2d(x, np.float32(255 * images.GRAY_WEIGHTS)[None, None, :, None], 1, "VALID")


@keras.saving.register_keras_serializable("one_pass")
class Half(layers.Layer):
    """Half the size by the binomial filter 1 3 3 1, amplified."""

    def __init__(self, gain=GAIN, **options):
        super().__init__(**options)
        self.gain = gain

    def get_config(self):
        return super().get_config() | {"gain": self.gain}

    def call(self, x):
        line = np.float32([1, 3, 3, 1]) / 8
        kernel = self.gain * np.outer(line, line)[..., None, None]
        return tf.nn.conv2d(mirror(x, 1), np.float32(kernel), 2, "VALID")


@keras.saving.register_keras_serializable("one_pass")
class Polynomials(layers.Layer):
    """Orthonormal polynomial filters of stride 2.

    Out: asinh of the responses up to degree `signed`, linear within the noise and a logarithm beyond, and the log of
    the local energy of each degree up to `degree`, which does not depend on direction.
    """

    def __init__(self, size=8, degree=6, signed=4, floor=0.02, **options):
        super().__init__(**options)
        self.size, self.degree, self.signed, self.floor = size, degree, signed, floor

    def get_config(self):
        names = ("size", "degree", "signed", "floor")
        return super().get_config() | {name: getattr(self, name) for name in names}

    def call(self, x):
        place = (np.arange(self.size) + 0.5) / self.size * 2 - 1
        basis = np.linalg.qr(np.polynomial.legendre.legvander(place, self.size - 1))[0]
        pairs = [(i, total - i) for total in range(1, self.degree + 1) for i in range(total + 1)]
        filters = np.stack([np.outer(basis[:, i], basis[:, j]) for i, j in pairs], axis=-1)[:, :, None]
        group = np.float32([[i + j == total for total in range(1, self.degree + 1)] for i, j in pairs])[None, None]
        response = tf.nn.conv2d(mirror(x, (self.size - 2) // 2), np.float32(filters), 2, "VALID")
        energy = tf.nn.conv2d(response * response, group, 1, "VALID")
        energy = tf.nn.avg_pool2d(energy, 3, 1, "SAME")
        signed = sum(i + j <= self.signed for i, j in pairs)
        return tf.concat([tf.asinh(2 * response[..., :signed]), 0.5 * tf.math.log(energy + self.floor)], -1)


@keras.saving.register_keras_serializable("one_pass")
class Double(layers.Layer):
    """Twice the size, bilinear."""

    def call(self, x):
        return tf.cast(tf.image.resize(x, 2 * tf.shape(x)[1:3], "bilinear"), x.dtype)

    def compute_output_shape(self, shape):
        return (shape[0], *(side and 2 * side for side in shape[1:3]), shape[3])


@keras.saving.register_keras_serializable("one_pass")
class Unfold(layers.Layer):
    """Four times the channels to twice the size: each answers for its own quarter of the pixel."""

    def call(self, x):
        return tf.nn.depth_to_space(x, 2)

    def compute_output_shape(self, shape):
        return (shape[0], *(side and 2 * side for side in shape[1:3]), shape[3] // 4)


def build(half=False):
    """The network, untrained.

    Parameters
    ----------
    half : bool
        Compute the U-Net in bfloat16, to train faster; the weights stay float32.

    Returns
    -------
    keras.Model
        (N, H, W, 3) photos in [0, 1] to the (N, H, W, 3) answer, see `quantiles` and `to_sigma`, and two coarse ones
        that only training needs. H and W are multiples of 32 and at least 64.
    """
    policy = "mixed_bfloat16" if half else "float32"

    def convolve(x, channels, name, size=3, active=True):
        if size > 1:
            x = Mirror(size // 2, name=f"{name}_pad", dtype=policy)(x)
        x = layers.Conv2D(channels, size, use_bias=False, kernel_initializer="he_normal", name=name, dtype=policy)(x)
        x = layers.BatchNormalization(momentum=0.98, epsilon=1e-4, name=f"{name}_norm", dtype=policy)(x)
        return activate(x, name) if active else x

    def activate(x, name):
        return layers.ReLU(name=f"{name}_relu", dtype=policy)(x)

    def add(a, b, name):
        return activate(layers.Add(name=name, dtype=policy)([a, b]), name)

    photo = keras.Input((None, None, 3), name="photo")
    gray, color, x, levels = Gray(name="gray", dtype="float32")(photo), photo, None, []
    for level, channels in enumerate(ENCODER):
        parts = [Polynomials(name=f"filters{level}", dtype="float32")(gray)]
        if level < 2:
            color = layers.AveragePooling2D(2, name=f"color{level}")(color)
            parts.append(layers.Rescaling(2.0, -1.0, name=f"rgb{level}")(color))
        if x is not None:
            parts.append(layers.MaxPooling2D(2, name=f"pool{level}", dtype=policy)(x))
        x = layers.Concatenate(name=f"join{level}", dtype=policy)(parts) if len(parts) > 1 else parts[0]
        x = convolve(x, channels, f"encode{level}", 1 if level == 0 else 3)
        x = convolve(x, channels, "encode0b") if level == 0 else x
        for block in range(BLOCKS[level]):
            name = f"encode{level}_{block}"
            x = add(x, convolve(convolve(x, channels, f"{name}a"), channels, f"{name}b", active=False), name)
        levels.append(x)
        gray = Half(name=f"half{level}", dtype="float32")(gray) if level + 1 < len(ENCODER) else gray

    coarse = []
    for level in reversed(range(len(DECODER))):
        channels, name = DECODER[level], f"decode{level}"
        up = Double(name=f"double{level}", dtype=policy)(convolve(x, channels, f"{name}_up", 1, active=False))
        x = add(up, convolve(levels[level], channels, f"{name}_across", 1, active=False), f"{name}_join")
        x = convolve(x, channels, f"{name}a")
        x = convolve(x, channels, f"{name}b") if level else x
        if level in AUXILIARY:
            coarse.append(layers.Conv2D(1, 1, name=f"coarse{level}", dtype="float32")(x))
    start = keras.initializers.Constant(1.3)
    x = layers.Conv2D(12, 1, bias_initializer=start, name="head", dtype="float32")(x)
    return keras.Model(photo, [Unfold(name="answer", dtype="float32")(x), *coarse], name="one_pass")


def quantiles(answer):
    """What the network says of the root of sigma: median, 10 % and 90 % quantile, each (N, H, W, 1).

    The outer two are distances from the median that cannot be negative; their loss does not move the median.
    """
    median = answer[..., :1]
    fixed = tf.stop_gradient(median)
    return median, fixed - tf.nn.softplus(answer[..., 1:2] - 2), fixed + tf.nn.softplus(answer[..., 2:3] - 2)


def to_sigma(answer):
    """The network's answer in pixels: (N, H, W, 3) sigma, low and high, from 0 to `GREATEST_SIGMA`."""
    roots = tf.concat(quantiles(answer), -1)
    return tf.minimum(tf.nn.relu(roots) ** 2, GREATEST_SIGMA)
