"""The method of the paper, in the order of its sections, what records its numbers, and its command line."""

import os
import sys

# Two of the engines tell their makers of their use, and keep an identifier at home: ONNX Runtime in ~/.cache, OpenVINO
# in ~/intel. Nothing leaves the machine unasked.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)
