"""The losses of DMENet and the networks that only its training needs (sections 4.1 to 4.4 of Lee et al. 2019).

- *Blur map loss*: the map against the truth of a rendered scene, mean squared error; the same for each auxiliary map.
- *Content loss*: the features that a fixed VGG19 finds in the map, against those in the true map.
- *Sharpness calibration*: a small network reads the map of a real photo, pixel by pixel, as "in focus" or not, and is
  held against a mask. It learns where that limit lies; the map learns to keep it.
- *Domain adversarial loss*: a discriminator tells the decoder's features of rendered scenes from those of real photos;
  the network learns to make it fail on real photos.
"""

import keras
import tensorflow as tf
from keras import layers

FEATURES = "u0-lrelu_init"
"""The decoder's first features of full size: what the discriminator sees."""
CONTENT = "relu4_4"
"""The encoder's features that the content loss compares."""

_cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)


def blur_map_loss(maps, truth):
    """Mean squared error of the map and, summed up, of each auxiliary map against the truth at its size.

    Parameters
    ----------
    maps : list of (N, h, w, 1) tensor
        The outputs of the network.
    truth : (N, H, W, 1) tensor
        `batches.to_blur` of the true sigma.

    Returns
    -------
    scalar tensor
    """
    losses = []
    for predicted in maps:
        step = truth.shape[1] // predicted.shape[1]
        losses.append(tf.reduce_mean(tf.square(predicted - truth[:, ::step, ::step])))
    return tf.add_n(losses)


def content_network(model):
    """A frozen copy of a trained network's encoder that reads maps.

    The authors use VGG19 as trained to recognise objects, which would be ten times this network.
    """
    encoder = keras.models.clone_model(keras.Model(model.input, model.get_layer(CONTENT).output))
    encoder.set_weights(keras.Model(model.input, model.get_layer(CONTENT).output).get_weights())
    encoder.trainable = False
    return encoder


def content_loss(encoder, predicted, truth):
    """Mean squared difference of the features of two maps, as gray pictures."""
    features = [encoder(tf.repeat(blur, 3, axis=-1), training=False) for blur in (predicted, truth)]
    return tf.reduce_mean(tf.square(features[0] - features[1]))


def sharpness_network(width):
    """Map to logit of "in focus", by 1x1 convolutions; one of each size, where the authors have three."""
    inputs = x = keras.Input((None, None, 1))
    for channels in (64, 32, 16):
        x = layers.Conv2D(max(1, round(channels * width)), 1, kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization(scale=False)(x))
    return keras.Model(inputs, layers.Conv2D(1, 1)(x), name="sharpness")


def sharpness_loss(logits, sharp):
    """Cross entropy against a mask: 1 in focus, 0 out of focus, all else undecided and without a say."""
    decided = tf.cast(sharp <= 1, tf.float32)
    target = tf.cast(sharp == 1, tf.float32)
    loss = tf.nn.sigmoid_cross_entropy_with_logits(target, logits)
    return tf.reduce_sum(loss * decided) / tf.maximum(tf.reduce_sum(decided), 1)


def discriminator(channels, width):
    """Features to logits of "rendered", one for each 32x32 pixels."""
    inputs = x = keras.Input((None, None, channels))
    for wide in (64, 128, 256, 512):
        x = layers.Conv2D(max(1, round(wide * width)), 4, 2, "same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization(scale=False)(x))
    return keras.Model(inputs, layers.Conv2D(1, 4, 2, "same", use_bias=False)(x), name="discriminator")


def domain_loss(logits, rendered):
    """Cross entropy of the discriminator's answers against one truth for all: rendered or not."""
    return _cross_entropy(tf.fill(tf.shape(logits), float(rendered)), logits)
