"""OpenVINO, in float32, or in bfloat16 with a second look.

bfloat16 has the range of float32 and three decimal digits less. Processors that multiply it do so twice as fast, but
the probabilities are off by up to 0.4 where a window is nearly flat, and a few windows in a hundred fall into another
level. Nearly all of these were close calls. So the windows whose two best levels are close are asked again in float32,
about one in six.
"""

import numpy as np
import openvino

from lib.engines.engine import Engine, EngineError

BATCH = 64
"""Windows at a time: few enough for the processor's caches."""
CLOSE = 0.2
"""Difference of the two highest probabilities below which a window is asked again."""


def start(path, precision="f32"):
    """Compile an ONNX file as an `Engine`, in "f32" or "bf16".

    Each core takes a batch of its own. Batches have a fixed length, which compiles to faster code; the last
    is filled up with windows that were there before.
    """
    core = openvino.Core()
    network = core.read_model(path)
    shape = (BATCH, *(side.get_length() for side in list(network.input(0).partial_shape)[1:]))
    network.reshape(shape)
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
    compiled = core.compile_model(network, "CPU", options)
    queue = openvino.AsyncInferQueue(compiled)
    levels = compiled.output(0).shape[1]

    def predict(windows):
        firsts = range(0, len(windows), BATCH)
        filled = np.resize(windows, (len(firsts) * BATCH, *shape[1:]))
        probabilities = np.empty((len(filled), levels), np.float32)

        def keep(request, first):
            probabilities[first : first + BATCH] = request.get_output_tensor(0).data

        queue.set_callback(keep)
        try:
            for first in firsts:
                queue.start_async({0: filled[first : first + BATCH]}, first, share_inputs=True)
        finally:  # an interrupted process must not end under its requests
            queue.wait_all()
        return probabilities[: len(windows)]

    return Engine(predict, shape[1])


def start_bfloat16(path):
    """Compile an ONNX file as an `Engine`: in bfloat16 for all windows and in float32 for the close calls.

    Raises
    ------
    EngineError
        The processor has no bfloat16 arithmetic.
    """
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        msg = "This processor has no bfloat16 arithmetic, so the engine openvino-bf16 gains nothing: take openvino."
        raise EngineError(msg)
    return second_look(start(path, "bf16"), start(path))


def second_look(quick, exact):
    """The `Engine` that asks a quick one, and an exact one again where the two best levels are `CLOSE`."""

    def predict(windows):
        probabilities = quick.predict(windows)
        second, best = np.partition(probabilities, -2, axis=1)[:, -2:].T
        (close,) = np.nonzero(best - second < CLOSE)
        if len(close):
            probabilities[close] = exact.predict(windows[close])
        return probabilities

    return Engine(predict, quick.size)
