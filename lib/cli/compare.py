"""``defocus compare``."""

import contextlib
import csv
import fcntl
import functools
import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from lib import images, storage
from lib.cli import map_files, pictures
from lib.cli.jobs import Folder, UserError, describe, pair, run
from lib.cli.map_files import read_map, read_sigma
from lib.cli.options import PAPER, REFUSED, import_tensorflow, output_options, photos_argument
from lib.cli.silence import silence
from lib.studies import fingerprint

COLUMNS = ("photo", "method", "unit", "blurrier", "mean", "low", "high", "seconds")
SIGMA_COLUMNS = ("rmse", "mae", "spearman")
MASK_COLUMNS = ("f_measure", "mask_mae", "auc")
KEY = "photo-code"
"""Column of two hashes: of the photo's file and of what made the map."""


@click.command("compare", epilog=REFUSED)
@photos_argument
@output_options("Folder of all results.")
@click.option("--methods", help="Estimators, separated by commas. [default: all that can run]")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="The photo's true sigma in pixels (.npy), or a mask, white = blurred; of more photos a folder of these.",
)
def compare_command(photos, output, writing, methods, truth):
    """Run every defocus estimator on each PHOTO, or on all photos in a folder.

    The folder OUTPUT gets the maps (PHOTO/METHOD.npy), a contact sheet of each photo (PHOTO.png) and a table
    (table.csv, table.md). Maps of the same photo, by its content, and of the same code are kept, so that a killed run
    goes on; those of another photo of that name are replaced.
    """
    writing = replace(writing, results=True)
    if output.exists() and not output.is_dir():
        msg = f"{output} is a file: the comparison needs a folder."
        raise UserError(msg)
    chosen = _chosen(methods)
    names = functools.cache(lambda: chosen or _usable())
    photos = [photos[0]] if len(photos) == 1 and not photos[0].is_dir() else photos
    jobs = pair(photos, Folder(output), suffix=".png")
    truths = {photo: _truth_file(truth, photo, len(jobs) > 1) for photo, _ in jobs} if truth else {}
    table = Table(output / "table.csv", writing)

    def work(photo, target):
        picture = pictures.read(photo)
        pixels = pictures.continued(picture)
        if min(pixels.shape[:2]) < 32:
            msg = f"Cannot compare on {photo}: it is smaller than 32x32 pixels."
            raise pictures.ImageError(msg)
        known = _read_truth(truths[photo], pixels.shape[:2]) if truths else None
        content = hashlib.sha256(photo.read_bytes()).hexdigest()[:12]
        maps, failed = {}, []
        for name in names():
            try:
                maps[name] = table.map(target.stem, content, name, pixels, known)
            except (ValueError, OSError, MemoryError, ImportError) as error:
                click.echo(f"error: {photo.name}: {name}: {describe(error)}", err=True)
                failed.append(name)
        if maps:
            _write_sheet(target, pixels, maps, known)
            writing.wrote(target, table.path, target.with_suffix(""))
        writing.note(photo, picture.unread)
        if failed:
            msg = f"{', '.join(failed)} failed on {photo.name}."
            raise pictures.ImageError(msg)

    run(jobs, work, writing)


def _chosen(methods):
    """The estimators that were asked for, checked; none for all that can run."""
    from lib import estimators

    names = [name.strip() for name in (methods or "").split(",") if name.strip()]
    names = [PAPER if name == "paper" else name for name in names]
    for name in names:
        try:
            estimators.get(name)  # says which there are
        except ImportError as error:
            msg = f"The method {name} cannot run here: {describe(error)}."
            raise UserError(msg) from error
    return list(dict.fromkeys(names))


def _usable():
    import_tensorflow()
    from lib import estimators

    found = (*estimators.names(), PAPER)
    names = [name for name in found if estimators.usable(name)]
    for name in found:
        if name not in names:
            click.echo(f"note: {name} cannot run here and is left out: --methods {name} says why", err=True)
    if not names:
        msg = "No method can run: fetch their weights, or name one with --methods."
        raise UserError(msg)
    return names


def _truth_file(truth, photo, several):
    """The file with what is true of a photo."""
    if not several and not truth.is_dir():
        found = [truth] if truth.is_file() else []
    else:
        endings = {".npy", *pictures.SUFFIXES}
        inside = truth.iterdir() if truth.is_dir() else []
        found = sorted(path for path in inside if path.stem == photo.stem and path.suffix.lower() in endings)
    if not found:
        msg = f"No truth for {photo} at {truth}: expected a .npy map or a mask, in a folder under the photo's name."
        raise UserError(msg)
    return found[0]


def _read_truth(path, shape):
    """Sigma as a float map, or a mask as a bool one."""
    if path.suffix.lower() == ".npy":
        return read_sigma(path, shape, scale=1)
    mask = images.to_gray(pictures.read(path).pixels) > 0.5
    if mask.shape != tuple(shape) or mask.all() or not mask.any():
        msg = f"The mask {path} does not fit: expected shape {tuple(shape)}, as the photo, and both black and white."
        raise pictures.ImageError(msg)
    return mask


def _write_sheet(target, pixels, maps, known):
    import io

    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    from lib import estimators, figures

    pairs = [(estimators.get(name), values) for name, values in maps.items()]
    fig = figures.contact_sheet(pixels, pairs, None if known is None or known.dtype == bool else known)
    buffer = io.BytesIO()
    fig.savefig(
        buffer, dpi=120, format="png", metadata={"Software": pictures.UNSIGNED.decode(), "Description": pictures.SHEET}
    )
    plt.close(fig)
    with storage.whole(target) as file:
        file.write_bytes(pictures.sign(buffer.getvalue()))


class Table:
    """The table of a folder, as CSV and Markdown, and the maps that it is about.

    Rows of earlier runs stay until their map is judged again. A row says of which photo, by its content, and of which
    code its map is. Other processes may work on the same folder.

    Raises
    ------
    UserError
        There is a table that is not of this program.
    """

    def __init__(self, path, writing):
        self.path, self.force = path, writing.force
        markdown = path.with_suffix(".md")
        foreign = path if self._rows() is None else None
        if markdown.is_file() and not path.exists():
            foreign = markdown
        if foreign and not self.force:
            msg = f"{foreign} is there and is no table of this program: name another folder, or --force."
            raise UserError(msg)

    def map(self, photo, content, name, pixels, known):
        """The map of a photo by a method, kept from an earlier run or estimated; its row in the table is written.

        Parameters
        ----------
        photo : str
            Name in the table and of the folder of its maps.
        content : str
            Hash of the photo's file.
        name : str
            Of the method.
        pixels : (H, W[, 3]) float32 ndarray
        known : (H, W) ndarray, optional
            What is true of the photo.

        Returns
        -------
        (H, W) float32 ndarray
        """
        from lib import estimators

        path = self.path.parent / photo / f"{name}.npy"
        rows = self._rows() or {}
        row = rows.get((photo, name), {})
        if path.is_file() and row.get(KEY) == f"{content}-{_code(name)}":
            with contextlib.suppress(pictures.ImageError):  # not a whole map: estimated again
                values = read_map(path, pixels.shape[:2])
                self._add(photo, content, name, values, row["seconds"], known)
                return values
        if path.exists() and photo not in {key[0] for key in rows} and not self.force:
            msg = f"{path} is there and is in no table of this program: name another folder, or --force."
            raise pictures.ImageError(msg)
        began = time.perf_counter()
        with silence():  # TensorFlow's notes
            values = estimators.get(name)(pixels)
        seconds = time.perf_counter() - began
        path.unlink(missing_ok=True)  # no row is ever beside a map that it is not about
        self._add(photo, content, name, values, f"{seconds:.2f}", known)
        with storage.whole(path) as file:
            map_files.save_array(file, values)
        return values

    def _rows(self):
        """The rows by photo and method; None where the file is another table."""
        if not self.path.is_file():
            return {}
        try:
            with self.path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                header, rows = tuple(reader.fieldnames or ()), list(reader)
        except (UnicodeDecodeError, csv.Error):
            return None
        if header[: len(COLUMNS)] != COLUMNS:
            return None
        return {(row["photo"], row["method"]): row for row in rows}

    def _add(self, photo, content, name, values, seconds, known):
        """Judge a map and write the table anew; what it says about another photo of that name goes, with the maps."""
        row = {"photo": photo, "method": name, "seconds": seconds, **_judged(name, values, known)}
        row[KEY] = f"{content}-{_code(name)}"
        with storage.folder_of(self.path) as folder, _alone_in(folder):
            rows = self._rows() or {}
            for key in [key for key in rows if key[0] == photo and not (rows[key].get(KEY) or "").startswith(content)]:
                del rows[key]
                (folder / photo / f"{key[1]}.npy").unlink(missing_ok=True)
            self._write([*(rows | {(photo, name): row}).values()])

    def _write(self, rows):
        columns = [c for c in (*SIGMA_COLUMNS, *MASK_COLUMNS) if any(row.get(c) for row in rows)]
        columns = [*COLUMNS, *columns, KEY]
        lines = [[row.get(column) or "" for column in columns] for row in rows]
        with storage.whole(self.path) as path, path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *lines])
        rule = ["---"] * 2 + ["---:"] * (len(columns) - 2)
        cells = [columns, rule, *([cell.replace("|", "\\|") for cell in line] for line in lines)]
        text = "".join("| " + " | ".join(line) + " |\n" for line in cells)
        with storage.whole(self.path.with_suffix(".md")) as path:
            path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _alone_in(folder):
    """As `storage.alone`, by a lock of the folder itself, which exists: no file is made, and other users wait too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _judged(name, values, known):
    """What a row says about a map."""
    from lib import estimators
    from lib.studies.map_errors import map_errors, mask_scores

    estimator = estimators.get(name)
    low, high = np.percentile(values, (5, 95))
    row = {"unit": estimator.method.unit, "blurrier": estimator.method.blurrier}
    row |= {"mean": f"{values.mean():.4g}", "low": f"{low:.4g}", "high": f"{high:.4g}"}
    if known is not None and known.dtype == bool:
        scores = mask_scores(estimator.blur(values), known)
        row |= {key: f"{value:.4f}" for key, value in zip(MASK_COLUMNS, scores.values(), strict=True)}
    elif known is not None:
        errors = map_errors(estimator.blur(values), known)
        wanted = SIGMA_COLUMNS if estimator.method.unit == "sigma" else ("spearman",)
        row |= {key: f"{errors[key]:.4f}" for key in wanted}
    return row


@functools.cache
def _code(name):
    """A hash of the code and the networks that make a method's maps."""
    from lib import estimators

    estimate = estimators.get(name).estimate  # a partial, with the options of a variant
    return fingerprint.of_function(estimate.func, {"name": name} | estimate.keywords, ("data/weights",))[:12]
