"""ShuffleNetV2 (Ma et al. 2018), written from the paper's text, Fig. 3 and Table 5."""

import keras
from keras import layers

WIDTHS = {0.5: (48, 96, 192, 1024), 1: (116, 232, 464, 1024), 1.5: (176, 352, 704, 1024), 2: (244, 488, 976, 2048)}
"""Channels of the three stages and of the last convolution, by width (Table 5)."""
UNITS = (4, 8, 4)
"""Units of each stage, the downsampling one included."""


def shufflenet_v2(input_shape, classes, width=1.5):
    """ShuffleNetV2, untrained.

    Parameters
    ----------
    input_shape : tuple
        (height, width, channels).
    classes : int
    width : {0.5, 1, 1.5, 2}
        1.5 comes nearest to the size in the paper's Table 2.

    Returns
    -------
    keras.Model
        Ends in a softmax.

    Raises
    ------
    ValueError
        The width is another.

    Examples
    --------
    >>> shufflenet_v2((32, 32, 1), 20, width=0.5).output_shape
    (None, 20)
    """
    if width not in WIDTHS:
        msg = f"Expected a width of {', '.join(map(str, WIDTHS))}, got {width!r}."
        raise ValueError(msg)
    *stages, last = WIDTHS[width]
    inputs = keras.Input(input_shape)
    x = _pointwise(inputs, 24, kernel=3, strides=2)
    x = layers.MaxPooling2D(3, 2, "same")(x)
    for channels, units in zip(stages, UNITS, strict=True):
        x = _downsampling_unit(x, channels)
        for _ in range(units - 1):
            x = _basic_unit(x)
    x = layers.GlobalAveragePooling2D()(_pointwise(x, last))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name="shufflenet_v2")


def _basic_unit(x):
    """Fig. 3 (c): half of the channels pass, the other half is convolved; then both are shuffled."""
    half = x.shape[-1] // 2
    passed, branch = keras.ops.split(x, 2, axis=-1)
    branch = _pointwise(_depthwise(_pointwise(branch, half)), half)
    return _shuffle(layers.Concatenate()([passed, branch]))


def _downsampling_unit(x, channels):
    """Fig. 3 (d): no split; both branches halve the map, so that the channels double."""
    half = channels // 2
    shortcut = _pointwise(_depthwise(x, strides=2), half)
    branch = _pointwise(_depthwise(_pointwise(x, half), strides=2), half)
    return _shuffle(layers.Concatenate()([shortcut, branch]))


def _shuffle(x):
    """Interleave the two halves of the channels: 1 2 3 a b c becomes 1 a 2 b 3 c."""
    height, width, channels = x.shape[1:]
    x = layers.Permute((1, 2, 4, 3))(layers.Reshape((height, width, 2, channels // 2))(x))
    return layers.Reshape((height, width, channels))(x)


def _pointwise(x, channels, kernel=1, strides=1):
    """Convolution, batch normalization, ReLU."""
    x = layers.Conv2D(channels, kernel, strides, "same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _depthwise(x, strides=1):
    """Depthwise 3x3 convolution and batch normalization; no ReLU."""
    return layers.BatchNormalization()(layers.DepthwiseConv2D(3, strides, "same", use_bias=False)(x))
