"""Networks that are trained for comparison only, and what a network costs."""

import functools
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from lib.classifiers import spectrum_net


def plain_convolutions(shape, classes, normalized):
    """Five 3x3 convolutions, the first without a stride; the patch as it is, or with mean 0 and variance 1."""
    inputs = keras.Input(shape)
    x = inputs
    if normalized:
        x = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=1e-5)(x)
    for channels, stride in ((16, 1), (32, 2), (48, 2), (64, 1), (96, 2)):
        x = layers.Conv2D(channels, 3, stride, "same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def dense_on_components(shape, classes, features):
    """SpectrumNet with other features: signed or unsigned logarithms of the components, then innovations."""
    inputs = keras.Input(shape)
    components = spectrum_net.Polynomials()(inputs)
    if features == "signed":
        x = ops.arcsinh(components)
    elif features == "sizes":
        x = spectrum_net._log_size(components)
    else:
        sizes = spectrum_net.Innovations(spectrum_net.LEVELS)(components)
        x = ops.concatenate([spectrum_net._log_size(components), spectrum_net._log_size(10 * sizes)], axis=1)
    x = layers.BatchNormalization()(x)
    for width in (256, 256):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width, use_bias=False)(x)))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


VARIANTS = {
    "plain_gray": functools.partial(plain_convolutions, normalized=False),
    "plain_normalized": functools.partial(plain_convolutions, normalized=True),
    "signed_components": functools.partial(dense_on_components, features="signed"),
    "component_sizes": functools.partial(dense_on_components, features="sizes"),
    "innovation_sizes": functools.partial(dense_on_components, features="innovations"),
}


# Costs


BYTES_IN_TRAINING = 12
"""A float32 weight and Adam's two moments of it. This, not the weights alone, is the paper's Size column."""


def megabytes_in_training(model):
    """The Size column of the paper's Table 2: weights and Adam's two moments in float32, in MB (10^6 bytes)."""
    return model.count_params() * BYTES_IN_TRAINING / 1e6


def megabytes_on_disk(model):
    """Size of the HDF5 file that Keras writes after training with Adam, in MB (10^6 bytes).

    It adds the network's description to the weights, and has no moments for the statistics of batch
    normalization, which Adam does not train.
    """
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.h5"
        model.save(path)
        return path.stat().st_size / 1e6


def macs(model):
    """Multiply-accumulate operations for one patch, in convolutions and matrix products.

    Every element of a kernel is used once at every place of the layer's output.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    int

    Examples
    --------
    >>> inputs = keras.Input((32, 32, 1))
    >>> macs(keras.Model(inputs, keras.layers.Conv2D(8, 3, 2, "same")(inputs))) == 16 * 16 * 9 * 8
    True
    """
    total = 0
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "macs"):  # our own, whose matrices are no weights
            total += layer.macs()
            continue
        kernels = [weight for weight in getattr(layer, "weights", []) if weight.name.endswith("kernel")]
        if kernels and not hasattr(layer, "layers"):
            places = int(np.prod(layer.output.shape[1:-1]))
            total += places * sum(int(np.prod(kernel.shape)) for kernel in kernels)
    return total


def patches_per_cpu_second(model, batch=1024, seconds=2.0):
    """Measured speed of one traced batch after another, the best of all batches.

    Processor time, summed over the cores, hardly depends on what else the machine does.

    Parameters
    ----------
    model : keras.Model
    batch : int
        Patches a batch.
    seconds : float
        Processor time to spend; at least three batches are run.

    Returns
    -------
    float
    """
    patches = tf.random.stateless_uniform((batch, *model.input_shape[1:]), (0, 1))
    answer = tf.function(lambda inputs: model(inputs, training=False))
    answer(patches)
    times = []
    while len(times) < 3 or sum(times) < seconds:
        start = time.process_time()
        answer(patches).numpy()
        times.append(time.process_time() - start)
    return batch / min(times)
