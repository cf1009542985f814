"""Model cards of the networks trained here."""

from lib.estimators.dmenet import network
from lib.studies import records
from lib.studies.dmenet import scenes

_PLAIN = """Blur map loss: mean squared error of the map against the true one, (2 sigma + 1) / 15 and at most 1,
  and the same for the five auxiliary maps, all of weight 1."""
_ADAPTED = """Blur map loss as in `dmenet-compact`, where it starts from; content loss x {content:g} (features of the
  starting network's own encoder, where the paper has VGG19's); sharpness calibration x {sharpness:g} and domain
  adversarial loss x {adversarial:g} on real photos: the pairs of the set "lytro" but lytro-03, whose masks come from
  comparing the two photos of a pair (the paper has masks drawn by hand)."""


def card(record):
    """Write a model card in Markdown.

    Parameters
    ----------
    record : dict
        Of the training, as `records.write` stores it.

    Returns
    -------
    str
    """
    result, data = record["result"], record["data"]
    recipe, test = result["recipe"], result["test"]
    losses = (_ADAPTED if data["adapted_from"] else _PLAIN).format(**recipe)
    constant = test["constant"]
    return f"""# {result["network"]}

Estimates a photo's defocus map, sigma in pixels, 0 to 7, with DMENet's architecture (Lee et al., CVPR 2019) at a
width of {recipe["width"]:g}. **It is not the authors' network**: theirs is {1 / recipe["width"]:.0f} times as wide,
starts from VGG19 trained on ImageNet and learned on 8,231 scenes; this one started at random and learned for
minutes on a CPU. It shows what the method does, not how well the published network does it.

- **Network**: VGG19 encoder, symmetric padding, U-Net decoder with five auxiliary maps, {network.RESIDUAL_BLOCKS}
  residual blocks at full size, sigmoid; input RGB in [0, 1]; weights stored in float16.
- **Data**: {data["scenes"]["train"]} scenes of {scenes.SIZE}x{scenes.SIZE} pixels rendered by `lib.optics`: 1 to
  {scenes.MOST_LAYERS} layers textured with {len(data["textures"]["train"])} photos, slanted and bent surfaces, smooth
  outlines, Gaussian blur with sigma up to {scenes.GREATEST_SIGMA:g}; noise up to 0.02; crops of
  {recipe["side"]}x{recipe["side"]}.
- **Losses**: {losses}
- **Training**: {result["samples_seen"]:,} crops; learning rate {recipe["learning_rate"]:g}, falling to 0.
- **Provenance**: {records.provenance(record)} (the machine did other work meanwhile).
- **Never seen**: the motorcycle, and the sets middlebury_third, cuhk and zhuosim, on which estimators are compared.

On {test["scenes"]} rendered scenes from {len(data["textures"]["test"])} other photos, noise 0.01, all pixels, sigma in
pixels:

| answer | mean absolute error | root mean square error | bias |
|---|---|---|---|
| {result["network"]} | {test["mean_absolute_error"]:.3f} | {test["root_mean_square_error"]:.3f} | {test["bias"]:+.3f} |
| the median of these scenes, everywhere | {constant:.3f} | | |

**Limits.** Blur beyond sigma = 7 reads as 7. On flat regions the answer is a guess from what surrounds them. Trained
on Gaussian blur and pasted layers: on real photos rank its values rather than trust them.

**Photos held out for test** ({len(data["textures"]["test"])}): {", ".join(data["textures"]["test"])}
"""
