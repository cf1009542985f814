"""``defocus enhance``."""

import inspect
from dataclasses import replace

import click
import numpy as np

from lib import enhancement
from lib.cli import pictures
from lib.cli.jobs import pair, run
from lib.cli.options import (
    EDITED,
    MAPS,
    Method,
    Number,
    NumberRange,
    map_options,
    output_options,
    photos_argument,
    refuse_given,
    refuse_others,
)
from lib.cli.pictures import edited

CURVE = ("alpha1", "beta1", "alpha2", "beta2")


@click.command("enhance", epilog=EDITED)
@photos_argument
@output_options()
@click.option(
    "--method",
    type=Method(enhancement.METHODS),
    default="adaptive",
    show_default=True,
    help="By the defocus map, or unsharp masking, generalized unsharp masking, contrast adaptive sharpening.",
)
@click.option("--strength", type=Number(), help="0 changes nothing. [default: 2; gum: 7; cas: 0.125, at most 0.2]")
@click.option(
    "--color",
    type=click.Choice(["luminance", "channels", "green"]),
    help="What is sharpened; green: cas only. [default: luminance]",
)
@click.option(
    "--sigma", type=NumberRange(max=1000), help="adaptive, um: scale of what is amplified, pixels. [default: 3]"
)
@click.option("--alpha1", type=Number(), help="adaptive: speed of the gain's rise. [default: 30]")
@click.option("--beta1", type=Number(), help="adaptive: where it rises, sigma / 19. [default: 0.15]")
@click.option("--alpha2", type=Number(), help="adaptive: speed of the gain's fall. [default: 92]")
@click.option("--beta2", type=Number(), help="adaptive: where it falls, sigma / 19. [default: 0.4]")
@click.option("--contrast", type=Number(), help="gum: clip limit of the contrast, 0 for none. [default: 0.0005]")
@click.option("--diagonals/--no-diagonals", default=None, help="cas: look at diagonal neighbors. [default: yes]")
@click.option("--linear/--no-linear", default=None, help="cas: work on linear light. [default: no]")
@map_options
def enhance_command(photos, output, writing, method, defocus, **options):
    """Sharpen each PHOTO, or all photos in a folder.

    Only the method "adaptive" needs a defocus map; it is estimated unless --map has it. It is the default, as the
    paper's own: it leaves alone what is sharp and what is meant to be blurred, by default from about 8 pixels on;
    --beta1 and --beta2 say otherwise.
    """
    options = _method_options(method, {name: value for name, value in options.items() if value is not None})

    takes_map = method in enhancement.METHODS.taking("sigma_map")
    if not takes_map:
        refuse_given(MAPS, f"with --method {method}, which needs no map")

    def work(photo, target):
        def edit(pixels):
            sigma_map = defocus(pixels, photo.name) if takes_map else None
            return enhancement.enhance(pixels, method, sigma_map, **options)

        sharpened = edited(pictures.read(photo), edit)
        writing.save(photo, target, sharpened)

    run(pair(photos, output), work, writing)


def options_of(method):
    """The options that mean something to a method: the parameters of its function, and of its curve if it has one."""
    taken = set(inspect.signature(enhancement.METHODS[method]).parameters) - {"image", "sigma_map"}
    return taken - {"curve"} | {"strength", *CURVE} if "curve" in taken else taken


def _method_options(method, given):
    """The arguments of the method's function; refuses what it does not take before a photo is read."""
    refuse_others(given, options_of(method), f"--method {method}")
    if method == "adaptive":
        curve = {name: given.pop(name) for name in ("strength", *CURVE) if name in given}
        given["curve"] = replace(enhancement.FIGURE_11, **curve)
    pixel = np.zeros((1, 1), np.float32)
    enhancement.enhance(pixel, method, pixel, **given)
    return given
