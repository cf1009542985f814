"""The papermill runs of the chapters, on a small book of their own."""

import csv
import json

import chapter
import pytest
from PIL import Image

from lib import cli, paths
from lib.studies import chapters

HEADER = chapter.HEADER + chapter.PARAMETERS
FIGURE = """```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-line
    caption: A line.
---
import matplotlib.pyplot as plt
import lib
_ = plt.plot([seed, 1])
```

```{code-cell} ipython3
from lib import figures
figures.table({"profile": "", "seed": ".1f", "share": ".2f"}, [(profile, seed, 1 / 3), ("all", None, 1)])
```
"""
FAILS = """```{code-cell} ipython3
raise RuntimeError("no light")
```
"""
SILENT = FIGURE.replace("_ = plt.plot([seed, 1])", "pass")


@pytest.fixture
def book(tmp_path):
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "_toc.yml").write_text(
        "root: index\nparts:\n- chapters: [{file: prose}, {file: shows}, {file: fails}, {file: silent}]\n"
    )
    (folder / "prose.md").write_text("# No cells\n")
    for name, cells in (("shows", FIGURE), ("fails", FAILS), ("silent", SILENT)):
        (folder / f"{name}.md").write_text(HEADER + cells)
    return folder


def test_the_books_own_chapters_take_profile_and_seed():
    for name in chapters.chapters():
        notebook = chapters.jupytext.read(chapters.paths.BOOK / f"{name}.md")
        assert {"profile", "seed"} <= set(chapters.papermill.inspect_notebook(notebook)), name


def test_figures_and_tables_are_collected_with_their_provenance(book, tmp_path):
    out = tmp_path / "out"
    done = chapters.reproduce(["shows"], out, {"profile": "local", "seed": 3}, book)
    record = done["shows"]
    assert record["result"] == {"figures": ["fig-line"], "tables": ["table-1"]}
    assert (record["profile"], record["seed"]) == ("local", 3)
    with Image.open(out / "shows" / "fig-line.png") as picture:
        assert picture.width > 100
    assert "<svg" in (out / "shows" / "fig-line.svg").read_text()
    with open(out / "shows" / "table-1.csv", newline="") as table:
        assert list(csv.reader(table)) == [
            ["profile", "seed", "share"],
            ["local", "3", "0.3333333333333333"],
            ["all", "", "1"],
        ]

    # What is there and still holds is not run again; after a change of the chapter it is.
    assert chapters.reproduce(["shows"], out, {"profile": "local", "seed": 3}, book) == done
    (book / "shows.md").write_text(HEADER + FIGURE.replace("plot([seed, 1])", "plot([seed, 2])"))
    again = chapters.reproduce(["shows"], out, {"profile": "local", "seed": 3}, book)
    assert again["shows"]["data"]["inputs"] != record["data"]["inputs"]


def test_in_a_run_the_pages_show_what_the_run_has_shown(book, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    assert chapters.ran("shows", book) is None
    monkeypatch.setenv(paths.PROFILE, "quick")
    assert chapters.ran("shows", book) is None
    chapters.reproduce(["shows"], paths.run() / "chapters", {"profile": "quick", "seed": 3}, book)
    shown = chapters.ran("shows", book)
    assert len(shown) == len(chapters.cells("shows", book))
    kinds = {kind for outputs in shown for output in outputs for kind in output.get("data", {})}
    assert "image/png" in kinds
    assert "image/svg+xml" not in kinds
    assert "| quick | 3.0 |" in str(shown)
    (book / "shows.md").write_text(HEADER + FIGURE + "\nMore words.\n")
    assert chapters.ran("shows", book) is None


def test_a_killed_run_leaves_no_chapter_half_done(book, tmp_path):
    out = tmp_path / "out"
    leftover = out / "shows.partial"
    leftover.mkdir(parents=True)
    (leftover / "record.json").write_text('{"cut off')
    chapters.reproduce(["shows"], out, {"seed": 1}, book)
    assert [path.name for path in out.iterdir()] == ["shows"]
    assert json.loads((out / "shows" / "record.json").read_text())["seed"] == 1


@pytest.mark.parametrize(
    ("name", "parameters", "part"),
    [
        ("fails", {}, "The chapter fails failed with RuntimeError: no light"),
        ("silent", {}, "The chapter silent shows no picture for its figure fig-line"),
        ("shows", {"sed": 1}, "The chapter shows has no parameter sed: expected some of profile, seed"),
        ("prose", {}, "Unknown chapters prose: expected some of shows, fails, silent"),
    ],
)
def test_what_goes_wrong_is_named(book, tmp_path, name, parameters, part):
    with pytest.raises(chapters.ReproductionError, match=part):
        chapters.reproduce([name], tmp_path / "out", parameters, book)
    assert not (tmp_path / "out" / name).exists()


def test_the_command_refuses_an_unknown_chapter(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["reproduce", "appendix", "-o", str(tmp_path / "out")])
    assert end.value.code == 2
    assert f"Unknown chapters appendix: expected some of {chapters.chapters()[0]}" in capsys.readouterr().err
