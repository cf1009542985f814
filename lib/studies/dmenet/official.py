"""The authors' trained weights, where a user has them: their file ``DMENet_BDCS.npz``.

TensorLayer wrote it: one array per variable, under the variable's name in the TensorFlow graph. The file also holds
the networks that served the training alone (discriminator, sharpness calibration); those are left out.
"""

from pathlib import Path

import keras
import numpy as np

from lib.classifiers import ModelError
from lib.estimators.dmenet import network

SCOPE = "main_net/defocus_net"
"""What the names of the network's variables begin with."""
WAY_OUT = "expected DMENet_BDCS.npz of the authors' release, github.com/codeslake/DMENet; or use 'dmenet-compact'"


def load(path):
    """Open the authors' network.

    Parameters
    ----------
    path : path
        Of ``DMENet_BDCS.npz``.

    Returns
    -------
    keras.Model
        As `network.build` makes it.

    Raises
    ------
    ModelError
        The file is missing or no such archive, or an array is missing, has another shape or is not finite.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files if name.startswith(SCOPE)}
    except (OSError, ValueError, EOFError, TypeError) as error:  # the last: a .npy is no archive
        msg = f"Cannot read {path} ({type(error).__name__}): {WAY_OUT}."
        raise ModelError(msg) from error
    return assign(network.build(), arrays, path)


def assign(model, arrays, source):
    """Give a network the arrays of the authors' variables.

    Parameters
    ----------
    model : keras.Model
        Made by `network.build`; changed.
    arrays : dict of str to ndarray
    source : path
        What the messages call it.

    Returns
    -------
    keras.Model
        The model.
    """
    expected = {name: variable for layer in model.layers for name, variable in _variables(layer)}
    if missing := [name for name in expected if name not in arrays]:
        msg = f"{source} lacks {len(missing)} of {len(expected)} arrays, first {missing[0]!r}: {WAY_OUT}."
        raise ModelError(msg)
    for name, variable in expected.items():
        values = arrays[name]
        if values.shape != tuple(variable.shape):
            msg = f"{source}: expected {name} of shape {tuple(variable.shape)}, got {values.shape}: {WAY_OUT}."
            raise ModelError(msg)
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            msg = f"{source}: expected finite floats in {name}: the file is damaged, {WAY_OUT}."
            raise ModelError(msg)
        # The authors' network takes B, G, R, ours R, G, B.
        variable.assign(values[:, :, ::-1] if name.endswith("conv1_1/W_conv2d:0") else values)
    return model


def _variables(layer):
    """The names that the authors' code gives to a layer's variables, and ours."""
    part = "encoder" if layer.name.startswith("conv") else "decoder"
    scope = f"{SCOPE}/{part}/{layer.name.replace('-', '/')}"
    if isinstance(layer, keras.layers.Conv2D):
        kinds = {"W_conv2d": layer.kernel, "b_conv2d": layer.bias}
    elif isinstance(layer, keras.layers.BatchNormalization):
        kinds = {
            "beta": layer.beta,
            "moving_mean": layer.moving_mean,
            "moving_variance": layer.moving_variance,
        }
    else:
        kinds = {}
    return [(f"{scope}/{kind}:0", variable) for kind, variable in kinds.items()]
