"""The network of DMENet: a VGG19 encoder and a U-Net decoder, as the paper and its public code describe them."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from lib import paths
from lib.classifiers.core import restore

FOLDER = "dmenet"
"""Of the networks, among those of all methods."""
GREATEST_COC = 15
"""Diameter of the circle of confusion, pixels, where the map is 1."""
VGG_MEAN = (123.68, 116.779, 103.939)
"""Mean R, G and B, of 255, that VGG19's inputs are centered on."""
ENCODER = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions of VGG19's five blocks; all but the last end in a 2x2 max pooling."""
RESIDUAL_BLOCKS = 7
"""At full resolution, at the end of the decoder."""


@keras.saving.register_keras_serializable("lib")
class SymmetricPadding(layers.Layer):
    """One pixel of mirror image around an (N, H, W, C) map, so that a valid 3x3 convolution keeps its size."""

    def call(self, inputs):
        return tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")


def build(width=1.0, peak=255.0):
    """Make an untrained DMENet.

    Parameters
    ----------
    width : float
        Channels of each layer relative to the published network.
    peak : float
        What the encoder gets for a white pixel, before centering. VGG19 learned on 255; a network that
        starts at random learns better when its inputs have about unit spread.

    Returns
    -------
    keras.Model
        (N, H, W, 3) RGB in [0, 1], H and W multiples of 16, to a list of (N, h, w, 1) maps in (0, 1): the map at
        full size, then the decoder's auxiliary ones at 1/16, 1/8, 1/4, 1/2 and full size. `to_sigma` reads them.

    Examples
    --------
    >>> network = build(width=1 / 16)
    >>> [tuple(output.shape) for output in network.outputs][0]
    (None, None, None, 1)
    """
    inputs = keras.Input((None, None, 3), name="rgb")
    offset = [-mean * peak / 255 for mean in VGG_MEAN]
    features = _encode(layers.Rescaling(peak, offset, name="centered")(inputs), width)
    return keras.Model(inputs, _decode(features, width), name="dmenet")


def _encode(x, width):
    """The features before each of the four poolings of VGG19 and after its last convolution."""
    features = []
    for block, (channels, convolutions) in enumerate(ENCODER, 1):
        if features:
            x = layers.MaxPooling2D(name=f"pool{block - 1}")(x)
        for number in range(1, convolutions + 1):
            name = f"conv{block}_{number}"
            x = layers.ReLU(name=f"relu{block}_{number}")(_convolve(x, channels * width, name))
        features.append(x)
    return features


def _decode(features, width):
    """From the smallest features up to full size, with a map predicted at each size on the way."""
    x = features[-1]
    auxiliary = [_auxiliary(x, 256 * width, "u4_aux")]
    for level, channels in ((3, 256), (2, 128), (1, 64)):
        x = _join(x, features[level], level)
        for number in (1, 2, 3):
            x = _convolve_normalize(x, channels * width, f"u{level}", number)
        auxiliary.append(_auxiliary(x, channels // 2 * width, f"u{level}_aux"))

    x = _convolve_normalize(_join(x, features[0], 0), 64 * width, "u0", "_init")
    auxiliary.append(_auxiliary(x, 32 * width, "u0_aux"))
    for block in range(RESIDUAL_BLOCKS):
        shortcut = _convolve_normalize(x, 64 * width, "u0", f"_res{block}", size=1)
        for number in (1, 2):
            x = _convolve_normalize(x, 64 * width, "u0", f"{block}_{number}")
        x = layers.Add(name=f"u0-add{block}")([x, shortcut])

    for number, channels in ((1, 64), (2, 32)):
        x = _convolve_normalize(x, channels * width, "uf", number)
    x = _convolve(x, 1, "uf-c3", initializer="glorot_uniform")
    return [layers.Activation("sigmoid", name="map")(x), *auxiliary]


def _join(x, skipped, level):
    doubled = layers.UpSampling2D(interpolation="nearest", name=f"u{level}-u")(x)
    return layers.Concatenate(name=f"u{level}-concat")([doubled, skipped])


def _auxiliary(x, channels, name):
    x = _convolve_normalize(x, channels, name, 1)
    x = layers.BatchNormalization(scale=False, epsilon=1e-5, momentum=0.9, name=f"{name}-b2")(
        _convolve(x, 1, f"{name}-c2", initializer="glorot_uniform")
    )
    return layers.Activation("sigmoid", name=f"{name}-map")(x)


def _convolve_normalize(x, channels, scope, number, size=3):
    x = _convolve(x, channels, f"{scope}-c{number}", size)
    x = layers.BatchNormalization(scale=False, epsilon=1e-5, momentum=0.9, name=f"{scope}-b{number}")(x)
    return layers.LeakyReLU(0.2, name=f"{scope}-lrelu{number}")(x)


def _convolve(x, channels, name, size=3, initializer="he_normal"):
    if size == 3:
        x = SymmetricPadding(name=f"{name}-pad")(x)
    return layers.Conv2D(max(1, round(channels)), size, kernel_initializer=initializer, name=name)(x)


def to_sigma(blur):
    """Sigma in pixels, 0 to 7, of the network's map d in [0, 1]: max((15 d - 1) / 2, 0).

    d is a diameter in units of `GREATEST_COC` pixels. Blur of less than a pixel across counts as none.
    """
    return np.maximum((GREATEST_COC * blur - 1) / 2, 0)


def settings(model):
    """The `width` and the `peak` that a network was built with."""
    return model.get_layer("conv1_1").filters / ENCODER[0][0], float(model.get_layer("centered").scale)


def shipped():
    """Names of the trained networks in ``data/weights/dmenet``, sorted."""
    return paths.networks(FOLDER)


def load(name):
    """Open a trained network, one of `shipped` or the path of a ``.keras`` file, as `lib.classifiers.load` does."""
    return restore(name, lambda stored: build(*settings(stored)), "DMENet", FOLDER)
