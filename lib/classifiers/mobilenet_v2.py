"""MobileNetV2 (Sandler et al. 2018), the network that the paper chooses."""

import keras


def mobilenet_v2(input_shape, classes):
    """Keras' MobileNetV2 of width 1, untrained.

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
    return keras.applications.MobileNetV2(input_shape=input_shape, weights=None, classes=classes)
