"""``defocus map``."""

from dataclasses import replace

import click

from lib.cli import map_files, pictures
from lib.cli.jobs import pair, run
from lib.cli.options import REFUSED, estimator_options, output_options, photos_argument, refuse_given

INTERVAL = "", "_low", "_high"
"""Ends of the names of a map and of the two ends of its 80 % interval."""


@click.command("map", epilog=REFUSED)
@photos_argument
@output_options("For one photo a file (.png, .tif, .npy or no ending) or a folder, for more a folder.")
@estimator_options(paper={"labels", "variant", "no_refine"}, one_pass={"interval"})
@click.option("--interval", is_flag=True, help="one_pass: write OUTPUT_low and OUTPUT_high too.")
@click.option(
    "--labels",
    type=click.Choice(["hard", "expected"]),
    default="hard",
    show_default=True,
    help="paper: a window's answer: its most probable or its mean level.",
)
@click.option(
    "--variant",
    type=click.Choice(["paper", "released", "filled"]),
    default="paper",
    show_default=True,
    help="paper: refinement of the paper's text or of its code, or a map that is filled where the windows are unsure.",
)
@click.option("--no-refine", is_flag=True, help="paper: leave the map as the windows give it.")
def map_command(photos, output, writing, estimate, interval, labels, variant, no_refine):
    """Write the defocus map of each PHOTO, or of all photos in a folder.

    OUTPUT.npy holds sigma in pixels, float32; OUTPUT.png (or .tif) is a 16 bit picture of it whose
    description says the scale.
    """

    writing = replace(writing, results=True)
    if no_refine:
        refuse_given({"variant"}, "with --no-refine")

    def pictures_of(target):
        return [target.with_stem(target.stem + end) for end in (INTERVAL if interval else ("",))]

    def files(target):
        return [file for name in pictures_of(target) for file in (name, map_files.array_of(name))]

    def work(photo, target):
        picture = pictures.read(photo)
        windows = {"labels": labels, "variant": None if no_refine else variant}
        maps = estimate(pictures.continued(picture), photo.name, interval=interval, **windows)
        map_files.write_maps(dict(zip(pictures_of(target), maps if interval else [maps], strict=True)))
        writing.wrote(*files(target))
        writing.note(photo, picture.unread)

    jobs = pair(photos, output, suffix=".png", endings=(".png", ".tif", ".tiff", ".npy"))
    jobs = [(photo, _picture_of(target)) for photo, target in jobs]
    run(jobs, work, writing, outputs=files)


def _picture_of(target):
    """The picture that goes with an array; else the target itself."""
    return target.with_suffix(".png") if target.suffix.lower() == ".npy" else target
