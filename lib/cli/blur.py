"""``defocus blur``."""

import inspect

import click

from lib import shallow_focus
from lib.cli import pictures
from lib.cli.jobs import pair, run
from lib.cli.options import EDITED, Number, NumberRange, map_options, output_options, photos_argument, refuse_others
from lib.cli.pictures import edited
from lib.shallow_focus import weights

OPTIONS = {
    "paper": {"strength", "c0", "c1"},
    "released": {"strength", "c0", "c1"},
    "lens": {"f_number", "photo_f_number", "focus", "c0"},
}
"""The options that mean something to each variant."""


class Point(click.ParamType):
    """A pixel of a photo, ``X,Y``."""

    name = "X,Y"

    def convert(self, value, param, ctx):
        try:
            x, y = (float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is no point: expected X,Y, e.g. 640,480.", param, ctx)
        return x, y


positive = NumberRange(min=0, min_open=True)


@click.command("blur", epilog=EDITED)
@photos_argument
@output_options()
@click.option(
    "--variant",
    type=click.Choice(list(OPTIONS)),
    default="lens",
    show_default=True,
    help="A wider lens, the paper's text, or its authors' code.",
)
@click.option("--strength", type=NumberRange(0, 1), help="paper, released: from the photo to the full effect.")
@click.option("--c0", type=Number(), help="Blur up to which a pixel is in focus. [default: 1; released: 0.5]")
@click.option("--c1", type=Number(), help="paper, released: blur of the background. [default: 7; released: 1.75]")
@click.option("--f-number", type=positive, help="lens: of the new picture. [default: 2]")
@click.option("--photo-f-number", type=positive, help="lens: of the photo. [default: from its EXIF, else 8]")
@click.option("--focus", type=Point(), help="lens: pixel to focus on, from the left and the top.")
@map_options
def blur_command(photos, output, writing, variant, defocus, **options):
    """Give each PHOTO, or all photos in a folder, a shallow depth of field.

    The default renders the photo as a wider lens would have taken it. The paper's algorithm, --variant paper, is not
    the default because it smooths the photo as a whole: the color of sharp things bleeds into the ground beside them.
    """
    options = {name: value for name, value in options.items() if value is not None}
    _check(variant, options)

    def work(photo, target):
        picture = pictures.read(photo)
        _check_focus(photo, picture, options.get("focus"))
        settings = _photo_f_number(picture) | options if variant == "lens" else options

        def edit(pixels):
            return shallow_focus.render(pixels, defocus(pixels, photo.name), variant, **settings)

        blurred = edited(picture, edit)
        writing.save(photo, target, blurred)

    run(pair(photos, output), work, writing)


def _check(variant, options):
    """Refuse options of another variant, and values that no photo could have."""
    refuse_others(options, OPTIONS[variant], f"--variant {variant}")
    if variant != "lens":
        given = inspect.signature(shallow_focus.VARIANTS[variant]).bind_partial(**options)
        given.apply_defaults()
        weights.solve(given.arguments["c0"], given.arguments["c1"])


def _check_focus(photo, picture, focus):
    """Refuse a focus outside the photo before the map is estimated."""
    height, width = picture.pixels.shape[:2]
    if focus is not None and not (0 <= focus[0] < width and 0 <= focus[1] < height):
        msg = f"The focus {focus[0]:g},{focus[1]:g} is outside {photo}: its pixels are 0,0 to {width - 1},{height - 1}."
        raise pictures.ImageError(msg)


def _photo_f_number(picture):
    """The f-number that the EXIF tells, as an option; none if it does not."""
    found = pictures.f_number(picture)
    return {"photo_f_number": found} if found else {}
