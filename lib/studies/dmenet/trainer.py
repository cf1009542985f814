"""A narrow DMENet in training: its recipe, its losses put together, its steps."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from lib.estimators.dmenet import network
from lib.studies.dmenet import adaptation
from lib.training import fast_layers

MOMENTUM = 0.99
"""Of batch normalization's moving averages; the authors' 0.9 would follow the last few batches alone."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    width, peak : float
        Of `network.build`.
    side, batch : int
        Of the crops that a step sees, pixels, and their number; when adapting, as many of real photos too.
    learning_rate : float
        Of Adam after a rise over the first twentieth; then half a cosine down to 0.
    steps : int
    minutes : float
        The training ends with the last step or with this much processor time, whichever comes first: the learning rate
        follows the one that is nearer its end. Time that other programs take does not count.
    content, sharpness, adversarial : float
        Weights of the losses of `adaptation`; used when adapting.
    """

    width: float = 0.25
    peak: float = 4.0
    side: int = 96
    batch: int = 4
    learning_rate: float = 3e-4
    steps: int = 2500
    minutes: float = 30
    content: float = 1e-2
    sharpness: float = 2e-2
    adversarial: float = 1e-3


class Trainer:
    """A network in training: its steps, and its state for a checkpoint.

    Parameters
    ----------
    recipe : Recipe
    start : keras.Model, optional
        A trained network to adapt; otherwise a new one is trained without adaptation.
    """

    def __init__(self, recipe, start=None):
        self.recipe = recipe
        self.model = fast_layers.accelerate(start or network.build(recipe.width, recipe.peak))
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = MOMENTUM
        features = self.model.get_layer(adaptation.FEATURES).output
        self.full = keras.Model(self.model.input, [*self.model.outputs, features])
        self.judges = []
        if start:
            self.content = adaptation.content_network(start)
            width = network.settings(start)[0]
            self.judges = [adaptation.sharpness_network(width), adaptation.discriminator(features.shape[-1], width)]
        self.optimizers = [keras.optimizers.Adam(recipe.learning_rate, global_clipnorm=1.0) for _ in range(2)]
        for optimizer, variables in zip(self.optimizers, self._trained(), strict=True):
            optimizer.build(variables)
        self.step = tf.function(self._adapt if start else self._learn, autograph=False)

    def _trained(self):
        """The variables of each of the two optimizers: the network with the sharpness judge, and the discriminator."""
        sharpness, domain = (judge.trainable_variables for judge in self.judges) if self.judges else ([], [])
        return self.model.trainable_variables + sharpness, domain

    def _learn(self, pictures, truth):
        with tf.GradientTape() as tape:
            *maps, _ = self.full(pictures, training=True)
            loss = adaptation.blur_map_loss(maps, truth)
        self._update(0, tape, loss)
        return {"blur_map": loss}

    def _adapt(self, pictures, truth, photos, sharp):
        recipe = self.recipe
        judge, domain = self.judges
        with tf.GradientTape() as tape, tf.GradientTape() as domain_tape:
            *maps, rendered = self.full(pictures, training=True)
            real_map, *_, real = self.full(photos, training=True)
            losses = {
                "blur_map": adaptation.blur_map_loss(maps, truth),
                "content": adaptation.content_loss(self.content, maps[0], truth),
                "sharpness": adaptation.sharpness_loss(judge(real_map, training=True), sharp),
                "adversarial": adaptation.domain_loss(domain(real, training=True), rendered=True),
            }
            loss = losses["blur_map"] + tf.add_n(
                [getattr(recipe, name) * losses[name] for name in ("content", "sharpness", "adversarial")]
            )
            losses["discriminator"] = adaptation.domain_loss(
                domain(tf.stop_gradient(rendered), training=True), rendered=True
            ) + adaptation.domain_loss(domain(tf.stop_gradient(real), training=True), rendered=False)
        self._update(0, tape, loss)
        self._update(1, domain_tape, losses["discriminator"])
        return losses

    def _update(self, which, tape, loss):
        variables = self._trained()[which]
        self.optimizers[which].apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    def set_rate(self, fraction):
        """Set the learning rate for the time when this fraction of the training is done."""
        rise = min(1, fraction * 20)
        for optimizer in self.optimizers:
            optimizer.learning_rate.assign(
                self.recipe.learning_rate * rise * (1 + np.cos(np.pi * min(1, fraction))) / 2
            )

    def variables(self):
        """All that a checkpoint holds, in a fixed order."""
        return [v for part in (self.model, *self.judges, *self.optimizers) for v in part.variables]
