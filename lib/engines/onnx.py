"""ONNX Runtime."""

import hashlib

import numpy as np
import onnxruntime

from lib import paths, storage
from lib.engines.engine import Engine, require

BATCH = 256
"""Windows at a time; larger batches are no faster and take more memory."""
CACHE = paths.ROOT / "runs" / "onnx"
OPSET = 17
INPUT = "patches"


def start(path):
    """Open an ONNX file as an `Engine`."""
    options = onnxruntime.SessionOptions()
    # Waiting threads sleep. Spinning, they would take up to half of the processor's time from others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (wanted,) = session.get_inputs()

    def predict(windows):
        parts = (windows[first : first + BATCH] for first in range(0, len(windows), BATCH))
        return np.concatenate([session.run(None, {wanted.name: part})[0] for part in parts])

    return Engine(predict, wanted.shape[1])


def export(model, path):
    """Write a classifier as an ONNX file, whole or not at all.

    Parameters
    ----------
    model : keras.Model
    path : Path
        Ends in ``.onnx``; its folder is made.

    Raises
    ------
    EngineError
        tf2onnx is not installed.
    """
    require("tf2onnx", "The ONNX file of a classifier")
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)]
    traced = tf.function(lambda batch: model(batch, training=False), input_signature=signature)
    with storage.whole(path) as file:
        tf2onnx.convert.from_function(traced, input_signature=signature, opset=OPSET, output_path=str(file))


def cached(model):
    """The ONNX file of an open model in ``runs/onnx``, exported if there is none for these weights.

    Where that folder cannot be written to, the file goes with the process.
    """
    digest = hashlib.sha256(repr((model.input_shape, model.output_shape, OPSET)).encode())
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    name = f"{model.name}-{digest.hexdigest()[:16]}.onnx"
    if not (CACHE / name).is_file():
        folder = CACHE if storage.is_writable(CACHE) else storage.scratch()
        export(model, folder / name)
        return folder / name
    return CACHE / name
