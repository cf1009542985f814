"""What differs between two runs of the reproduction: ``python -m lib.studies.differences FOLDER OTHER``.

Two runs with the same profile, seed and photos on the same kind of machine give the same numbers. They are compared
file by file; what says when and how long, and what is measured in seconds, may differ.
"""

import csv
import itertools
import json
import math
import sys
from pathlib import Path

import click
import nbformat
import numpy as np

from lib import images

PROVENANCE = ("seconds", "machine", "commit", "date", "networks")
"""Of a record, beside its result."""
TIMES = ("second", "minute", "peak_memory")
"""Parts of the names of results that no two runs share."""


def differences(folder, other):
    """Compare two folders of results.

    Parameters
    ----------
    folder, other : path
        ``runs/PROFILE/records``, or a folder of chapters.

    Returns
    -------
    list of str
        What differs, a line each, with the file's name; empty where all is the same.
    """
    folder, other = Path(folder), Path(other)
    for each in (folder, other):
        if not each.is_dir():
            msg = f"Expected a folder of results, got {each}: run `make reproduce` first."
            raise NotADirectoryError(msg)
    names, others = _files(folder), _files(other)
    found = [f"{name}: only in {folder}" for name in sorted(names - others)]
    found += [f"{name}: only in {other}" for name in sorted(others - names)]
    for name in sorted(names & others):
        found += [f"{name}: {what}" for what in _COMPARE[Path(name).suffix](folder / name, other / name)]
    return found


def _files(folder):
    """Names of the files that are compared. An SVG has its PNG beside it, and names its parts at random."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in _COMPARE}


def _records(path, other):
    first, second = (json.loads(each.read_text()) for each in (path, other))
    for content in (first, second):
        for key in PROVENANCE:
            content.pop(key, None)
        if isinstance(content.get("data"), dict):
            content["data"].pop("inputs", None)  # of a chapter: a hash over records, with their times
    return list(_values(first, second, ""))


def _values(first, second, where):
    """Yield where two JSON values differ, and how."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first | second:
            if not any(part in key for part in TIMES):
                yield from _values(first.get(key), second.get(key), f"{where}.{key}" if where else key)
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, pair in enumerate(zip(first, second, strict=True)):
            yield from _values(*pair, f"{where}[{number}]")
    elif first != second and not _both_nan(first, second):
        yield f"{where} is {first} and {second}"


def _both_nan(first, second):
    return all(isinstance(each, float) and math.isnan(each) for each in (first, second))


def _tables(path, other):
    rows = [list(csv.reader(each.read_text().splitlines())) for each in (path, other)]
    timed = {
        column for column, title in enumerate(rows[0][0]) if any(part in title.lower() for part in (*TIMES, "time"))
    }
    for line, pair in enumerate(itertools.zip_longest(*rows, fillvalue=[]), start=1):
        first, second = ([cell for column, cell in enumerate(row) if column not in timed] for row in pair)
        if first != second:
            yield f"line {line} is {first} and {second}"


def _pictures(path, other):
    first, second = (images.read(each) for each in (path, other))
    if first.shape != second.shape:
        yield f"the picture has {first.shape} and {second.shape} pixels"
    elif not np.array_equal(first, second):
        yield f"the picture differs in {np.mean((first != second).any(-1)):.1%} of its pixels"


def _notebooks(path, other):
    """What the cells print, and the numbers that the text takes from them."""
    printed = [[_text(cell) for cell in nbformat.read(each, 4).cells] for each in (path, other)]
    for number, pair in enumerate(itertools.zip_longest(*printed, fillvalue=[]), start=1):
        for first, second in itertools.zip_longest(*pair, fillvalue=""):
            if first != second:
                yield f"cell {number} prints {first!r} and {second!r}"


def _text(cell):
    """Lines of the outputs that are text; tables have files of their own, and warnings tell the time."""
    lines = []
    for output in cell.get("outputs", []):
        name = output.get("metadata", {}).get("scrapbook", {}).get("name", "")
        if output.get("name") != "stderr" and not any(part in name for part in TIMES):
            kinds = {"stream": output.get("text", "")} | output.get("data", {})
            shown = [text for kind, text in kinds.items() if "image" not in kind and "markdown" not in kind]
            lines += "".join(map(str, shown)).splitlines()
    return lines


_COMPARE = {".json": _records, ".csv": _tables, ".png": _pictures, ".ipynb": _notebooks}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
def main(folder, other):
    """List what differs between the results in FOLDER and OTHER; exit with 1 where anything does."""
    found = differences(folder, other)
    click.echo("\n".join(found) or "All results are the same.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
