import keras
import numpy as np
import pytest
import tensorflow as tf

from lib.training import fast_layers


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("size", [3, 5])
def test_depthwise_gradients_are_tensorflows(size, side, stride):
    x = tf.random.stateless_normal((5, side, side, 6), (1, 2))
    plain = keras.layers.DepthwiseConv2D(size, stride, "same", use_bias=False)
    assert_same_gradients(plain, fast_layers.MatrixDepthwiseConv2D(size, stride, "same", use_bias=False), x)


@pytest.mark.parametrize(("stride", "padding"), [(1, "same"), (2, "same"), (2, "valid")])
@pytest.mark.parametrize("side", [5, 4, 2, 1])
def test_separable_gradients_are_tensorflows(side, stride, padding):
    x = tf.random.stateless_normal((5, side, side, 6), (1, 2))
    options = {"strides": stride, "padding": padding, "use_bias": False}
    size = 1 if padding == "valid" else 5
    plain = keras.layers.SeparableConv2D(4, size, **options)
    assert_same_gradients(plain, fast_layers.MatrixSeparableConv2D(4, size, **options), x)


def assert_same_gradients(plain, quick, x):
    """Both layers give the same and have the same gradients."""
    plain.build(x.shape)
    quick.build(x.shape)
    quick.set_weights(plain.get_weights())
    results = []
    for layer in (plain, quick):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(tf.sin(y))
        results.append((y, *tape.gradient(loss, [x, *(each.value for each in layer.trainable_weights)])))
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("kernel", "side"), [(1, 1), (1, 5), (3, 1), (3, 2), (3, 4)])
def test_convolutions_are_tensorflows(kernel, side, bias):
    x = tf.random.stateless_normal((5, side, side, 6), (1, 2))
    plain = keras.layers.Conv2D(4, kernel, padding="same", use_bias=bias, bias_initializer="ones")
    quick = fast_layers.MatrixConv2D(4, kernel, padding="same", use_bias=bias, bias_initializer="ones")
    assert_same_gradients(plain, quick, x)


@pytest.mark.parametrize("options", [{"strides": 2}, {"padding": "valid"}, {"groups": 2}, {"dilation_rate": 2}])
def test_other_convolutions_are_left_alone(options):
    x = tf.random.stateless_normal((2, 6, 6, 4), (1, 2))
    assert_same_gradients(keras.layers.Conv2D(4, 3, **options), fast_layers.MatrixConv2D(4, 3, **options), x)


def test_fused_batch_normalization_is_keras():
    x = np.random.default_rng(0).normal(3, 2, (6, 3, 3, 5)).astype(np.float32)
    plain, fused = keras.layers.BatchNormalization(momentum=0.9), fast_layers.FusedBatchNormalization(momentum=0.9)
    for training in (True, True, False):
        np.testing.assert_allclose(fused(x, training=training), plain(x, training=training), atol=1e-5)
    for a, b in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5)


def test_accelerated_network_answers_alike():
    model = keras.applications.MobileNetV2(input_shape=(32, 32, 1), weights=None, classes=20)
    quick = fast_layers.accelerate(model)
    x = np.random.default_rng(0).random((4, 32, 32, 1), dtype=np.float32)
    np.testing.assert_allclose(quick.predict_on_batch(x), model.predict_on_batch(x), atol=1e-6)
    replaced = [layer for layer in quick.layers if layer.__module__.endswith("fast_layers")]
    assert len(replaced) == 52 + 17 + 35
