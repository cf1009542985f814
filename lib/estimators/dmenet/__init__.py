"""DMENet (Lee et al. 2019): a network that maps a whole photo to its defocus, trained on rendered scenes.

The authors' weights are not shipped: where a user has the file, `lib.studies.dmenet.official` opens it. The networks
of ``data/weights/dmenet`` have the same architecture, a quarter as wide, and were trained by `lib.studies.dmenet`.
"""

import functools

import numpy as np

from lib import images, paths
from lib.estimators._method import Method

# What needs TensorFlow is imported where it is used: the registry lists this method at once.

METHOD = Method(
    title="DMENet, compact, trained here",
    variants={name: {"model": name} for name in paths.networks("dmenet") if name != "dmenet-compact"},
)
STRIDE = 16
"""Sides of what the network sees are multiples of it: its encoder halves four times."""
TILE = 512
"""Side of the part of a photo that is kept of one pass of the network, pixels."""
MARGIN = 64
"""Pixels around it that the network sees too."""


def estimate(image, model="dmenet-compact", progress=None):
    """Estimate how blurred each pixel of a photo is with DMENet.

    Photos larger than a tile are mapped tile by tile, each with a margin, so that the memory does not grow.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        In [0, 1]; any size.
    model : str, path or keras.Model
        A shipped network (of ``data/weights/dmenet``), a ``.keras`` file, or an open network.
    progress : callable, optional
        Called after every tile with (tiles done, tiles in all).

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, 0 to 7: blur beyond that reads as 7.

    References
    ----------
    Lee, Lee, Cho and Lee, "Deep defocus map estimation using domain adaptation", CVPR 2019.

    Examples
    --------
    >>> estimate(np.zeros((40, 50), np.float32)).shape
    (40, 50)
    """
    from lib.estimators.dmenet import network

    image = images.check_image(image)
    height, width = image.shape[:2]
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    rgb = np.pad(rgb, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), "symmetric")
    predict = _compiled(model if hasattr(model, "predict") else _load(str(model)))
    blur = np.empty(rgb.shape[:2], np.float32)
    corners = [(top, left) for top in range(0, len(rgb), TILE) for left in range(0, rgb.shape[1], TILE)]
    for done, corner in enumerate(corners, 1):
        seen, kept, inside = zip(*map(_spans, corner, blur.shape), strict=True)
        blur[kept] = predict(rgb[seen][None]).numpy()[0, ..., 0][inside]
        if progress:
            progress(done, len(corners))
    return network.to_sigma(blur[:height, :width]).astype(np.float32)


def _spans(start, length):
    """Along one side: what the network sees for the tile at `start`, what is kept, and that counted within the seen."""
    first, last = max(start - MARGIN, 0), min(start + TILE + MARGIN, length)
    stop = min(start + TILE, length)
    return slice(first, last), slice(start, stop), slice(start - first, stop - first)


@functools.cache
def _load(name):
    from lib.estimators.dmenet import network

    return network.load(name)


def _compiled(model):
    """The network without its auxiliary maps, as one traced function for any size; kept with the model."""
    import keras
    import tensorflow as tf

    if not hasattr(model, "dmenet_predict"):
        signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
        main = keras.Model(model.input, model.outputs[0])
        model.dmenet_predict = tf.function(lambda batch: main(batch, training=False), signature, autograph=False)
    return model.dmenet_predict
