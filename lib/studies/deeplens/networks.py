"""The four networks of DeepLens, layer by layer under the names of the authors' variables."""

import keras
import tensorflow as tf
from keras import layers

DEPTH_SIZE = 320
"""Height and width at which depth is estimated, pixels."""


def bilinear(x, size):
    """TensorFlow 1's bilinear resize: the corner of a pixel is its center, unlike today's."""
    return tf.raw_ops.ResizeBilinear(images=x, size=size)


class Resize(layers.Layer):
    """Bilinear resize to the size of a second input."""

    def call(self, inputs):
        x, like = inputs
        return bilinear(x, tf.shape(like)[1:3])

    def compute_output_shape(self, shapes):
        return (*shapes[1][:3], shapes[0][3])


class Mirror(layers.Layer):
    """Pad by mirroring, the border's pixels included."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def call(self, x):
        return tf.pad(x, [[0, 0], [self.width] * 2, [self.width] * 2, [0, 0]], "SYMMETRIC")

    def compute_output_shape(self, shape):
        return (shape[0], *(side and side + 2 * self.width for side in shape[1:3]), shape[3])


def _conv(x, name, size, channels, strides=1, bn=None, activation=None, **options):
    """Convolution; with `bn`, the name of the batch norm behind it, it has no bias."""
    options = {"padding": "same", "use_bias": bn is None} | options
    x = layers.Conv2D(channels, size, strides, name=name, **options)(x)
    if bn is not None:
        x = layers.BatchNormalization(epsilon=1e-5, name=bn)(x)
    return _activate(x, activation)


def _activate(x, activation):
    if activation is None:
        return x
    return layers.ReLU(negative_slope=0.2 if activation == "leaky" else 0)(x)


def _bottleneck(x, stage, narrow, wide, project=None, first_stride=1, last_stride=1, dilation=1):
    """Residual block; `project` is None, or the activation of a projected shortcut."""
    shortcut = x
    if project is not None:
        stride = first_stride * last_stride
        shortcut = _conv(x, f"res{stage}_branch1", 1, wide, stride, f"bn{stage}_branch1", project or None)
    x = _conv(x, f"res{stage}_branch2a", 1, narrow, first_stride, f"bn{stage}_branch2a", "relu")
    x = _conv(x, f"res{stage}_branch2b", 3, narrow, 1, f"bn{stage}_branch2b", "relu", dilation_rate=dilation)
    x = _conv(x, f"res{stage}_branch2c", 1, wide, last_stride, f"bn{stage}_branch2c")
    return _activate(layers.Add()([shortcut, x]), "relu")


def _depth():
    """ResNet-50 up to its fourth stage (dilated, so that it ends at 40x40), pyramid pooling, and a decoder."""
    picture = keras.Input((DEPTH_SIZE, DEPTH_SIZE, 3))
    options = {"padding": "valid", "use_bias": True}
    stem = _conv(layers.ZeroPadding2D(3)(picture), "conv1", 7, 64, 2, "bn_conv1", "relu", **options)
    x = layers.MaxPooling2D(3, 2, "same")(stem)
    for block in "abc":
        x = fine = _bottleneck(x, f"2{block}", 64, 256, "" if block == "a" else None)
    for block in "abcd":
        first = block == "a"
        x = _bottleneck(x, f"3{block}", 128, 512, "" if first else None, first_stride=2 if first else 1)
    for block in "abcdef":
        x = _bottleneck(x, f"4{block}", 256, 1024, "" if block == "a" else None, dilation=2)

    x = _conv(x, "spp_conv1", 1, 256, bn="spp_bn1", activation="leaky")
    pyramid = [x]
    for size, letter in ((40, "a"), (20, "b"), (10, "c"), (5, "d")):
        pooled = layers.AveragePooling2D(size, size, "same")(x)
        pooled = _conv(pooled, f"spp_conv_{letter}", 1, 32, bn=f"spp_bn_{letter}", activation="leaky")
        pyramid.append(Resize()([pooled, x]))
    x = _conv(layers.Concatenate()(pyramid), "spp_conv2", 3, 64, bn="spp_bn2", activation="leaky")
    for stage, skip in ((3, fine), (4, stem)):
        skip = _conv(skip, f"spp_conv{stage}_1", 3, 64, bn=f"spp_bn{stage}_1", activation="leaky")
        x = layers.Concatenate()([Resize()([x, skip]), skip])
        x = _conv(x, f"spp_conv{stage}_2", 3, 64, bn=f"spp_bn{stage}_2", activation="leaky")
    x = _conv(Resize()([x, picture]), "depth_conv1", 3, 64, bn="depth_bn1", activation="leaky")
    x = layers.Add()([x, _conv(x, "depth_conv2", 3, 64, bn="depth_bn2")])
    return keras.Model(picture, _conv(_activate(x, "leaky"), "depth_pre", 1, 1), name="Depth")


def _lens_blur():
    """From a picture and its signed depth to the weights of 31 features at each pixel."""
    picture, depth = keras.Input((None, None, 3)), keras.Input((None, None, 1))
    both = layers.Concatenate()([picture, depth])
    shallow = _conv(both, "conv1_shallow", 7, 64, bn="bn1_shallow", activation="relu")
    x = _conv(depth, "conv1", 7, 64, 4, "bn1", "relu")
    x = _bottleneck(x, "2a", 64, 128, "relu")
    x = _bottleneck(x, "2b", 64, 256, "relu", last_stride=2)
    x = _bottleneck(x, "3a", 64, 256)
    x = layers.Concatenate()([Resize()([x, picture]), shallow])
    x = _bottleneck(x, "4a", 64, 128, "relu")
    x = _bottleneck(x, "4b", 64, 256, "relu")
    x = _bottleneck(x, "4c", 64, 256)
    return keras.Model([picture, depth], _conv(x, "output", 1, 31, activation="relu"), name="Lensblur")


def _feature():
    """The picture itself and four layers of it, concatenated."""
    picture = keras.Input((None, None, 3))
    return keras.Model(picture, _features(picture), name="Feature")


def _features(x):
    found = [x]
    for name, size, channels in (("fea1", 3, 30), ("fea2", 5, 30), ("fea3", 5, 15), ("fea4", 5, 15)):
        x = _conv(Mirror(size // 2)(x), name, size, channels, activation="relu", padding="valid")
        found.append(x)
    return layers.Concatenate()(found)


def _upsampling():
    """A small U-shaped network on the small pictures, whose answer is enlarged and turned into weights of features."""
    small, large, enlarged = keras.Input((None, None, 7)), keras.Input((None, None, 3)), keras.Input((None, None, 3))
    levels = [small]
    for name, channels, stride in (("lr1_1", 32, 1), ("lr2_1", 64, 2), ("lr3_1", 128, 2), ("lr4_1", 256, 2)):
        levels.append(_conv(levels[-1], name, 3, channels, stride, f"{name}_bn", "relu"))
    x = _conv(levels.pop(), "lr4_2", 3, 256, bn="lr4_2_bn", activation="relu")
    for name, channels in (("lr5_1", 128), ("lr6_1", 64), ("lr7_1", 32)):
        x = _conv(x, name, 3, channels, bn=f"{name}_bn", activation="relu")
        skip = levels.pop()
        x = layers.Add()([skip, Resize()([x, skip])])
    x = _conv(x, "lr8_1", 3, 32, bn="lr8_1_bn", activation="relu")
    x = _conv(Resize()([x, large]), "lr9_1", 3, 32, bn="lr9_1_bn", activation="relu")
    x = layers.Concatenate()([large, x])
    for name in ("pre1_1", "pre1_2", "pre1_3", "pre1_4"):
        x = _conv(x, name, 3, 32, bn=f"{name}_bn", activation="relu")
    weights = _conv(x, "pre1_5", 3, 32, activation="relu")
    features = _features(layers.Concatenate()([enlarged, large]))
    return keras.Model([small, large, enlarged], [weights, features], name="SR")


NETWORKS = {"Depth": _depth, "Lensblur": _lens_blur, "Feature": _feature, "SR": _upsampling}
"""Builder of each network, by its scope in the checkpoint."""
