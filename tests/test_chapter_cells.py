"""The cells of the chapters: linted as the code is, and no wider than what a page shows without scrolling."""

import subprocess
import sys

import nbformat
import pytest

from lib import paths
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
