"""``defocus compare``."""

import csv
import functools
import time
from pathlib import Path

import click
import numpy as np

from lib import images, pictures, storage
from lib.blur_map import read_map
from lib.cli.jobs import UserError, make_folder, pair, run
from lib.cli.options import import_tensorflow, photos_argument

COLUMNS = ("photo", "method", "unit", "blurrier", "mean", "low", "high", "seconds")
SIGMA_COLUMNS = ("rmse", "mae", "spearman")
MASK_COLUMNS = ("f_measure", "mask_mae", "auc")


@click.command("compare")
@photos_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of all results.")
@click.option("--methods", help="Estimators, separated by commas. [default: all that can run]")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="The photo's true sigma in pixels (.npy), or a mask, white = blurred; of more photos a folder of these.",
)
def compare_command(photos, output, methods, truth):
    """Run every defocus estimator on each PHOTO, or on all photos in a folder.

    The folder OUTPUT gets the maps (PHOTO/METHOD.npy), a contact sheet of each photo (PHOTO.png) and a table
    (table.csv, table.md). Maps that are there already and newer than the photo are kept, so that a killed run goes on.
    """
    if output.exists() and not output.is_dir():
        msg = f"{output} is a file: the comparison needs a folder."
        raise UserError(msg)
    chosen = _chosen(methods)
    names = functools.cache(lambda: chosen or _usable())
    single = len(photos) == 1 and not photos[0].is_dir()
    jobs = [(photos[0], output / f"{photos[0].stem}.png")] if single else pair(photos, output, suffix=".png")
    truths = {photo: _truth_file(truth, photo, len(jobs) > 1) for photo, _ in jobs} if truth else {}
    table = Table(output / "table.csv")

    def work(photo, target):
        pixels = pictures.read(photo).pixels
        if min(pixels.shape[:2]) < 32:
            msg = f"Cannot compare on {photo}: it is smaller than 32x32 pixels."
            raise pictures.ImageError(msg)
        known = _read_truth(truths[photo], pixels.shape[:2]) if truths else None
        maps, failed = {}, []
        for name in names():
            try:
                maps[name], seconds = _map(name, photo, pixels, target.with_suffix("") / f"{name}.npy")
            except (ValueError, OSError, MemoryError) as error:
                click.echo(f"error: {photo.name}: {name}: {' '.join(str(error).split())}", err=True)
                failed.append(name)
                continue
            table.add(target.stem, name, maps[name], seconds, known)
        if maps:
            _write_sheet(target, pixels, maps, known)
        if failed:
            msg = f"{', '.join(failed)} failed on {photo.name}."
            raise pictures.ImageError(msg)

    run(jobs, work)


def _chosen(methods):
    """The estimators that were asked for, checked; none for all that can run."""
    from lib import estimators

    names = [name.strip() for name in (methods or "").split(",") if name.strip()]
    for name in names:
        estimators.get(name)  # says which there are
    return list(dict.fromkeys(names))


def _usable():
    import_tensorflow()
    from lib import estimators

    names = [name for name in estimators.names() if estimators.usable(name)]
    if not names:
        msg = "No method can run: fetch their weights, or name one with --methods."
        raise UserError(msg)
    return names


def _map(name, photo, pixels, path):
    """The map of a photo and the seconds that it took; kept from an earlier run where it fits, then without seconds."""
    from lib import estimators

    if path.is_file() and path.stat().st_mtime >= photo.stat().st_mtime:
        try:
            return read_map(path, pixels.shape[:2]), None
        except pictures.ImageError:
            pass  # not a whole map of this photo: estimated again
    began = time.perf_counter()
    values = estimators.get(name)(pixels)
    seconds = time.perf_counter() - began
    make_folder(path)
    with storage.whole(path) as file:
        np.save(file, values)
    return values, seconds


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
        return read_map(path, shape)
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
    fig.savefig(buffer, dpi=120, format="png")
    plt.close(fig)
    make_folder(target)
    with storage.whole(target) as file:
        file.write_bytes(buffer.getvalue())


class Table:
    """The table of a folder, as CSV and Markdown; rows of earlier runs stay until their map is judged again."""

    def __init__(self, path):
        self.path = path
        self.rows = {}
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                self.rows = {(row["photo"], row["method"]): row for row in csv.DictReader(file)}

    def add(self, photo, name, values, seconds, known):
        """Judge a map and write the table anew."""
        from lib import estimators
        from lib.metrics.map_errors import map_errors, mask_scores

        estimator = estimators.get(name)
        low, high = np.percentile(values, (5, 95))
        row = {"photo": photo, "method": name, "unit": estimator.method.unit, "blurrier": estimator.method.blurrier}
        row |= {"mean": f"{values.mean():.4g}", "low": f"{low:.4g}", "high": f"{high:.4g}"}
        row["seconds"] = self.rows.get((photo, name), {}).get("seconds", "") if seconds is None else f"{seconds:.2f}"
        if known is not None and known.dtype == bool:
            scores = mask_scores(estimator.blur(values), known)
            row |= {key: f"{value:.4f}" for key, value in zip(MASK_COLUMNS, scores.values(), strict=True)}
        elif known is not None:
            errors = map_errors(estimator.blur(values), known)
            wanted = SIGMA_COLUMNS if estimator.method.unit == "sigma" else ("spearman",)
            row |= {key: f"{errors[key]:.4f}" for key in wanted}
        self.rows[photo, name] = row
        self._write()

    def _write(self):
        make_folder(self.path)
        rows = list(self.rows.values())
        columns = [
            c for c in (*COLUMNS, *SIGMA_COLUMNS, *MASK_COLUMNS) if c in COLUMNS or any(row.get(c) for row in rows)
        ]
        lines = [[row.get(column) or "" for column in columns] for row in rows]
        with storage.whole(self.path) as path, path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *lines])
        markdown = [columns, ["---"] * 2 + ["---:"] * (len(columns) - 2), *lines]
        text = "".join("| " + " | ".join(line) + " |\n" for line in markdown)
        with storage.whole(self.path.with_suffix(".md")) as path:
            path.write_text(text, encoding="utf-8")
