"""What the commands share: which output belongs to which photo, what it may replace, how a run goes through them."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import click
from PIL import Image
from tqdm import tqdm

from lib import storage
from lib.cli import map_files, pictures

# What needs TensorFlow is imported where it is used: `--help` and a mistyped path answer at once.


class UserError(click.ClickException):
    """A mistake of the caller's: one line, exit status 2."""

    exit_code = 2


class Folder(type(Path())):
    """A path that was given with a slash at its end: a folder, which may be still to be made."""


@dataclass(frozen=True)
class Writing:
    """What a command may replace, and what it says.

    Attributes
    ----------
    force : bool
        Replace files that this program did not write.
    quiet : bool
        Say nothing of what was written; what was skipped or left out is said all the same.
    results : bool
        Whether maps and contact sheets are written, which replace no edited photo, nor the other way round.
    """

    force: bool = False
    quiet: bool = False
    results: bool = False

    def claim(self, target):
        """Refuse to replace what this program did not write, or what was changed since, and what is no file.

        Parameters
        ----------
        target : Path

        Raises
        ------
        UserError
        """
        if target.is_dir() or (target.exists() and not target.is_file()):
            msg = f"Cannot write {target}: there is something that is no file; name another with --output."
            raise UserError(msg)
        if self.force or not target.exists() or (_is_own(target) and _is_result(target) in (self.results, None)):
            return
        kind = "map" if self.results else "picture"
        msg = f"{target} is there and is no {kind} as this program wrote it: name another output, or --force."
        raise UserError(msg)

    def save(self, photo, target, picture):
        """Write an edited photo, say so, and say what of its file was left out.

        Parameters
        ----------
        photo, target : Path
        picture : pictures.Picture
        """
        with storage.folder_of(target):
            left_out = pictures.write(target, picture)
        self.wrote(target)
        self.note(photo, (*picture.unread, *picture.left_out, *left_out))

    def wrote(self, *targets):
        """Say on one line what was written."""
        if not self.quiet:
            click.echo(f"wrote {', '.join(map(str, targets))}")

    def note(self, photo, left_out):
        """Say on one line what of a photo's file is in no output, if anything."""
        if left_out:
            click.echo(f"{photo}: left out: {', '.join(left_out)}")


def _is_own(path):
    """Whether this program wrote a file and nobody changed it since; arrays are known by the picture beside them."""
    return map_files.is_own_array(path) if path.suffix.lower() == ".npy" else pictures.is_own(path)


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
        A folder is empty, the output is a file where a folder is needed or has an ending that cannot be written, or two
        outputs would be one.
    """
    found, endings = expand(photos), endings or pictures.WRITABLE
    is_folder = output.is_dir() or isinstance(output, Folder)
    if len(photos) == 1 and not photos[0].is_dir():
        ending = _ending(found[0], suffix)
        if is_folder:
            return [(found[0], output / (found[0].stem + ending))]
        return [(found[0], output if _has_ending(output, endings) else output.with_name(output.name + ending))]
    if output.exists() and not is_folder:
        msg = f"{output} is a file: for more than one photo --output is a folder."
        raise UserError(msg)
    if not is_folder and output.suffix.lower() in endings:
        msg = f"{output} is the name of a file: for more than one photo --output is a folder; {output}/ would be one."
        raise UserError(msg)
    stems = [photo.stem.casefold() for photo in found]  # some disks tell no "a" from "A"
    # Photos that differ in their ending alone keep it, so that neither output replaces the other.
    names = [photo.stem if stems.count(photo.stem.casefold()) == 1 else photo.name for photo in found]
    folded = [name.casefold() for name in names]
    repeated = {name for name in names if folded.count(name.casefold()) > 1}
    if repeated:
        msg = f"Several photos are named {', '.join(sorted(repeated))}: give them output folders of their own."
        raise UserError(msg)
    return [(photo, output / (name + _ending(photo, suffix))) for photo, name in zip(found, names, strict=True)]


def expand(photos):
    """Replace each folder by the photos in it, by name; say which other files it has.

    Parameters
    ----------
    photos : sequence of Path

    Returns
    -------
    list of Path

    Raises
    ------
    UserError
        A folder is empty, or the only photo is a map.
    """
    found, skipped = sorted_out(photos)
    if skipped:
        more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
        click.echo(f"skipped, no photos: {', '.join(map(str, skipped[:_NAMED]))}{more}")
    return found


def sorted_out(photos):
    """The photos among files and in folders, and the other files; hidden files are neither, maps are no photos."""
    found, skipped = [], []
    for photo in photos:
        inside = sorted(path for path in photo.iterdir() if path.name[0] != ".") if photo.is_dir() else [photo]
        are_photos = [
            (path == photo or (path.suffix.lower() in pictures.SUFFIXES and path.is_file())) and not _is_result(path)
            for path in inside
        ]
        if photo.is_dir() and not any(are_photos):
            msg = f"The folder {photo} has no photos: expected files that end in {', '.join(pictures.SUFFIXES)}."
            raise UserError(msg)
        for path, is_photo in zip(inside, are_photos, strict=True):
            (found if is_photo else skipped).append(path)
    if not found:
        msg = f"{skipped[0]} is a map that this program wrote, no photo: name the photo."
        raise UserError(msg)
    return found, skipped


def _is_result(path):
    """Whether a file, which may be missing, is a picture of a map or a contact sheet; None for an array."""
    if path.suffix.lower() == ".npy":
        return None
    with contextlib.suppress(OSError):
        return path.is_file() and pictures.is_result(path)  # a pipe could be read only once
    return False


_NAMED = 10
"""Skipped files that are named."""


def _has_ending(output, endings):
    """Whether an output is named in full; the ending of another kind of file is refused."""
    ending = output.suffix.lower()
    if ending in endings:
        return True
    if ending in _OTHERS or ending in Image.registered_extensions():
        msg = f"Cannot write {output}: expected a name that ends in {', '.join(endings)}, or in none."
        raise UserError(msg)
    return False


_OTHERS = {".npy", ".csv", ".heic", ".heif", ".jxl", ".exr", ".hdr", ".svg", ".raw", *pictures.RAW_SUFFIXES}
"""Endings of files that Pillow does not know and that are not written here."""


def _ending(photo, suffix):
    """The ending of a photo's output: as asked for, else the photo's own where that can be written, else .png."""
    own = photo.suffix.lower()
    return suffix or (own if own in pictures.WRITABLE else ".png")


def run(jobs, work, writing=None, outputs=lambda target: [target]):
    """Do the work on each photo; of many, those that fail are named at the end and the others are done.

    Parameters
    ----------
    jobs : list of (Path, Path)
        From `pair`.
    work : callable
        ``work(photo, target)``.
    writing : Writing, optional
    outputs : callable
        The files that will be written for a target.

    Raises
    ------
    UserError, ImageError
        A photo cannot be read, an output cannot be written or would replace what it must not.
    """
    writing, claimed = writing or Writing(), set()
    for photo, target in jobs:
        check_writable(target)
        for path in outputs(target):
            if path in claimed:
                msg = f"{path} would be the output of two photos: give them output folders of their own."
                raise UserError(msg)
            claimed.add(path)
            if path.exists() and photo.exists() and path.samefile(photo):
                msg = f"{path} is the photo itself: name another file or folder with --output."
                raise UserError(msg)
            writing.claim(path)
        if len(jobs) == 1 and not photo.exists():
            msg = f"No such photo: {photo}."
            raise UserError(msg)
    failed = []
    for photo, target in jobs:
        try:
            _do(work, photo, target)
        except pictures.ImageError as error:
            if len(jobs) == 1:
                raise
            # The other photos of a folder are worth having all the same.
            click.echo(f"error: {error}", err=True)
            failed.append(photo.name)
    if failed:
        msg = f"{len(failed)} of {len(jobs)} photos failed: {', '.join(failed)}."
        raise UserError(msg)


def _do(work, photo, target):
    """The work on a photo; where its size is too much for the machine, the photo is named."""
    try:
        work(photo, target)
    except Exception as error:
        if isinstance(error, MemoryError) or "Failed to allocate memory" in str(error):  # ONNX Runtime's own kind
            msg = f"Not enough memory for {photo}: close other programs, or make it smaller."
            raise pictures.ImageError(msg) from error
        raise


def describe(error):
    """An error on one line; one of the system with the name of the file or folder."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


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
    if not storage.is_writable(folder):
        msg = f"Cannot write {target}: {folder} is no folder that you may write to; name another with --output."
        raise UserError(msg)


def check_own_folder(folder, names):
    """Refuse a folder of results that has something else in it.

    Parameters
    ----------
    folder : Path
    names : collection of str
        Files or folders of which it has one, if it is not new.

    Raises
    ------
    UserError
    """
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in names):
        msg = f"{folder} is there and holds no results of this program: name another folder with --output."
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
