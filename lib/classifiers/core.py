"""Building, saving and loading classifiers."""

import functools
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import layers

from lib import patches, paths, storage
from lib.classifiers.shufflenet_v2 import shufflenet_v2
from lib.classifiers.spectrum_net import spectrum_net


def _applications(name):
    """A builder of one of Keras' networks, untrained: ``(input_shape, classes)`` to a model that ends in a softmax."""

    def build(input_shape, classes):
        return getattr(keras.applications, name)(input_shape=input_shape, weights=None, classes=classes)

    return build


def efficientnet_b0(input_shape, classes):
    """Keras' EfficientNetB0, untrained. It begins with a division by 255: 0 to 255 where others take -1 to 1."""
    inputs = keras.Input(input_shape)
    pixels = layers.Rescaling(127.5, 127.5, name="pixels")(inputs)
    return keras.applications.EfficientNetB0(input_tensor=pixels, weights=None, classes=classes)


TABLE_2 = {
    "mobilenet_v2": _applications("MobileNetV2"),  # Sandler et al. 2018, the one that the paper chooses
    "efficientnet_b0": efficientnet_b0,  # Tan and Le 2019
    "nasnet_mobile": _applications("NASNetMobile"),  # NASNet-A (4 @ 1056), Zoph et al. 2018
    "densenet121": _applications("DenseNet121"),  # Huang et al. 2017
    "shufflenet_v2": shufflenet_v2,  # Ma et al. 2018
}
"""The networks of the paper's Table 2, in its order."""
NETWORKS = TABLE_2 | {
    "spectrum_net": spectrum_net,
    "spectrum_net_wide": functools.partial(spectrum_net, units=(512, 512)),
}
"""Builder of each network, by name: those of Table 2, and the book's own in two sizes."""


class ModelError(ValueError):
    """A network that is unknown or whose weights cannot be read."""


def build(name, size=patches.SIZE, levels=patches.LEVELS):
    """Make an untrained classifier.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    size : int
        Side of the patch, pixels.
    levels : int
        Number of blur levels.

    Returns
    -------
    keras.Model
        (N, size, size, 1) float32 in [0, 1] to (N, levels) probabilities.

    Raises
    ------
    ModelError
        The network is unknown.
    """
    if name not in NETWORKS:
        msg = f"Unknown network {name!r}: expected one of {', '.join(NETWORKS)}."
        raise ModelError(msg)
    shape = (size, size, 1)
    # The networks of keras.applications were designed for inputs in [-1, 1].
    centered = [keras.Input(shape), layers.Rescaling(2.0, -1.0, name="centered")]
    return keras.Sequential([*centered, NETWORKS[name](shape, levels)], name=name)


def save(model, path):
    """Write a classifier with float16 weights as a ``.keras`` file, whole or not at all."""
    with half_precision(), storage.whole(path) as file:
        half = build(model.name, *_sizes(model))
        half.set_weights(model.get_weights())
        half.save(file)


@contextmanager
def half_precision():
    """Let the networks that are built in the block have float16 weights."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def _sizes(model):
    return model.input_shape[1], model.output_shape[-1]


def shipped():
    """Names of the trained classifiers at hand, sorted: the shipped ones, or those of the run."""
    return paths.networks()


def load(name):
    """Open a trained classifier in float32.

    Files are read by Keras in safe mode: no pickled object and no code in them is run.

    Parameters
    ----------
    name : str or path
        The name of a shipped classifier, such as ``"mobilenet_v2-lens"``, or a ``.keras`` file.

    Returns
    -------
    keras.Model

    Raises
    ------
    ModelError
        The name is unknown, or the file is damaged or holds another network.
    """
    return restore(name, lambda stored: build(stored.name, *_sizes(stored)), "model")


def restore(name, rebuild, what, folder=""):
    """Open a network, in safe mode, as the float32 one that ``rebuild(stored)`` makes for its weights; see `load`."""
    path = Path(name) if str(name).endswith(".keras") else paths.weights() / folder / f"{name}.keras"
    if not path.is_file():
        names = ", ".join(paths.networks(folder))
        msg = f"Unknown {what} {str(name)!r}: expected one of {names} or the path of a .keras file."
        raise ModelError(msg)
    try:
        stored = keras.saving.load_model(path, compile=False, safe_mode=True)
        model = rebuild(stored)
        model.set_weights([np.asarray(weight, np.float32) for weight in stored.get_weights()])
    except ModelError:
        raise
    except Exception as error:  # Keras raises what its zip, JSON and HDF5 readers raise
        msg = f"{path} cannot be read as a {what} ({type(error).__name__}): fetch or train it again."
        raise ModelError(msg) from error
    return model
