"""EfficientNetB0 (Tan and Le 2019)."""

import keras
from keras import layers


def efficientnet_b0(input_shape, classes):
    """Keras' EfficientNetB0, untrained.

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
    inputs = keras.Input(input_shape)
    # Keras' network begins with a division by 255, so it takes 0 to 255 where others take -1 to 1.
    pixels = layers.Rescaling(127.5, 127.5, name="pixels")(inputs)
    return keras.applications.EfficientNetB0(input_tensor=pixels, weights=None, classes=classes)
