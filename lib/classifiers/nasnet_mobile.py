"""NASNet-A (4 @ 1056), "mobile" (Zoph et al. 2018)."""

import keras


def nasnet_mobile(input_shape, classes):
    """Keras' NASNetMobile, untrained.

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
    return keras.applications.NASNetMobile(input_shape=input_shape, weights=None, classes=classes)
