"""``defocus map``."""

import click

from lib import blur_map, pictures, refinement
from lib.cli.jobs import pair, progress, run
from lib.cli.options import network_options, output_options, photos_argument, refuse_given, step_option


@click.command("map")
@photos_argument
@output_options("For one photo a file (.png, .tif, .npy or no ending) or a folder, for more a folder.")
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
def map_command(photos, output, writing, step, network, labels, variant, no_refine):
    """Write the defocus map of each PHOTO, or of all photos in a folder.

    OUTPUT.npy holds sigma in pixels, float32; OUTPUT.png (or .tif) is a 16 bit picture of it whose
    description says the scale.
    """

    if no_refine:
        refuse_given({"variant"}, "with --no-refine")

    def work(photo, target):
        picture = pictures.read(photo)
        pixels = picture.pixels
        sigma = blur_map.estimate(pixels, network(), step, labels, progress=progress(photo.name, " windows"))
        if not no_refine:
            sigma = refinement.refine(sigma, pixels, variant)
        blur_map.write_map(target, sigma)
        writing.wrote(target, blur_map.array_of(target))
        writing.note(photo, picture.unread)

    jobs = pair(photos, output, suffix=".png", endings=(".png", ".tif", ".tiff", ".npy"))
    jobs = [(photo, target.with_suffix(".png") if target.suffix == ".npy" else target) for photo, target in jobs]
    run(jobs, work, writing, outputs=lambda target: (target, blur_map.array_of(target)))
