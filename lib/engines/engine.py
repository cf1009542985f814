"""What an engine is."""

import importlib
from collections.abc import Callable
from typing import NamedTuple

PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino", "openvino-bf16": "openvino"}
"""What those that are optional need."""
ENGINES = ("keras", *PACKAGES)
"""The first is the default."""


class EngineError(ValueError):
    """An engine that is unknown, or that this machine does not have; the message says how to get it or do without."""


class Engine(NamedTuple):
    """A classifier that is ready to run."""

    predict: Callable
    """(N, size, size, 1) float32 ndarray in [0, 1] to (N, levels) float32 probabilities, for any N above 0."""
    size: int
    """Side of a window, pixels."""


def require(package, what):
    """Raise an `EngineError` where an optional package, by its name for pip and import, is not there for `what`."""
    try:
        importlib.import_module(package)
    except ImportError as error:
        msg = f"{what} needs the package {package}: pip install {package}, or take the engine keras."
        raise EngineError(msg) from error
