"""``python -m lib map``."""

from pathlib import Path

import click
import numpy as np

from lib import blur_map, images, patches, paths, refinement
from lib.cli.common import make_folder, network_options, pair, photos_argument, progress, run, step_option


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
        pixels = images.read(photo).pixels
        sigma = blur_map.estimate(pixels, network(), step, labels, progress=progress(photo.name, " windows"))
        if not no_refine:
            sigma = refinement.refine(sigma, pixels, variant)
        write_map(target, sigma)

    jobs = pair(photos, output, suffix=".png", endings=(".png", ".tif", ".tiff", ".npy"))
    run([(photo, target.with_suffix(".png") if target.suffix == ".npy" else target) for photo, target in jobs], work)


def write_map(target, sigma):
    """Write a map as a float32 ``.npy`` and as a 16 bit picture beside it, each whole or not at all.

    Parameters
    ----------
    target : Path
        Of the picture, ``.png`` or ``.tif``.
    sigma : (H, W) float32 ndarray
        Pixels; the picture holds 0 to 19.
    """
    peak = patches.LEVELS - 1
    make_folder(target)
    array = target.with_name(target.stem + ".npy")
    with paths.whole(array) as file:
        np.save(file, sigma.astype(np.float32))
        images.write(
            target,
            np.clip(sigma / peak, 0, 1),
            bits=16,
            description=f"Defocus blur: sigma in pixels = value / 65535 * {peak}",
        )
