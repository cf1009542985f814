"""What runs a classifier: each a function of (N, 32, 32, 1) windows to (N, 20) probabilities.

`start` starts one. All but Keras read the classifier's ONNX file and do without TensorFlow. Their packages are
optional: they are imported when they are asked for.
"""

from lib.engines.core import needs_tensorflow, start
from lib.engines.engine import ENGINES, Engine, EngineError

__all__ = ["ENGINES", "Engine", "EngineError", "needs_tensorflow", "start"]
