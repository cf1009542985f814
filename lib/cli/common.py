"""What the commands share: which output belongs to which photo, and how a run goes through them."""

import contextlib
import functools
import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from lib import blur_map, engines, images, refinement
from lib.shallow_focus.region_fill import region_fill

# What needs TensorFlow is imported where it is used: `--help` and a mistyped path answer at once.


class UserError(click.ClickException):
    """A mistake of the caller's: one line, exit status 2."""

    exit_code = 2


photos_argument = click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
"""Any number of photos and folders of photos."""
output_option = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="For one photo a file or a folder, for more a folder.",
)
step_option = click.option(
    "--step", type=click.IntRange(1, 32), default=8, show_default=True, help="Pixels from one window to the next."
)


def network_options(command):
    """Give a command ``--model`` and ``--engine``, and a function that starts the classifier on the engine.

    The command gets the argument ``network``; ``network()`` returns the same `engines.Engine` at each call.
    """

    @click.option(
        "--model", default="mobilenet_v2-lens", show_default=True, help="A shipped classifier or a .keras file."
    )
    @click.option(
        "--engine",
        type=click.Choice(engines.ENGINES),
        default=engines.ENGINES[0],
        show_default=True,
        help="What runs the classifier. All agree; openvino-bf16 is the fastest.",
    )
    @functools.wraps(command)
    def with_network(*args, model, engine, **options):
        return command(*args, network=functools.cache(lambda: start_engine(model, engine)), **options)

    return with_network


def map_options(command):
    """Give a command the options of a photo's map, and a function that makes it from them.

    The command gets the argument ``defocus``, called ``defocus(pixels, label)``: it reads the file of
    ``--map``, or estimates the map and refines it, with `label` beside the progress bar.
    """

    @click.option(
        "--map",
        "map_file",
        type=click.Path(path_type=Path),
        help="Defocus map of the photo (.npy of `map`), if at hand.",
    )
    @step_option
    @network_options
    @functools.wraps(command)
    def with_defocus(*args, map_file, step, network, **options):
        return command(*args, defocus=_map_source(map_file, step, network), **options)

    return with_defocus


def import_tensorflow():
    """Import TensorFlow without the notes of its C++ part, which come whatever TF_CPP_MIN_LOG_LEVEL says."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def start_engine(model, engine):
    """`engines.start`, TensorFlow imported quietly before where it is needed."""
    if engines.needs_tensorflow(model, engine):
        import_tensorflow()
    return engines.start(model, engine)


def _map_source(map_file, step, network):
    if map_file is not None:
        return lambda pixels, label: read_map(map_file, pixels.shape[:2])

    def estimate(pixels, label):
        sigma = blur_map.estimate(pixels, network(), step, progress=progress(label, " windows"))
        return refinement.refine(sigma, pixels)

    return estimate


def read_map(path, shape):
    """Read a defocus map that ``python -m lib map`` wrote.

    Parameters
    ----------
    path : path
        Of a ``.npy`` file.
    shape : (int, int)
        H and W of the photo that it must fit.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels.

    Raises
    ------
    ImageError
        The file is missing, is no array of numbers, holds NaN or has another shape.
    """
    try:
        sigma = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        msg = f"Cannot read the map {path} ({type(error).__name__}): expected the .npy file of `python -m lib map`."
        raise images.ImageError(msg) from error
    if not isinstance(sigma, np.ndarray) or sigma.dtype.kind not in "fiu" or sigma.shape != tuple(shape):
        found = getattr(sigma, "shape", "several arrays"), getattr(sigma, "dtype", "")
        msg = f"The map {path} does not fit: expected numbers of shape {tuple(shape)}, as the photo, got {found}."
        raise images.ImageError(msg)
    if not np.isfinite(sigma).all():
        msg = f"The map {path} holds NaN or infinity: estimate it again."
        raise images.ImageError(msg)
    return sigma.astype(np.float32)


def pair(photos, output, suffix=None, endings=None):
    """Which output belongs to which photo.

    Parameters
    ----------
    photos : sequence of Path
        Files and folders.
    output : Path
        For one photo a file or a folder, for more a folder.
    suffix : str, optional
        Ending of an output that is not named in full; by default the photo's own.
    endings : collection of str, optional
        What counts as an ending of an output file; by default those that `images.write` knows.

    Returns
    -------
    list of (Path, Path)
        A photo and its output.

    Raises
    ------
    UserError
        A folder is empty, the output is a file where a folder is needed, or two outputs would be one.
    """
    found = expand(photos)
    if len(photos) == 1 and not photos[0].is_dir():
        return [(found[0], _single_target(found[0], output, suffix, endings or images.WRITABLE))]
    if output.exists() and not output.is_dir():
        msg = f"{output} is a file: for more than one photo --output is a folder."
        raise UserError(msg)
    stems = [photo.stem for photo in found]
    # Photos that differ in their ending alone keep it, so that neither output replaces the other.
    names = [photo.stem if stems.count(photo.stem) == 1 else photo.name for photo in found]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        msg = f"Several photos are named {', '.join(sorted(repeated))}: give them output folders of their own."
        raise UserError(msg)
    return [(photo, output / (name + _ending(photo, suffix))) for photo, name in zip(found, names, strict=True)]


def expand(photos):
    """Replace each folder by the photos in it, by name.

    Parameters
    ----------
    photos : sequence of Path

    Returns
    -------
    list of Path

    Raises
    ------
    UserError
        A folder is empty.
    """
    found = []
    for photo in photos:
        inside = (
            sorted(p for p in photo.iterdir() if p.suffix.lower() in images.SUFFIXES) if photo.is_dir() else [photo]
        )
        if not inside:
            msg = f"The folder {photo} has no photos: expected files that end in {', '.join(images.SUFFIXES)}."
            raise UserError(msg)
        found += inside
    return found


def _single_target(photo, output, suffix, endings):
    if output.is_dir():
        return output / (photo.stem + _ending(photo, suffix))
    if output.suffix.lower() in endings:
        return output
    return output.with_name(output.name + _ending(photo, suffix))


def _ending(photo, suffix):
    """The ending of a photo's output: as asked for, else the photo's own where that can be written, else .png."""
    own = photo.suffix.lower()
    return suffix or (own if own in images.WRITABLE else ".png")


def run(jobs, work):
    """Do the work on each photo; of many, those that fail are named at the end and the others are done.

    Parameters
    ----------
    jobs : list of (Path, Path)
        From `pair`.
    work : callable
        ``work(photo, target)``; the folder of the target is made by `make_folder` when there is something to write.

    Raises
    ------
    UserError, ImageError
        A photo cannot be read, an output cannot be written or would replace its photo.
    """
    for photo, target in jobs:
        check_writable(target)
        if target.exists() and photo.exists() and target.samefile(photo):
            msg = f"{target} is the photo itself: name another file or folder with --output."
            raise UserError(msg)
        if len(jobs) == 1 and not photo.exists():
            msg = f"No such photo: {photo}."
            raise UserError(msg)
    failed = []
    for photo, target in jobs:
        try:
            work(photo, target)
        except images.ImageError as error:
            if len(jobs) == 1:
                raise
            # The other photos of a folder are worth having all the same.
            click.echo(f"error: {error}", err=True)
            failed.append(photo.name)
    if failed:
        msg = f"{len(failed)} of {len(jobs)} photos failed: {', '.join(failed)}."
        raise UserError(msg)


def make_folder(target):
    """Make the folder of an output; where a file is in the way, `images.write` says so."""
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)


def edited(picture, edit):
    """A picture after an edit that respects its transparency.

    What is hidden under transparent pixels neither spreads into the visible ones nor changes: the edit
    sees a continuation of the visible ones there.

    Parameters
    ----------
    picture : images.Picture
    edit : callable
        ``edit(pixels)`` returns the new pixels, of the same shape.

    Returns
    -------
    images.Picture
        With the bits, alpha, EXIF and color profile of the old one.
    """
    if picture.alpha is None:
        return replace(picture, pixels=edit(picture.pixels))
    hidden = picture.alpha == 0
    new = edit(np.clip(region_fill(picture.pixels, hidden), 0, 1))
    kept = hidden if new.ndim == 2 else hidden[..., None]
    return replace(picture, pixels=np.where(kept, picture.pixels, new))


def refuse_others(given, allowed, choice):
    """Refuse options that mean nothing to the chosen method.

    Parameters
    ----------
    given, allowed : collection of str
        Names of options, as Python names.
    choice : str
        The option that was chosen, such as ``"--method cas"``.

    Raises
    ------
    UserError
    """
    for name in sorted(set(given) - set(allowed)):
        own = ", ".join(f"--{each.replace('_', '-')}" for each in sorted(allowed))
        msg = f"--{name.replace('_', '-')} means nothing to {choice}, which takes {own}."
        raise UserError(msg)


def check_writable(target):
    """Refuse a folder that cannot be written to before the work, not after it. Nothing is made yet.

    Parameters
    ----------
    target : Path
        A file to be.

    Raises
    ------
    UserError
    """
    folder = target.absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        msg = f"Cannot write {target}: {folder} is no folder that you may write to; name another with --output."
        raise UserError(msg)


def progress(label, unit):
    """A function ``update(done, total)`` that draws a progress bar on a terminal and nothing elsewhere."""
    bar = tqdm(desc=label, unit=unit, disable=None, leave=False)

    def update(done, total):
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update
