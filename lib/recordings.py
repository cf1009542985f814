"""The chapters as recorded notebooks: what their cells answered, for nbval to compare with what they answer now.

``python -m lib.recordings`` runs the chapters in the profile quick, as they stand in the book, and keeps of each cell
the code, its tags and what it printed. Pictures, HTML and what goes to the standard error are left out;
``tests/recorded/conftest.py`` leaves them out of the comparison too. Outputs that differ from run to run, such as
times, are recorded but not compared: tag their cells ``nbval-ignore-output``.
"""

from pathlib import Path

import click
import jupytext
import nbclient
import nbformat

from lib import paths, reproduce

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
        Gets ``NAME.ipynb``. The cells run in it, as they do under nbval.
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
    reproduce.let_kernels_import_lib()
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=where).execute()
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for cell, bare in zip(notebook.cells, cells(name, book), strict=True):
        cell.metadata = bare.metadata  # without the times of the run
        cell.outputs = [kept for output in cell.outputs if (kept := _text_of(output))]
    path = folder / f"{name}.ipynb"
    with paths.whole(path) as file:
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
@click.argument("chapters", nargs=-1)
@click.option("--changed", is_flag=True, help="Leave out chapters whose code has not changed since it was recorded.")
def main(chapters, changed):
    """Record the CHAPTERS of the book, all by default."""
    known = reproduce.chapters()
    if unknown := set(chapters) - set(known):
        msg = f"Unknown chapters {', '.join(sorted(unknown))}: expected some of {', '.join(known)}."
        raise click.UsageError(msg)
    for name in chapters or known:
        if not (changed and is_current(name)):
            click.echo(record(name))
    for path in FOLDER.glob("*.ipynb"):
        if path.stem not in known:
            path.unlink()


if __name__ == "__main__":
    main()
