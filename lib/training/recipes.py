"""How each network is trained, by profile (section 3.1)."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    learning_rate : float
        Of Adam; the peak, where `schedule` is ``"cosine"``.
    schedule : {"constant", "cosine"}
        Cosine: a linear rise over the first twentieth of the steps, then half a cosine down to 0.
    batch : int
        Samples a step.
    epochs : int or None
        Passes through the training set; or else
    samples : int or None
        samples seen in all.
    batch_norm_momentum : float or None
        Of the moving averages; ``None`` keeps the network's own (0.999 in Keras' MobileNetV2, whose
        averages lag behind in a short training).
    quiet_residuals : bool
        Start each residual branch at zero: the scale of its last batch normalization is 0 at first
        (Goyal et al. 2017), so that a deep network begins as a shallow one.
    augment : bool
        Flip and transpose at random: blur by a round kernel looks the same from all eight sides.
    loss : {"cross-entropy", "ordinal"}
        Ordinal: cross-entropy plus the distance of the expected level from the true one, so that a
        near miss costs less than a far one.
    noisy, compressed : float
        Shares of the samples, of 8 bits, that get noise of 0.5 to 3 gray levels, or JPEG of quality 60 to 95.
    """

    learning_rate: float = 0.001
    schedule: str = "constant"
    batch: int = 128
    epochs: int | None = None
    samples: int | None = None
    batch_norm_momentum: float | None = None
    quiet_residuals: bool = False
    augment: bool = False
    loss: str = "cross-entropy"
    noisy: float = 0.0
    compressed: float = 0.0

    def steps(self, samples):
        """Steps in all, for a training set of so many samples."""
        return max(1, (self.samples or self.epochs * samples) // self.batch)


_SHORT = {
    "learning_rate": 0.004,
    "schedule": "cosine",
    "batch_norm_momentum": 0.99,
    "quiet_residuals": True,
    "augment": True,
}
RECIPES = {
    "full": Recipe(epochs=100),
    "local": Recipe(samples=3_008_000, **_SHORT),
    "quick": Recipe(samples=38_400, **_SHORT | {"batch_norm_momentum": 0.9}),
}
"""By profile. ``full`` is the paper's own recipe."""
_SPECTRUM = {
    "batch": 256,
    "quiet_residuals": False,  # it has none
    "augment": False,  # it puts each patch into a standard pose itself
    "loss": "ordinal",
    "noisy": 0.15,
    "compressed": 0.15,
}
_OWN = {
    "spectrum_net": _SPECTRUM,
    "spectrum_net_wide": _SPECTRUM | {"noisy": 0.1, "compressed": 0.1},
}
OVERLAP = {"spectrum_net_wide": 8}
"""From one training patch to the next, pixels, where a network's patches overlap; else `patches.SIZE`."""


def recipe_for(network, profile):
    """The recipe of a network: that of the profile, and for the book's own network what it needs besides.

    Parameters
    ----------
    network : str
        A key of `classifiers.NETWORKS`.
    profile : {"quick", "local", "full"}

    Returns
    -------
    Recipe
    """
    recipe = RECIPES[profile]
    if network == "nasnet_mobile":
        return replace(recipe, quiet_residuals=False)  # its sums join two branches; neither is a shortcut
    if network not in _OWN:
        return recipe
    recipe = replace(recipe, **_OWN[network])
    # Without overlap it would learn its few patches by heart.
    return replace(recipe, samples=768_000) if (network, profile) == ("spectrum_net", "local") else recipe
