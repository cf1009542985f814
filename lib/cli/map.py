"""``defocus map``."""

from pathlib import Path

import click

from lib import blur_map, pictures, refinement
from lib.cli.jobs import pair, progress, run
from lib.cli.options import network_options, photos_argument, step_option


@click.command("map")
@photos_argument
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="For one photo a file (.png, .tif, .npy or no ending), for more a folder.",
)
@step_option
@network_options
@click.option(
    "--labels",
    type=click.Choice(["hard", "expected"]),
    default="hard",
    show_default=True,
    help="A window's answer: its most probable or its mean level.",
)
@click.option(
    "--variant",
    type=click.Choice(["paper", "released"]),
    default="paper",
    show_default=True,
    help="Refinement of the paper's text or of its code.",
)
@click.option("--no-refine", is_flag=True, help="Leave the map as the windows give it.")
def map_command(photos, output, step, network, labels, variant, no_refine):
    """Write the defocus map of each PHOTO, or of all photos in a folder.

    OUTPUT.npy holds sigma in pixels, float32; OUTPUT.png (or .tif) is a 16 bit picture of it whose
    description says the scale.
    """

    def work(photo, target):
        pixels = pictures.read(photo).pixels
        sigma = blur_map.estimate(pixels, network(), step, labels, progress=progress(photo.name, " windows"))
        if not no_refine:
            sigma = refinement.refine(sigma, pixels, variant)
        blur_map.write_map(target, sigma)

    jobs = pair(photos, output, suffix=".png", endings=(".png", ".tif", ".tiff", ".npy"))
    run([(photo, target.with_suffix(".png") if target.suffix == ".npy" else target) for photo, target in jobs], work)
