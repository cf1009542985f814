"""Starting an engine."""

import functools
import importlib
from pathlib import Path

from lib import paths
from lib.engines.engine import ENGINES, PACKAGES, Engine, EngineError, require


def start(model, engine="keras"):
    """Make a classifier ready to run; one that was started before is taken again.

    Parameters
    ----------
    model : str, path, keras.Model or Engine
        The name of a shipped classifier, a ``.keras`` file or an open model. An `Engine` is returned as it is.
    engine : {"keras", "onnx", "openvino", "openvino-bf16"}
        ``keras``
            TensorFlow, one traced graph.
        ``onnx``, ``openvino``
            ONNX Runtime and OpenVINO, both in float32: the same probabilities within 1e-4.
        ``openvino-bf16``
            OpenVINO in bfloat16 with a second look in float32 at close calls: nearly always the same level, and faster
            on processors with bfloat16 arithmetic.

    Returns
    -------
    Engine

    Raises
    ------
    EngineError
        The engine is unknown, its package is not installed, or the processor has no bfloat16.
    ModelError
        As `classifiers.load`.
    """
    if isinstance(model, Engine):
        return model
    if engine not in ENGINES:
        msg = f"Unknown engine {engine!r}: expected one of {', '.join(ENGINES)}."
        raise EngineError(msg)
    if engine == "keras":
        return _traced(_load(model))
    require(PACKAGES[engine], f"The engine {engine}")
    return _from_file(onnx_file(model), engine)


def _traced(model):
    """Keras: the model as one traced TensorFlow function, which is kept with the model and follows its weights."""
    import tensorflow as tf

    if not hasattr(model, "traced_predict"):
        signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)]
        model.traced_predict = tf.function(lambda batch: model(batch, training=False), input_signature=signature)
    traced = model.traced_predict
    return Engine(lambda windows: traced(tf.constant(windows, tf.float32)).numpy(), model.input_shape[1])


@functools.lru_cache(maxsize=4)
def _from_file(path, engine):
    """Importing `lib.engines.onnx` or `lib.engines.openvino` imports its package."""
    module = importlib.import_module(f"lib.engines.{engine.removesuffix('-bf16')}")
    return module.start_bfloat16(path) if engine == "openvino-bf16" else module.start(path)


def needs_tensorflow(model, engine):
    """Whether starting this engine imports TensorFlow: Keras, and classifiers without a shipped ONNX file, do."""
    return engine == "keras" or not _shipped(model)


def onnx_file(model):
    """The Path of a classifier's ONNX file: the shipped one, or one that is exported on the first call and kept."""
    if shipped := _shipped(model):
        return shipped
    from lib.engines import onnx

    return onnx.cached(_load(model))


def _shipped(model):
    """The ONNX file in ``data/weights``, or None."""
    path = paths.weights() / f"{model}.onnx"
    return path if isinstance(model, str) and path.is_file() else None


def _load(model):
    return _load_file(str(model)) if isinstance(model, str | Path) else model


@functools.lru_cache(maxsize=2)
def _load_file(name):
    from lib import classifiers

    return classifiers.load(name)
