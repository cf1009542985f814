"""``python -m lib enhance``."""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from scipy import ndimage

from lib import enhancement, images
from lib.cli.common import UserError, make_folder, map_options, pair, photos_argument, run

CURVE = ("alpha1", "beta1", "alpha2", "beta2")
OPTIONS = {
    "adaptive": {"strength", "color", "sigma", *CURVE},
    "um": {"strength", "color", "sigma"},
    "gum": {"strength", "color", "contrast"},
    "cas": {"strength", "color", "diagonals", "linear"},
}
"""The options that mean something to each method."""


@click.command("enhance")
@photos_argument
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="For one photo a file or a folder, for more a folder.",
)
@click.option(
    "--method",
    type=click.Choice(list(OPTIONS)),
    default="adaptive",
    show_default=True,
    help="By the defocus map, or unsharp masking, generalized unsharp masking, contrast adaptive sharpening.",
)
@click.option("--strength", type=float, help="0 changes nothing. [default: 2; gum: 7; cas: 0.125, at most 0.2]")
@click.option(
    "--color",
    type=click.Choice(["luminance", "channels", "green"]),
    help="What is sharpened; green: cas only. [default: luminance]",
)
@click.option("--sigma", type=float, help="adaptive, um: scale of what is amplified, pixels. [default: 3]")
@click.option("--alpha1", type=float, help="adaptive: speed of the gain's rise. [default: 30]")
@click.option("--beta1", type=float, help="adaptive: where it rises, sigma / 19. [default: 0.15]")
@click.option("--alpha2", type=float, help="adaptive: speed of the gain's fall. [default: 92]")
@click.option("--beta2", type=float, help="adaptive: where it falls, sigma / 19. [default: 0.4]")
@click.option("--contrast", type=float, help="gum: clip limit of the contrast, 0 for none. [default: 0.0005]")
@click.option("--diagonals/--no-diagonals", default=None, help="cas: look at diagonal neighbors. [default: yes]")
@click.option("--linear/--no-linear", default=None, help="cas: work on linear light. [default: no]")
@map_options
def enhance_command(photos, output, method, defocus, **options):
    """Sharpen each PHOTO, or all photos in a folder.

    Only the method "adaptive" needs a defocus map; it is estimated unless --map has it.
    """
    options = _method_options(method, {name: value for name, value in options.items() if value is not None})

    def work(photo, target):
        picture = images.read(photo)
        visible = _without_hidden(picture)
        sigma_map = defocus(visible, photo.name) if method == "adaptive" else None
        pixels = enhancement.enhance(visible, method, sigma_map, **options)
        make_folder(target)
        images.write(target, replace(picture, pixels=_keep_hidden(picture, pixels)))

    jobs = pair(photos, output)
    for photo, target in jobs:
        if target.exists() and photo.exists() and target.samefile(photo):
            msg = f"{target} is the photo itself: name another file or folder with --output."
            raise UserError(msg)
    run(jobs, work)


def _method_options(method, given):
    """The arguments of the method's function; refuses what it does not take before a photo is read."""
    for name in given.keys() - OPTIONS[method]:
        own = ", ".join(f"--{each}" for each in sorted(OPTIONS[method]))
        msg = f"--{name} means nothing to --method {method}, which takes {own}."
        raise UserError(msg)
    if method == "adaptive":
        curve = {name: given.pop(name) for name in ("strength", *CURVE) if name in given}
        given["curve"] = replace(enhancement.FIGURE_11, **curve)
    pixel = np.zeros((1, 1), np.float32)
    enhancement.enhance(pixel, method, pixel, **given)
    return given


def _without_hidden(picture):
    """The pixels, the nearest visible ones where the picture is transparent: no hidden color may make a halo."""
    if picture.alpha is None or picture.alpha.all() or not picture.alpha.any():
        return picture.pixels
    nearest = ndimage.distance_transform_edt(picture.alpha == 0, return_distances=False, return_indices=True)
    return picture.pixels[tuple(nearest)]


def _keep_hidden(picture, pixels):
    """The new pixels where something can be seen, the old ones elsewhere."""
    if picture.alpha is None:
        return pixels
    hidden = picture.alpha == 0
    return np.where(hidden if pixels.ndim == 2 else hidden[..., None], picture.pixels, pixels)
