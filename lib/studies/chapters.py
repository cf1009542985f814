"""The chapters as papermill runs: every figure and table of the book, by profile, with provenance.

A chapter is turned into a notebook by jupytext, run by papermill, and its numbered figures (PNG and
SVG) and tables (CSV) are collected. A chapter's folder appears when it is complete; a run that was
killed goes on with the chapters that are not yet there.
"""

import base64
import csv
import fnmatch
import hashlib
import json
import re
import time
from pathlib import Path

import click
import jupytext
import nbclient
import nbformat
import papermill
import yaml

from lib import paths, storage
from lib.studies import fingerprint, records, register
from lib.studies.profiles import PROFILES

RECORD = "record.json"
NOTEBOOK = "notebook.ipynb"
_BOTH_FORMATS = '%config InlineBackend.figure_formats = ["png", "svg"]'


class ReproductionError(ValueError):
    """A chapter that is unknown, fails, or does not show what it should; the message names it."""


def chapters(book=paths.BOOK):
    """Names of the chapters that run, in the order of the table of contents.

    Parameters
    ----------
    book : path
        Folder with ``_toc.yml`` and the chapters.

    Returns
    -------
    list of str

    Examples
    --------
    >>> chapters()[:2]
    ['try_it', 'optics']
    """
    contents = yaml.safe_load((Path(book) / "_toc.yml").read_text())
    listed = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    return [name for name in listed if "{code-cell}" in (Path(book) / f"{name}.md").read_text()]


def reproduce(names, folder, parameters, book=paths.BOOK, progress=None):
    """Run chapters and collect what they show.

    Parameters
    ----------
    names : sequence of str
        Of `chapters`.
    folder : path
        Gets a folder for each chapter: ``notebook.ipynb``, the figures by their names, the tables by
        their numbers, and ``record.json``. Chapters that are there already, made with the same
        parameters from the same book, `lib` and `data`, are not run again.
    parameters : dict
        For the cell tagged ``parameters``, such as ``{"profile": "quick", "seed": 0}``.
    book : path
        Folder of the chapters.
    progress : callable, optional
        Called after each chapter with (chapters done, chapters in all).

    Returns
    -------
    dict of str to dict
        The record of each chapter.

    Raises
    ------
    ReproductionError
        A chapter is unknown, does not know a parameter, fails, or a figure is missing.
    """
    unknown = set(names) - set(chapters(book))
    if unknown:
        msg = f"Unknown chapters {', '.join(sorted(unknown))}: expected some of {', '.join(chapters(book))}."
        raise ReproductionError(msg)
    done = {}
    for name in names:
        target = Path(folder) / name
        key = _key(book, name, parameters)
        with storage.alone(target):
            if not _is_fresh(target, key):
                _run(name, target, parameters, Path(book), key)
        done[name] = records.load(target.resolve() / RECORD)
        if progress:
            progress(len(done), len(names))
    return done


def ran(name, book=paths.BOOK):
    """What the cells of a chapter have shown in this run.

    Parameters
    ----------
    name, book
        As in `cells`.

    Returns
    -------
    list of list or None
        The outputs of each code cell, figures as PNG only; None outside of a run, and where it has not run the chapter
        as it is now.
    """
    if not paths.run() or not (paths.run() / "chapters" / name / RECORD).exists():
        return None
    target = paths.run() / "chapters" / name
    if not _is_fresh(target, _key(book, name, records.load(target / RECORD)["data"]["parameters"])):
        return None
    code = [cell for cell in nbformat.read(target / NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    own = [cell for cell in code[1:] if "injected-parameters" not in cell.metadata.get("tags", [])]
    for output in (output for cell in own for output in cell.outputs):
        output.get("data", {}).pop("image/svg+xml", None)
    return [cell.outputs for cell in own]


def reads(name, book=paths.BOOK):
    """The studies whose records a chapter reads: those it names, fields in braces standing for any.

    Parameters
    ----------
    name, book
        As in `cells`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> reads("blur_map")
    ['inference']
    """
    source = _source(name, book)
    named = [re.sub(r"\{.*?\}", "*", each) for each in re.findall(r'(?:records\.read|recorded)\(f?"(.+?)"\)', source)]
    if "scoreboard" in source:
        named = ["*"]
    return [each for each in register.studies() if any(fnmatch.fnmatchcase(each, pattern) for pattern in named)]


def uses_networks(name, book=paths.BOOK):
    """Whether a chapter's cells reach what opens trained networks."""
    return any(place == ("lib.paths", "weights.0") for place in fingerprint.reached_by_cells(_source(name, book)))


def code_hash(name, book=paths.BOOK):
    """The hash of a chapter's text, and of the code and files that its cells reach.

    Parameters
    ----------
    name, book
        As in `cells`.

    Returns
    -------
    str
    """
    digest = hashlib.sha256((Path(book) / f"{name}.md").read_bytes())
    digest.update(fingerprint.of_cells(_source(name, book), ("data/paper", "data/registry.tsv")).encode())
    return digest.hexdigest()[:16]


def inputs_hash(name, book=paths.BOOK):
    """The hash of all that a chapter's page comes from: `code_hash`, the records it reads, the networks it runs.

    Parameters
    ----------
    name, book
        As in `cells`.

    Returns
    -------
    str
        Another where a record has become stale, since the page says so.
    """
    digest = hashlib.sha256(code_hash(name, book).encode())
    for each in reads(name, book):
        for profile in (None, *PROFILES) if "scoreboard" in _source(name, book) else (None,):
            path = records.path(each, profile)
            digest.update(f"{each} {profile} {records.state(each, profile)}".encode())
            digest.update(path.read_bytes() if path.exists() else b"")
    if uses_networks(name, book):
        for path in sorted(paths.weights().rglob("*")):
            digest.update(path.relative_to(paths.weights()).as_posix().encode())
            digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:16]


_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?:---\n.*?^---\n|(?::[^\n]*\n)*)(.*?)^```", re.DOTALL | re.MULTILINE)


def _source(name, book):
    """The Python of a chapter's cells, without magic commands."""
    lines = "".join(_CELL.findall((Path(book) / f"{name}.md").read_text(encoding="utf-8"))).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("%", "!")))


def _key(book, name, parameters):
    """What decides the results of a chapter, as one hash."""
    given = json.dumps(parameters, sort_keys=True)
    return hashlib.sha256((given + inputs_hash(name, book)).encode()).hexdigest()[:16]


def _is_fresh(target, key):
    path = target.resolve() / RECORD
    return path.exists() and records.load(path)["data"]["inputs"] == key


def _run(name, target, parameters, book, key):
    """Run one chapter into a folder that takes its name when all is in it."""
    with storage.whole_folder(target) as partial:
        notebook = jupytext.read(book / f"{name}.md")
        _check_parameters(name, notebook, parameters)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(_BOTH_FORMATS))
        nbformat.write(notebook, partial / NOTEBOOK)
        began = time.monotonic()
        try:
            file = partial / NOTEBOOK
            ran = papermill.execute_notebook(
                file, file, parameters, kernel_name="python3", progress_bar=False, cwd=paths.ROOT
            )
        except papermill.PapermillExecutionError as error:
            msg = f"The chapter {name} failed with {error.ename}: {error.evalue} ({file} has the whole run)."
            raise ReproductionError(msg) from error
        records.write(
            partial / RECORD,
            {"figures": _figures(name, ran, partial), "tables": _tables(ran, partial)},
            profile=parameters.get("profile"),
            data={"parameters": parameters, "inputs": key},
            seed=parameters.get("seed"),
            seconds=time.monotonic() - began,
        )


def _check_parameters(name, notebook, parameters):
    """Papermill only warns of a parameter that the notebook does not have."""
    known = papermill.inspect_notebook(notebook)
    unknown = [parameter for parameter in parameters if parameter not in known]
    if unknown:
        msg = (
            f"The chapter {name} has no parameter {', '.join(unknown)}: expected some of {', '.join(known) or 'none'}."
        )
        raise ReproductionError(msg)


def _figures(name, notebook, folder):
    """Write the named figures; their names."""
    found = []
    for cell in notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        if not figure:
            continue
        shown = [output.data for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        if not shown:
            msg = f"The chapter {name} shows no picture for its figure {figure}."
            raise ReproductionError(msg)
        (folder / f"{figure}.png").write_bytes(base64.b64decode(shown[0]["image/png"]))
        if "image/svg+xml" in shown[0]:
            (folder / f"{figure}.svg").write_text(shown[0]["image/svg+xml"])
        found.append(figure)
    return found


def _tables(notebook, folder):
    """Write the data of the tables (`lib.figures.table`) as CSV; their names."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    tables = [output.metadata["table"] for output in outputs if "table" in output.get("metadata", {})]
    names = [f"table-{number}" for number in range(1, len(tables) + 1)]
    for name, rows in zip(names, tables, strict=True):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    return names


FOLDER = paths.ROOT / "tests" / "recorded"


SKIPPED = (
    "stderr",
    "text/html",
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "application/papermill.record/image/png",
    "application/papermill.record/text/html",
)
"""Kinds of output that are neither recorded nor compared."""


CELL_SECONDS = 600


def cells(name, book=paths.BOOK):
    """The code of a chapter: its code cells with their tags, and nothing else.

    Parameters
    ----------
    name : str
        Of `reproduce.chapters`.
    book : path
        Folder of the chapters.

    Returns
    -------
    list of nbformat.NotebookNode
        The same at each call.

    Examples
    --------
    >>> cells("optics")[0].metadata.tags
    ['parameters']
    """
    code = [cell for cell in jupytext.read(Path(book) / f"{name}.md").cells if cell.cell_type == "code"]
    return [_bare(number, cell) for number, cell in enumerate(code)]


def _bare(number, cell):
    tags = cell.metadata.get("tags")
    return nbformat.v4.new_code_cell(cell.source, id=f"cell-{number}", metadata={"tags": tags} if tags else {})


def record(name, folder=FOLDER, book=paths.BOOK):
    """Run a chapter and write its notebook, whole or not at all.

    Parameters
    ----------
    name : str
        Of `reproduce.chapters`.
    folder : path
        Gets ``NAME.ipynb``.
    book : path
        Folder of the chapters.

    Returns
    -------
    pathlib.Path
        Of the notebook.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell fails.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=cells(name, book))
    where = {"metadata": {"path": str(paths.ROOT)}}
    nbclient.NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=where).execute()
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for cell, bare in zip(notebook.cells, cells(name, book), strict=True):
        cell.metadata = bare.metadata  # without the times of the run
        cell.outputs = [kept for output in cell.outputs if (kept := _text_of(output))]
    path = folder / f"{name}.ipynb"
    with storage.whole(path) as file:
        nbformat.write(notebook, file)
    return path


def _text_of(output):
    """An output without what is `SKIPPED`, or None if nothing is left."""
    if output.output_type == "stream":
        return None if output.name in SKIPPED else output
    output.data = {kind: value for kind, value in output.data.items() if kind not in SKIPPED}
    output.metadata = {}
    return output if output.data else None


def is_current(name, folder=FOLDER, book=paths.BOOK):
    """Whether a chapter has a recording of the code that it has now.

    Parameters
    ----------
    name, folder, book
        As in `record`.

    Returns
    -------
    bool
    """
    path = Path(folder) / f"{name}.ipynb"
    if not path.exists():
        return False
    recorded = nbformat.read(path, as_version=4).cells
    return [(cell.source, cell.metadata) for cell in recorded] == [
        (cell.source, cell.metadata) for cell in cells(name, book)
    ]


@click.command()
@click.argument("names", metavar="CHAPTERS", nargs=-1)
@click.option("--changed", is_flag=True, help="Leave out chapters whose code has not changed since it was recorded.")
def main(names, changed):
    """Record the CHAPTERS of the book, all by default."""
    known = chapters()
    if unknown := set(names) - set(known):
        msg = f"Unknown chapters {', '.join(sorted(unknown))}: expected some of {', '.join(known)}."
        raise click.UsageError(msg)
    for name in names or known:
        if not (changed and is_current(name)):
            click.echo(record(name))
    for path in FOLDER.glob("*.ipynb"):
        if path.stem not in known:
            path.unlink()


if __name__ == "__main__":
    main()
