"""Keras: the model as one traced TensorFlow function."""

import tensorflow as tf

from lib.engines.core import Engine


def start(model):
    """Trace a model for batches of any length; the graph is kept with the model and follows its weights.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    Engine
    """
    if not hasattr(model, "traced_predict"):
        signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)]
        model.traced_predict = tf.function(lambda batch: model(batch, training=False), input_signature=signature)
    traced = model.traced_predict
    return Engine(lambda windows: traced(tf.constant(windows, tf.float32)).numpy(), model.input_shape[1])
