"""DeepLens (Wang et al. 2018), the paper's comparison in Fig. 12: depth, lens blur and upsampling, each by a network.

The networks are written here from the paper and from what the authors' public evaluation program
(`INSTRUCTIONS`) tells about them: names and shapes of all variables, strides, dilations, activations, the order of
the color channels, the scale of the inputs. The authors' trained weights are not part of this book. Whoever has them
loads them by name with `load`; without weights there is no DeepLens.

Compared with the authors' program nothing has been run side by side, for their checkpoint was not at hand. Their
latest version gives the blur network the normalized output of the depth network as it is ("inverse depth" in their
notes), and so does this module.
"""

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from lib import images
from lib.studies.deeplens.networks import DEPTH_SIZE, NETWORKS, bilinear

INSTRUCTIONS = "https://github.com/scott89/deeplens_eval"
"""Where the authors say how to get their weights."""
SCOPE = "Network/Network"
"""Of all variables in the authors' checkpoint."""
BLUR_SIZE = 640
"""Longest side that is blurred directly; up to twice as much is blurred at half the size and upsampled."""
EPSILON = np.finfo(np.float64).eps


def build():
    """Build the four networks, with random weights.

    Returns
    -------
    dict of keras.Model
        ``"Depth"``: (N, 320, 320, 3) to (N, 320, 320, 1). ``"Lensblur"``: picture (N, H, W, 3) and signed depth
        (N, H, W, 1) to kernels (N, H, W, 31), the weights of 31 features. ``"Feature"``: (N, H, W, 3) to (N, H, W, 93),
        those features in three colors. ``"SR"``: the small pictures and depth (N, h, w, 7), the large picture and the
        enlarged result (N, H, W, 3) to weights (N, H, W, 32) and features (N, H, W, 96).
    """
    return {scope: network() for scope, network in NETWORKS.items()}


def variables(networks):
    """The variables of the networks under their names in the authors' checkpoint.

    Parameters
    ----------
    networks : dict of keras.Model
        From `build`.

    Returns
    -------
    dict of keras.Variable

    Examples
    --------
    >>> named = variables({"Feature": NETWORKS["Feature"]()})
    >>> len(named), tuple(named["Network/Network/Feature/fea1/weights"].shape)
    (8, (3, 3, 3, 30))
    """
    renamed = {"kernel": "weights", "bias": "biases"}
    return {
        f"{SCOPE}/{scope}/{layer.name}/{renamed.get(variable.name, variable.name)}": variable
        for scope, network in networks.items()
        for layer in network.layers
        for variable in layer.weights
    }


def load(checkpoint):
    """Build the networks and load the authors' weights.

    Parameters
    ----------
    checkpoint : str or path-like
        Of the TensorFlow checkpoint, without ending: of the authors' files ``model/model_end2end/model.index`` and
        ``model.data-00000-of-00001`` it is ``model/model_end2end/model``.

    Returns
    -------
    dict of keras.Model
        As from `build`.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint, or a part of it is missing.
    ValueError
        If it lacks variables, or holds them in other shapes.
    """
    networks = build()
    wanted = variables(networks)
    try:
        reader = tf.train.load_checkpoint(str(checkpoint))
        found = reader.get_variable_to_shape_map()
        _check_shapes(checkpoint, wanted, found)
        values = {name: reader.get_tensor(name) for name in wanted}
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        here = ", ".join(sorted(path.name for path in Path(checkpoint).parent.glob(f"{Path(checkpoint).name}*")))
        msg = (
            f"Cannot read the DeepLens checkpoint {checkpoint} (found beside it: {here or 'nothing'}): name it without "
            f"ending, with its .index and .data files complete. {INSTRUCTIONS} says where its authors keep it."
        )
        raise FileNotFoundError(msg) from error
    for name, variable in wanted.items():
        variable.assign(values[name])
    return networks


def _check_shapes(checkpoint, wanted, found):
    missing = sorted(set(wanted) - set(found))
    if missing:
        msg = (
            f"The checkpoint {checkpoint} is not DeepLens': it lacks {len(missing)} of {len(wanted)} variables, "
            f"e.g. {missing[0]}. {INSTRUCTIONS} says where to find the right one."
        )
        raise ValueError(msg)
    other = [name for name, variable in wanted.items() if tuple(variable.shape) != tuple(found[name])]
    if other:
        msg = (
            f"The checkpoint {checkpoint} is another version of DeepLens: expected {other[0]} of shape "
            f"{tuple(wanted[other[0]].shape)}, got {tuple(found[other[0]])}, and {len(other) - 1} more. "
            f"{INSTRUCTIONS} says where to find the right one."
        )
        raise ValueError(msg)


def shallow_deeplens(image, networks, focus=None, aperture=0.5):
    """Give a photo a shallow depth of field by DeepLens.

    A photo with a side of more than 1280 pixels is reduced to that, as in the authors' program, and the result
    enlarged.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    networks : dict of keras.Model
        From `load`.
    focus : (float, float), optional
        X and Y of what is in focus, pixels from the left and from the top; by default the center.
    aperture : float
        0 to 1: the authors' slider, divided by ten.

    Returns
    -------
    (H, W[, 3]) float32 ndarray in [0, 1]

    Raises
    ------
    ValueError
        If the image is none, or the focus or the aperture is out of range.
    """
    image = images.check_image(image)
    height, width = image.shape[:2]
    x, y = focus if focus is not None else (width // 2, height // 2)
    if not (0 <= x < width and 0 <= y < height):
        msg = f"Expected a focus within the photo, 0 to {width - 1} and 0 to {height - 1}, got {x:g},{y:g}."
        raise ValueError(msg)
    if not 0 <= aperture <= 1:
        msg = f"Expected an aperture from 0 to 1, got {aperture}."
        raise ValueError(msg)
    color = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    large = _fit(np.ascontiguousarray(color[..., ::-1]), 2 * BLUR_SIZE)  # the networks take blue first
    halved = max(large.shape[:2]) > BLUR_SIZE
    small = _fit(large, max(large.shape[:2]) // 2) if halved else large

    depth = estimate_depth(small, networks)
    row, column = (int(at * new / old) for at, new, old in zip((y, x), depth.shape[1:3], (height, width), strict=True))
    signed = (depth - depth[:, row, column, None, None]) * aperture
    picture = tf.constant(small[None])
    kernels = networks["Lensblur"]([picture - 0.5, signed], training=False)
    blurred = _combine(kernels, networks["Feature"](picture, training=False))
    if halved:
        blurred = _upsample(picture, signed, blurred, tf.constant(large[None]), networks["SR"])
    result = np.clip(blurred[0].numpy()[..., ::-1], 0, 1)
    if result.shape[:2] != (height, width):
        result = np.clip(cv2.resize(result, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    return images.to_gray(result) if image.ndim == 2 else np.ascontiguousarray(result)


def estimate_depth(picture, networks):
    """Inverse depth of a picture, blue first, rescaled to [0, 1] by its own range: (1, H, W, 1) float32 tensor."""
    square = bilinear(picture[None], (DEPTH_SIZE, DEPTH_SIZE))
    depth = bilinear(networks["Depth"](square - 0.5, training=False), picture.shape[:2])
    low, high = tf.reduce_min(depth), tf.reduce_max(depth)
    return (depth - low) / (high - low + np.finfo(np.float32).eps)


def _fit(picture, longest):
    """Reduce a picture so that its longest side has so many pixels at most."""
    height, width = picture.shape[:2]
    scale = min(1, longest / max(height, width))
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _combine(weights, features):
    """Each color as the weighted mean of its features, which lie in turn: red, green, blue of the first, and so on."""
    weights = weights / (tf.reduce_sum(weights, axis=3, keepdims=True) + EPSILON)
    return tf.stack([tf.reduce_sum(weights * features[..., color::3], axis=3) for color in range(3)], axis=3)


def _upsample(picture, signed, blurred, large, network):
    """The blurred picture at the size of the large one, whose detail guides it."""
    eight_bit = tf.floor(255 * tf.clip_by_value(blurred, 0, 1)) / 255
    enlarged = bilinear(eight_bit, large.shape[1:3])
    weights, features = network([tf.concat([picture, blurred, signed], axis=3), large, enlarged], training=False)
    return _combine(weights, features)
