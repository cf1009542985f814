"""Use of the network: a photo of any size to its map, whole or in tiles that agree."""

import functools
import importlib.util
from pathlib import Path

import numpy as np

from lib import images
from lib.engines.engine import EngineError, require
from lib.one_pass import weights
from lib.one_pass.interval import fill, narrow
from lib.one_pass.sizes import REDUCTIONS, combine, reduce

MULTIPLE = 32
"""Sides that the network takes are multiples of this, pixels."""
LEAST = 64
"""The shortest of them."""
TILE = 1600
"""Side of a tile of a large photo, pixels: 0.4 GB."""
OVERLAP = 512
"""Of neighboring tiles, pixels: with less they differ from the whole by more than 0.05 px here and there."""
MOST_REDUCED = 64
LARGEST = 4_200_000
"""Photos of up to so many pixels are seen whole."""
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino", "keras": "keras"}
"""What the engines need. The first that is installed is the default: all agree, and ONNX Runtime starts at once."""


def estimate(image, interval=False, filled=True, reductions=REDUCTIONS, engine=None, model=None, progress=None):
    """Estimate the defocus map of a photo: one pass of the network at each size (`sizes`).

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray
        In [0, 1]; any size.
    interval : bool
        Return the ends of the 80 % interval too.
    filled : bool
        Fill the map, where the interval is wide, from where it is narrow, along the colors of the photo
        (`interval.fill`). It stays within the interval.
    reductions : sequence of int
        The photo is read as it is and made smaller by these.
    engine : {"onnx", "openvino", "keras"}, optional
        What runs the network; by default the first of them that is installed.
    model : path, optional
        The network's ONNX file, beside which its weights (``.npz``) lie for Keras; by default the shipped one.
    progress : callable, optional
        Called with (tiles done, tiles in all) after every tile of the full size, where there are several.

    Returns
    -------
    sigma : (H, W) float32 ndarray
        Pixels, 0 to 19.
    low, high : (H, W) float32 ndarray
        Only on request.

    Raises
    ------
    ValueError
        The image is no image, a reduction no whole number from 2 to 64, the engine unknown or not installed,
        or the network's file none.

    Examples
    --------
    >>> photo = np.random.default_rng(0).random((40, 50, 3), np.float32)
    >>> sigma, low, high = estimate(photo, interval=True, filled=False)
    >>> sigma.shape, bool((low <= sigma).all() and (sigma <= high).all())
    ((40, 50), True)
    """
    image = images.check_image(image)
    sizes = np.ravel(reductions).tolist()
    if not all(isinstance(by, int) and 1 < by <= MOST_REDUCED for by in sizes):
        msg = f"Expected reductions to be whole numbers from 2 to {MOST_REDUCED}, e.g. {REDUCTIONS}, got {reductions}."
        raise ValueError(msg)
    color = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    run = start(engine or installed()[0], Path(model or weights.shipped(".onnx")))
    sigma, low, high = narrow(*_at_all_sizes(color, run, sizes, progress))
    if filled:
        sigma = fill(sigma, low, high, color)
    return (sigma, low, high) if interval else sigma


def installed():
    """The engines whose package is installed, the default first."""
    return [engine for engine, package in PACKAGES.items() if importlib.util.find_spec(package)]


@functools.lru_cache(maxsize=4)
def start(engine, model):
    """A function from a (1, H, W, 3) photo to its (1, H, W, 3) sigma, low and high; sides are multiples of `MULTIPLE`.

    Parameters
    ----------
    engine : str
    model : Path
        As in `estimate`.
    """
    if engine not in PACKAGES:
        msg = f"Unknown engine {engine!r} of the one-pass network: expected one of {', '.join(PACKAGES)}."
        raise EngineError(msg)
    require(PACKAGES[engine], f"The engine {engine}")
    if not model.is_file():
        msg = f"No network at {model}: train it with `python -m lib study train_one_pass`."
        raise EngineError(msg)
    try:
        return _STARTS[engine](model)
    except Exception as error:  # each engine has its own
        reason = " ".join(str(error).split())[:200]
        msg = f"{engine} cannot read the network {model} ({reason}): fetch or train it again."
        raise EngineError(msg) from error


def _onnx(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Waiting threads sleep. Spinning, they would take up to half of the processor's time from others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    sparing = onnxruntime.RunOptions()  # or the memory of the largest tile is kept
    sparing.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return lambda photo: session.run(None, {"photo": photo}, sparing)[0]


def _openvino(model):
    import openvino

    compiled = openvino.Core().compile_model(str(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda photo: compiled(photo)[0]


def _keras(model):
    import tensorflow as tf

    from lib.one_pass import network

    built = weights.load(network.build(), model.with_suffix(".npz"))
    traced = tf.function(lambda photo: network.to_sigma(built(photo, training=False)[0]), reduce_retracing=True)
    return lambda photo: traced(tf.constant(photo)).numpy()


_STARTS = {"onnx": _onnx, "openvino": _openvino, "keras": _keras}


def _at_all_sizes(image, run, reductions, progress):
    smaller = {by: _tiled(reduce(image, by), run) for by in reductions}
    return combine(_tiled(image, run, progress), smaller)


def _tiled(image, run, progress=None):
    """The network's answer, (3, H, W): of the whole photo, or of tiles whose overlaps are faded into each other."""
    down, across = (_tiles(side, image.shape[0] * image.shape[1] <= LARGEST) for side in image.shape[:2])
    if len(down) == len(across) == 1:
        return _padded(image, run)
    answer = np.zeros((3, *image.shape[:2]), np.float32)
    for number, (rows, fade_rows) in enumerate(down):
        for place, (columns, fade_columns) in enumerate(across):
            tile = _padded(image[rows, columns], run)
            tile *= fade_rows[:, None]
            tile *= fade_columns
            answer[:, rows, columns] += tile
            if progress:
                progress(number * len(across) + place + 1, len(down) * len(across))
    return answer


def _tiles(length, whole):
    """Slices that cover a side, and the weight of each of their pixels: at each pixel the weights add up to 1.

    Tiles start at multiples of `MULTIPLE`, so that they see the photo through the same grid as the whole does. A tile's
    outermost quarter of the overlap, which knows least of what lies beyond, weighs nothing.
    """
    if whole or length <= TILE:
        return [(slice(0, length), np.ones(length, np.float32))]
    starts = list(range(0, length - OVERLAP, TILE - OVERLAP))
    place = np.arange(length)
    steps = [np.clip((place - first - OVERLAP / 4) / (OVERLAP / 2), 0, 1) for first in starts]
    steps[0][:] = 1
    steps.append(np.zeros(length))
    slices = [slice(first, min(first + TILE, length)) for first in starts]
    return [(part, np.float32(come - go)[part]) for part, come, go in zip(slices, steps, steps[1:], strict=False)]


def _padded(image, run):
    """The network's answer to a picture of any size, which is continued by its mirror image."""
    height, width = image.shape[:2]
    missing = [max(-side % MULTIPLE, LEAST - side) for side in (height, width)]
    photo = np.pad(
        image, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="reflect" if min(height, width) > 1 else "edge"
    )
    answer = run(np.ascontiguousarray(photo[None], np.float32))[0, :height, :width]
    return np.ascontiguousarray(answer.transpose(2, 0, 1))
