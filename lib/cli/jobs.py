"""What the commands share: which output belongs to which photo, and how a run goes through them."""

import contextlib
import os

import click
from tqdm import tqdm

from lib import pictures

# What needs TensorFlow is imported where it is used: `--help` and a mistyped path answer at once.


class UserError(click.ClickException):
    """A mistake of the caller's: one line, exit status 2."""

    exit_code = 2


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
        What counts as an ending of an output file; by default those that `pictures.write` knows.

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
        return [(found[0], _single_target(found[0], output, suffix, endings or pictures.WRITABLE))]
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
            sorted(p for p in photo.iterdir() if p.suffix.lower() in pictures.SUFFIXES) if photo.is_dir() else [photo]
        )
        if not inside:
            msg = f"The folder {photo} has no photos: expected files that end in {', '.join(pictures.SUFFIXES)}."
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
    return suffix or (own if own in pictures.WRITABLE else ".png")


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
        except pictures.ImageError as error:
            if len(jobs) == 1:
                raise
            # The other photos of a folder are worth having all the same.
            click.echo(f"error: {error}", err=True)
            failed.append(photo.name)
    if failed:
        msg = f"{len(failed)} of {len(jobs)} photos failed: {', '.join(failed)}."
        raise UserError(msg)


def make_folder(target):
    """Make the folder of an output; where a file is in the way, `pictures.write` says so."""
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)


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
