"""The network's weights as a file, by variable name: kernels in float16, half the size and the same map within 0.02 px.

The others are few, and stay float32: float16 ends at 65504, which the variance of a channel may pass.
"""

import numpy as np

from lib import paths, storage


def shipped(ending):
    """The file of the network's weights, ``".npz"``, or of the network for other programs, ``".onnx"``."""
    return paths.weights() / f"one_pass{ending}"


def save(model, path, values=None):
    """Write the weights of the network, whole or not at all.

    Parameters
    ----------
    model : keras.Model
        From `network.build`.
    path : path
        Ends in ``.npz``.
    values : list of ndarray, optional
        In the order of ``model.variables``, instead of the model's own.
    """
    values = [variable.numpy() for variable in model.variables] if values is None else values
    names = [variable.path for variable in model.variables]
    with storage.whole(path) as file:
        np.savez(file, **{n: np.float16(v) if v.ndim > 1 else v for n, v in zip(names, values, strict=True)})


def load(model, path):
    """Read weights that `save` wrote into the network.

    Raises
    ------
    ValueError
        They are of another network.
    """
    with np.load(path) as stored:
        ours, theirs = {v.path: tuple(v.shape) for v in model.variables}, {n: stored[n].shape for n in stored.files}
        if ours != theirs:
            msg = f"The weights in {path} are of another network: train it again, or take the code that made them."
            raise ValueError(msg)
        for variable in model.variables:
            variable.assign(np.float32(stored[variable.path]))
    return model
