"""The networks trained here as files: half precision, half the size."""

import numpy as np
from keras import layers

from lib import storage
from lib.classifiers import ModelError
from lib.classifiers.core import half_precision
from lib.estimators.dmenet.network import build, settings


def save(model, path):
    """Write a network with float16 weights as a ``.keras`` file, whole or not at all.

    Parameters
    ----------
    model : keras.Model
        Made by `build`.
    path : path
        Ends in ``.keras``.

    Raises
    ------
    ModelError
        Weights are infinite, NaN or too large for float16.
    """
    with half_precision(), storage.whole(path) as file:
        half = build(*settings(model))
        half.set_weights(_with_unit_variances(model).get_weights())
        if not all(np.isfinite(np.asarray(weight, np.float32)).all() for weight in half.get_weights()):
            msg = f"Expected weights within the range of float16, got larger ones for {path}: train at a lower rate."
            raise ModelError(msg)
        half.save(file)


def _with_unit_variances(model):
    """A copy that computes the same, its convolutions scaled so that what batch normalization divides by is 1.

    Nothing holds the scale of the features, and their variance may leave the range of float16.
    """
    copy = build(*settings(model))
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        if isinstance(layer, layers.BatchNormalization):
            convolution = copy.get_layer(layer.name.replace("-b", "-c"))
            deviation = np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
            convolution.set_weights([weight / deviation for weight in convolution.get_weights()])
            shift, mean, variance = layer.get_weights()
            layer.set_weights([shift, mean / deviation, np.full_like(variance, 1 - layer.epsilon)])
    return copy
