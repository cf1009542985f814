"""Layers that train faster on a CPU and compute the same.

On 32x32 patches the maps of the networks of Table 2 soon shrink to 2x2 and 1x1 pixels. There TensorFlow spends a
quarter of a training step of MobileNetV2 in one gradient, that of the depthwise kernels, whose cost hardly falls
with the size of the map; Keras' batch normalization passes over the data many times where a fused kernel exists; and
a convolution costs far more than the matrix product that it is. With all three replaced MobileNetV2 trains twice as
fast. Inference is untouched, and `lib.classifiers.save` writes Keras' own layers.
"""

import keras
import tensorflow as tf


def accelerate(model):
    """Copy an untrained model with its slow layers replaced; names, weights and results stay the same."""
    fast = keras.models.clone_model(model, clone_function=_replace, recursive=True)
    fast.set_weights(model.get_weights())
    return fast


def _replace(layer):
    for slow, quick in (
        (keras.layers.BatchNormalization, FusedBatchNormalization),
        (keras.layers.Conv2D, MatrixConv2D),
        (keras.layers.DepthwiseConv2D, SmallDepthwiseConv2D),
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
class SmallDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Depthwise 3x3 convolution with a quick kernel gradient for maps of 2x2 pixels and less."""

    def call(self, inputs):
        small = inputs.shape[1] in (1, 2) and inputs.shape[1] == inputs.shape[2]
        plain = self.kernel_size == (3, 3) and self.padding == "same" and self.depth_multiplier == 1
        if not (small and plain and not self.use_bias and self.dilation_rate == (1, 1)):
            return super().call(inputs)
        return self.activation(
            _depthwise(tf.convert_to_tensor(inputs), tf.convert_to_tensor(self.kernel), self.strides[0])
        )


def _depthwise(inputs, kernel, stride):
    steps = [1, stride, stride, 1]

    @tf.custom_gradient
    def convolve(inputs, kernel):
        def gradient(above):
            below = tf.nn.depthwise_conv2d_backprop_input(tf.shape(inputs), kernel, above, steps, "SAME")
            return below, _kernel_gradient(inputs, above, stride)

        return tf.nn.depthwise_conv2d(inputs, kernel, steps, "SAME"), gradient

    return convolve(inputs, kernel)


def _kernel_gradient(inputs, above, stride):
    """Sum, for each of the nine taps, of the products of the pixels that the tap joins."""
    side, out = inputs.shape[1], above.shape[1]
    before = max((out - 1) * stride + 3 - side, 0) // 2  # rows of zeros above the map ("SAME")
    inputs, above = (tf.transpose(tensor, (1, 2, 0, 3)) for tensor in (inputs, above))  # pixels first
    taps = []
    for row in range(3):
        for column in range(3):
            pairs = [
                inputs[y, x] * above[v, u]
                for v in range(out)
                for u in range(out)
                if 0 <= (y := v * stride + row - before) < side and 0 <= (x := u * stride + column - before) < side
            ]
            taps.append(tf.reduce_sum(tf.add_n(pairs), 0) if pairs else tf.zeros(inputs.shape[-1], inputs.dtype))
    return tf.reshape(tf.stack(taps), (3, 3, -1, 1))
