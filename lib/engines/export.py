"""A classifier as an ONNX file, which ONNX Runtime and OpenVINO read.

``python -m lib.engines.export`` makes the shipped files again, ``python -m lib.engines.export NAME`` that of one
classifier; do so after its training. Others are exported when an engine first asks, to ``runs/onnx``.
"""

import hashlib

import click

from lib import classifiers, paths
from lib.engines.core import require

CACHE = paths.ROOT / "runs" / "onnx"
OPSET = 17
INPUT = "patches"


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
    with paths.whole(path) as file:
        tf2onnx.convert.from_function(traced, input_signature=signature, opset=OPSET, output_path=str(file))


def cached(model):
    """The ONNX file of an open model in ``runs/onnx``, exported if there is none for these weights.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    Path
    """
    digest = hashlib.sha256(repr((model.input_shape, model.output_shape, OPSET)).encode())
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    path = CACHE / f"{model.name}-{digest.hexdigest()[:16]}.onnx"
    if not path.is_file():
        export(model, path)
    return path


@click.command()
@click.argument("names", nargs=-1)
def main(names):
    """Export the shipped classifiers NAMES to data/weights; without NAMES, those whose ONNX file is shipped."""
    for name in names or sorted(path.stem for path in paths.WEIGHTS.glob("*.onnx")):
        path = paths.WEIGHTS / f"{name}.onnx"
        export(classifiers.load(name), path)
        click.echo(path)


if __name__ == "__main__":
    main()
