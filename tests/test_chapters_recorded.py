"""The recorded notebooks: they show what the chapters do now, in text, and nbval tells when they no longer do."""

import json
import os
import subprocess
import sys

import chapter
import nbformat
import pytest

from lib import paths
from lib.studies import chapters

CHAPTER = (
    chapter.HEADER
    + """```{code-cell} ipython3
import sys
import matplotlib.pyplot as plt
from IPython.display import HTML
_ = plt.plot([0, 1])
```

```{code-cell} ipython3
print("a note", file=sys.stderr)
object(), HTML("<b>bold</b>"), 2 / 3
```

```{code-cell} ipython3
:tags: [nbval-ignore-output]

import time
time.time()
```
"""
)


def nbval(folder, *files):
    """Run nbval as `make nbval` does; (exit status, output)."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]
    sanitize = paths.ROOT / "tests" / "recorded" / "sanitize.cfg"
    done = subprocess.run(
        [*command, "--nbval-sanitize-with", str(sanitize), "--confcutdir", str(folder), *map(str, files or [folder])],
        capture_output=True,
        text=True,
        cwd=paths.ROOT,
        env=os.environ | {"PYTHONPATH": str(paths.ROOT)},  # of this tree, wherever the installed `lib` lies
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", chapters.chapters())
def test_each_chapter_has_a_recording_of_its_present_code(name):
    assert chapters.is_current(name), f"The code of {name} has changed: make record CHAPTERS={name}"


def test_no_recording_is_left_of_a_chapter_that_is_gone():
    assert {path.stem for path in chapters.FOLDER.glob("*.ipynb")} <= set(chapters.chapters())


@pytest.mark.parametrize("path", sorted(chapters.FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_recording_shows_something_in_text_and_little_of_the_machine(path):
    cells = nbformat.read(path, as_version=4).cells
    # nbval passes a notebook without outputs, and a cell that was not run, without a word.
    assert all(cell.execution_count for cell in cells)
    compared = [cell for cell in cells if "nbval-ignore-output" not in cell.metadata.get("tags", [])]
    assert sum(bool(cell.outputs) for cell in compared) >= 2
    kinds = {kind for cell in cells for output in cell.outputs for kind in output.get("data", {output.get("name"): 0})}
    assert not kinds & set(chapters.SKIPPED)
    text = path.read_text()
    assert len(text) < 100_000
    assert not [place for place in (str(paths.ROOT), "/home/", "/tmp/", "/Users/") if place in text]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The folder of a recorded chapter that makes a picture, HTML, an address, a warning and the time."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "shows.md").write_text(CHAPTER)
    (folder / "conftest.py").write_text((chapters.FOLDER / "conftest.py").read_text())
    chapters.record("shows", folder, book=folder)
    return folder


def test_a_recording_has_text_and_nothing_that_is_skipped(recorded):
    first, second, third = nbformat.read(recorded / "shows.ipynb", as_version=4).cells
    assert [list(output.data) for output in first.outputs] == [["text/plain"]]
    assert [output.output_type for output in second.outputs] == ["execute_result"]
    assert "0.6666666666666666)" in second.outputs[0].data["text/plain"]
    assert third.metadata.tags == ["nbval-ignore-output"]
    assert chapters.is_current("shows", recorded, book=recorded)
    assert not list(recorded.glob("*partial*"))


def test_a_changed_chapter_is_told(recorded, tmp_path):
    (tmp_path / "shows.md").write_text(CHAPTER.replace("[0, 1]", "[0, 2]"))
    assert not chapters.is_current("shows", recorded, book=tmp_path)
    (tmp_path / "shows.md").write_text(CHAPTER.replace(":tags: [nbval-ignore-output]\n\n", ""))
    assert not chapters.is_current("shows", recorded, book=tmp_path)


def test_nbval_passes_what_is_the_same_and_fails_what_is_not(recorded):
    for answer, passes in ("0.6699", True), ("0.6766", False):
        path = recorded / f"answer-{answer}.ipynb"
        path.write_text((recorded / "shows.ipynb").read_text().replace("0.6666666666666666", answer))
        assert json.loads(path.read_text())
        status, out = nbval(recorded, path)
        assert (status == 0) == passes, out
        assert ("1 failed, 2 passed" in out) != passes


@pytest.mark.slow
def test_nbval_passes_a_chapter():
    status, out = nbval(paths.ROOT / "tests", chapters.FOLDER / "optics.ipynb")
    assert status == 0, out
