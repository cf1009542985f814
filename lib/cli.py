"""The command line: ``python -m lib map|train``."""

import os
import sys
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from lib import images, patches, paths

# What needs TensorFlow is imported where it is used: `--help` and a mistyped path answer at once.


class UserError(click.ClickException):
    """A mistake of the caller's: one line, exit status 2."""

    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli():
    """Estimate how defocused each part of a photo is."""


@cli.command("map")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="For one photo a file (.png, .tif, .npy or no ending), for more a folder.",
)
@click.option("--step", default=8, show_default=True, help="Pixels from one window to the next, 1 to 32.")
@click.option("--model", default="mobilenet_v2-lens", show_default=True, help="A shipped classifier or a .keras file.")
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
def map_command(photos, output, step, model, labels, variant, no_refine):
    """Write the defocus map of each PHOTO, or of all photos in a folder.

    OUTPUT.npy holds sigma in pixels, float32; OUTPUT.png (or .tif) is a 16 bit picture of it whose
    description says the scale.
    """
    jobs = map_jobs(photos, output)
    for photo, target in jobs:
        _check_writable(target)
        if len(jobs) == 1:
            _check_exists(photo)
    from lib import blur_map, classifiers, refinement

    network = classifiers.load(model)
    failed = []
    for photo, target in jobs:
        try:
            pixels = images.read(photo).pixels
            sigma = blur_map.estimate(pixels, network, step, labels, progress=_progress(photo.name, " windows"))
            if not no_refine:
                sigma = refinement.refine(sigma, pixels, variant)
            write_map(target, sigma)
        except images.ImageError as error:
            if len(jobs) == 1:
                raise
            # The other photos of a folder are worth having all the same.
            click.echo(f"error: {error}", err=True)
            failed.append(photo.name)
    if failed:
        msg = f"{len(failed)} of {len(jobs)} photos could not be mapped: {', '.join(failed)}."
        raise UserError(msg)


def map_jobs(photos, output):
    """Which map belongs to which photo.

    Parameters
    ----------
    photos : sequence of Path
        Files and folders.
    output : Path
        As ``--output``.

    Returns
    -------
    list of (Path, Path)
        A photo and its map's picture, ``.png`` or ``.tif``.
    """
    found = []
    for photo in photos:
        inside = sorted(p for p in photo.iterdir() if p.suffix.lower() in images.SUFFIXES) if photo.is_dir() else [photo]
        if not inside:
            msg = f"The folder {photo} has no photos: expected files that end in {', '.join(images.SUFFIXES)}."
            raise UserError(msg)
        found += inside
    if len(photos) == 1 and not photos[0].is_dir():
        return [(found[0], _single_target(found[0], output))]
    if output.exists() and not output.is_dir():
        msg = f"{output} is a file: for more than one photo --output is a folder."
        raise UserError(msg)
    stems = [photo.stem for photo in found]
    # Photos that differ in their ending alone keep it, so that neither map replaces the other.
    names = [photo.stem if stems.count(photo.stem) == 1 else photo.name for photo in found]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        msg = f"Several photos are named {', '.join(sorted(repeated))}: map them into folders of their own."
        raise UserError(msg)
    return [(photo, output / f"{name}.png") for photo, name in zip(found, names, strict=True)]


def _single_target(photo, output):
    if output.is_dir():
        return output / f"{photo.stem}.png"
    if output.suffix in (".png", ".tif", ".tiff"):
        return output
    if output.suffix == ".npy":
        return output.with_suffix(".png")
    return output.with_name(output.name + ".png")


def _check_exists(photo):
    if not photo.exists():
        msg = f"No such photo: {photo}."
        raise UserError(msg)


def _check_writable(target):
    """Refuse a folder that cannot be written to before the work, not after it."""
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        msg = f"Cannot write to the folder {folder}: name another with --output."
        raise UserError(msg)


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
    array = target.with_name(target.stem + ".npy")
    partial = array.with_name(f".partial-{array.name}")
    try:
        np.save(partial, sigma.astype(np.float32))
        images.write(
            target,
            np.clip(sigma / peak, 0, 1),
            bits=16,
            description=f"Defocus blur: sigma in pixels = value / 65535 * {peak}",
        )
        os.replace(partial, array)
    finally:
        partial.unlink(missing_ok=True)


@cli.command("train")
@click.argument("network", default="mobilenet_v2")
@click.option(
    "--profile",
    type=click.Choice(["quick", "local", "full"]),
    default="quick",
    show_default=True,
    help="Bundled photos for minutes, registry photos for hours, or the paper's DIV2K and 100 epochs.",
)
@click.option(
    "--reading",
    type=click.Choice(sorted(patches.READINGS)),
    default="lens",
    show_default=True,
    help="How patches are blurred: as the paper reads, or as a lens does it.",
)
@click.option("--split", type=click.Choice(["photo", "patch"]), default="photo", show_default=True, help="What the sets share out.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the run; one that holds a killed run goes on. [default: runs/NETWORK-READING-PROFILE]",
)
def train_command(network, profile, reading, split, seed, output):
    """Train NETWORK and test it; a killed run goes on where it stopped.

    The folder of the run gets weights.keras (for --model), record.json (the results) and, while it
    runs, checkpoints.
    """
    from lib import classifiers, training

    if network not in classifiers.NETWORKS:
        msg = f"Unknown network {network!r}: expected one of {', '.join(classifiers.NETWORKS)}."
        raise UserError(msg)
    output = output or paths.ROOT / "runs" / f"{network}-{reading}-{profile}"
    _check_writable(output / "record.json")
    record = training.run_profile(
        network, profile, reading, output, split=split, seed=seed, progress=_progress(network, " steps")
    )
    test = record["result"]["test"]
    click.echo(
        f"{output / 'weights.keras'}: test accuracy {test['accuracy']:.3f}, "
        f"mean absolute error {test['mean_absolute_error']:.3f} px of sigma"
    )


def _progress(label, unit):
    """A function ``update(done, total)`` that draws a progress bar on a terminal and nothing elsewhere."""
    bar = tqdm(desc=label, unit=unit, disable=None, leave=False)

    def update(done, total):
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update


def main(arguments=None):
    """Run a command; mistakes of the caller's end in one line and exit status 2.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        cli.main(arguments, prog_name="python -m lib", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit("interrupted")
    except click.ClickException as error:
        _fail(error.format_message())
    except (ValueError, OSError) as error:
        _fail(str(error))


def _fail(message):
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
