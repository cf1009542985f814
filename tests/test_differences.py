"""Comparing two runs of the reproduction."""

import json
import shutil

import cv2
import nbformat
import numpy as np
import pytest
from click.testing import CliRunner

from lib.studies import differences, records


@pytest.fixture
def runs(tmp_path):
    """Two folders with the same results."""
    one = tmp_path / "one"
    chapter = one / "chapters" / "walk"
    chapter.mkdir(parents=True)
    result = {"error": 0.25, "seconds_of_cpu": 3.1, "by_level": [0.5, float("nan")]}
    data = {"photos": 2, "inputs": "0123"}
    records.write(one / "scenes.json", result, profile="quick", data=data, seed=0, seconds=5.0)
    cv2.imwrite(str(chapter / "fig-walk.png"), np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
    (chapter / "table-1.csv").write_text("method,error,CPU seconds\npaper,0.5,3.25\n")
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", text="0.25\n")])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), chapter / "notebook.ipynb")
    return one, shutil.copytree(one, tmp_path / "two")


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_when_and_how_long_may_differ(runs):
    one, two = runs
    record = json.loads((two / "scenes.json").read_text())
    record |= {"seconds": 9.0, "date": "yesterday", "commit": None, "machine": {}}
    record["result"]["seconds_of_cpu"] = 4.4
    record["data"]["inputs"] = "4567"
    (two / "scenes.json").write_text(json.dumps(record))
    rewrite(two / "chapters" / "walk" / "table-1.csv", "3.25", "4.5")
    assert differences.differences(one, two) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("scenes.json", "0.25", "0.26", "scenes.json: result.error is 0.25 and 0.26"),
        ("scenes.json", '"seed": 0', '"seed": 1', "scenes.json: seed is 0 and 1"),
        ("scenes.json", "0.5,", "0.5, 1,", "scenes.json: result.by_level is [0.5, nan] and [0.5, 1, nan]"),
        ("chapters/walk/table-1.csv", "0.5", "0.6", "line 2 is ['paper', '0.5'] and ['paper', '0.6']"),
        ("chapters/walk/notebook.ipynb", "0.25", "0.26", "cell 1 prints '0.25' and '0.26'"),
    ],
)
def test_a_number_that_differs_is_named(runs, name, old, new, found):
    one, two = runs
    rewrite(two / name, old, new)
    (line,) = differences.differences(one, two)
    assert line.startswith(name)
    assert found in line


def test_pictures_are_compared_by_their_pixels(runs):
    one, two = runs
    path = two / "chapters" / "walk" / "fig-walk.png"
    picture = cv2.imread(str(path))
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert differences.differences(one, two) == []
    picture[0, 0] += 1
    cv2.imwrite(str(path), picture)
    assert differences.differences(one, two) == [
        "chapters/walk/fig-walk.png: the picture differs in 1.0% of its pixels"
    ]


def test_the_command_says_what_is_missing_and_fails(runs):
    one, two = runs
    assert CliRunner().invoke(differences.main, [str(one), str(two)]).output == "All results are the same.\n"
    (two / "scenes.json").unlink()
    ended = CliRunner().invoke(differences.main, [str(one), str(two)])
    assert (ended.exit_code, ended.output) == (1, f"scenes.json: only in {one}\n")
    with pytest.raises(NotADirectoryError, match="make reproduce"):
        differences.differences(one, two / "nowhere")
