"""The cells of the chapters: linted as the code is, and no wider than what a page shows without scrolling."""

import re
import subprocess
import sys

import nbformat
import pytest

from lib import figures, paths
from lib.studies import chapters

WIDTH = 88  # characters


@pytest.mark.parametrize("name", chapters.chapters())
def test_the_cells_of_a_chapter_are_linted_and_fit_a_page(name, tmp_path):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=chapters.cells(name), metadata=kernel)
    nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    rules = ["--config", str(paths.ROOT / "pyproject.toml"), "--line-length", str(WIDTH), "--no-cache"]
    command = [sys.executable, "-m", "ruff", "check", *rules, "--output-format", "concise", tmp_path / f"{name}.ipynb"]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", chapters.chapters())
def test_a_figure_can_be_read_at_the_width_of_the_text(name):
    # There a point is about a pixel (`figures.WIDTH`). What `figures` draws is tested in its own tests.
    code = "\n".join(cell.source for cell in chapters.cells(name))
    assert not [size for size in re.findall(r"fontsize=([\d.]+)", code) if float(size) < 9]
    assert not [width for width in re.findall(r"figsize=\(([\d.]+)", code) if float(width) > figures.WIDTH]
    grids = re.findall(r"subplots\((\d+), (\d+)", code)
    assert not [columns for _, columns in grids if int(columns) > figures.COLUMNS]
