"""The network as an ONNX file, which ONNX Runtime, OpenVINO and browsers read.

In: "photo", (N, H, W, 3) float32 in [0, 1], H and W multiples of 32 and at least 64. Out: "sigma", (N, H, W, 3)
float32, pixels: sigma, and the low and the high end of its 80 % interval.
"""

import numpy as np

from lib import storage
from lib.engines.engine import require

OPSET = 17


def export(weights, path):
    """Write the network with these weights as an ONNX file, whole or not at all.

    Parameters
    ----------
    weights : path
        From `weights.save`.
    path : path
        Ends in ``.onnx``.

    Raises
    ------
    EngineError
        tf2onnx is not installed.
    """
    require("tf2onnx", "The ONNX file of the one-pass network")
    import onnx
    import tensorflow as tf
    import tf2onnx

    from lib.one_pass import network
    from lib.one_pass import weights as files

    model = files.load(network.build(), weights)
    signature = [tf.TensorSpec((None, None, None, 3), tf.float32, name="photo")]

    @tf.function(input_signature=signature)
    def traced(photo):
        return {"sigma": network.to_sigma(model(photo, training=False)[0])}

    made, _ = tf2onnx.convert.from_function(traced, input_signature=signature, opset=OPSET)
    with storage.whole(path) as file:
        onnx.save(_halved(made), str(file))


def _halved(made):
    """The model with the kernels of the U-Net, which see many channels, stored in float16 and turned to float32 first.

    The fixed filters, which see one, are not among them: rounded, they would not be blind to what has a lower degree.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for stored in made.graph.initializer:
        values, name = numpy_helper.to_array(stored), stored.name
        if values.ndim == 4 and values.shape[1] > 1:
            stored.CopyFrom(numpy_helper.from_array(np.float16(values), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(made.graph.node)
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made
