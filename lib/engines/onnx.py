"""ONNX Runtime."""

import numpy as np
import onnxruntime

from lib.engines.core import Engine

BATCH = 256
"""Windows at a time; larger batches are no faster and take more memory."""


def start(path):
    """Open an ONNX file.

    Parameters
    ----------
    path : path

    Returns
    -------
    Engine
    """
    options = onnxruntime.SessionOptions()
    # Waiting threads sleep. Spinning, they would take up to half of the processor's time from others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (wanted,) = session.get_inputs()

    def predict(windows):
        parts = (windows[first : first + BATCH] for first in range(0, len(windows), BATCH))
        return np.concatenate([session.run(None, {wanted.name: part})[0] for part in parts])

    return Engine(predict, wanted.shape[1])
