"""DenseNet of 121 layers (Huang et al. 2017)."""

import keras


def densenet121(input_shape, classes):
    """Keras' DenseNet121, untrained.

    Parameters
    ----------
    input_shape : tuple
        (height, width, channels).
    classes : int

    Returns
    -------
    keras.Model
        Ends in a softmax.
    """
    return keras.applications.DenseNet121(input_shape=input_shape, weights=None, classes=classes)
