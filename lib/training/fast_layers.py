"""Layers that train faster on a CPU and compute the same.

On 32x32 patches the maps of the networks of Table 2 soon shrink to 4x4, 2x2 and 1x1 pixels. There TensorFlow spends a
quarter of a training step of MobileNetV2 in one gradient, that of the depthwise kernels, whose cost hardly falls
with the size of the map; Keras' batch normalization passes over the data many times where a fused kernel exists; and
a convolution costs far more than the matrix product that it is. With all three replaced MobileNetV2 trains twice as
fast. Inference is untouched, and `lib.classifiers.save` writes Keras' own layers.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf

SMALL = 4
"""Side of a map up to which a depthwise convolution is a matrix product, pixels: there that costs what TensorFlow's
costs by 3x3 kernels, and half by 5x5."""


def accelerate(model):
    """Copy an untrained model with its slow layers replaced; names, weights and results stay the same."""
    fast = keras.models.clone_model(model, clone_function=_replace, recursive=True)
    fast.set_weights(model.get_weights())
    return fast


def _replace(layer):
    for slow, quick in (
        (keras.layers.BatchNormalization, FusedBatchNormalization),
        (keras.layers.Conv2D, MatrixConv2D),
        (keras.layers.DepthwiseConv2D, MatrixDepthwiseConv2D),
        (keras.layers.SeparableConv2D, MatrixSeparableConv2D),
    ):
        if type(layer) is slow:
            return quick.from_config(layer.get_config())
    return layer.__class__.from_config(layer.get_config())


@keras.saving.register_keras_serializable("lib")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization of (N, H, W, C) whose training step is TensorFlow's fused kernel."""

    def call(self, inputs, training=None, mask=None):
        if not training or not self.trainable or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        gamma = tf.ones_like(self.beta) if self.gamma is None else self.gamma
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, self.beta, epsilon=self.epsilon, is_training=True
        )[:3]
        # The kernel divides by one less than the count, as an estimate from a sample; Keras by the count.
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, variance * (count - 1) / count)
        return outputs

    def _follow(self, average, value):
        average.assign(average * self.momentum + value * (1 - self.momentum))


@keras.saving.register_keras_serializable("lib")
class MatrixConv2D(keras.layers.Conv2D):
    """Convolution as one matrix product where it is one: by 1x1 kernels, and by 3x3 on maps of 2x2 pixels and less."""

    def call(self, inputs):
        side, width, channels = inputs.shape[1:]
        plain = self.groups == 1 and self.strides == (1, 1) and self.dilation_rate == (1, 1) and side and width
        kernel = tf.convert_to_tensor(self.kernel)
        if plain and self.kernel_size == (1, 1):
            outputs = tf.matmul(tf.reshape(inputs, (-1, channels)), kernel[0, 0])
        elif plain and self.kernel_size == (3, 3) and self.padding == "same" and side == width <= 2:
            # To the pixel (y, x) the part of the kernel contributes that lies on the map when its center stands there.
            parts = [kernel[1 - y : 1 - y + side, 1 - x : 1 - x + side] for y in range(side) for x in range(side)]
            matrix = tf.concat([tf.reshape(part, (-1, self.filters)) for part in parts], axis=1)
            outputs = tf.matmul(tf.reshape(inputs, (-1, side * side * channels)), matrix)
        else:
            return super().call(inputs)
        outputs = tf.reshape(outputs, (-1, side, width, self.filters))
        return self.activation(outputs + self.bias if self.use_bias else outputs)


@keras.saving.register_keras_serializable("lib")
class MatrixDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Depthwise convolution as one matrix product for each channel, on maps of 4x4 pixels and less."""

    def call(self, inputs):
        if not _small(self, inputs) or self.use_bias:
            return super().call(inputs)
        return self.activation(_depthwise(inputs, tf.convert_to_tensor(self.kernel), self.strides[0]))


@keras.saving.register_keras_serializable("lib")
class MatrixSeparableConv2D(keras.layers.SeparableConv2D):
    """Depthwise convolution as above, and what follows it as one matrix product."""

    def call(self, inputs):
        if self.use_bias or self.dilation_rate != (1, 1) or self.depth_multiplier != 1:
            return super().call(inputs)
        kernel, steps = tf.convert_to_tensor(self.depthwise_kernel), [1, *self.strides, 1]
        if _small(self, inputs):
            found = _depthwise(inputs, kernel, self.strides[0])
        else:
            found = tf.nn.depthwise_conv2d(inputs, kernel, steps, self.padding.upper())
        outputs = tf.matmul(tf.reshape(found, (-1, found.shape[-1])), tf.convert_to_tensor(self.pointwise_kernel)[0, 0])
        return self.activation(tf.reshape(outputs, (-1, *found.shape[1:3], self.filters)))


def _small(layer, inputs):
    side, width = inputs.shape[1:3]
    square = side == width and layer.strides[0] == layer.strides[1]
    plain = layer.padding == "same" and layer.depth_multiplier == 1 and layer.dilation_rate == (1, 1)
    return square and plain and side is not None and side <= SMALL


def _depthwise(inputs, kernel, stride):
    side, channels = inputs.shape[2:]
    out = -(-side // stride)
    taps = tf.constant(_taps(side, out, kernel.shape[0], stride))
    weights = tf.transpose(tf.tensordot(taps, tf.reshape(kernel, (-1, channels)), 1), (2, 0, 1))  # channels first
    pixels = tf.transpose(tf.reshape(inputs, (-1, side * side, channels)), (2, 0, 1))
    return tf.reshape(tf.transpose(tf.matmul(pixels, weights), (1, 2, 0)), (-1, out, out, channels))


def _taps(side, out, size, stride):
    """1 where a tap of the kernel leads from a pixel to one of the result, (side^2, out^2, size^2) float32."""
    before = max((out - 1) * stride + size - side, 0) // 2  # rows of zeros above the map ("SAME")
    leads = np.zeros((side, out, size), np.float32)  # along one axis
    for to, tap in itertools.product(range(out), range(size)):
        if 0 <= (pixel := to * stride + tap - before) < side:
            leads[pixel, to, tap] = 1
    return np.einsum("yva,xub->yxvuab", leads, leads).reshape(side**2, out**2, size**2)
