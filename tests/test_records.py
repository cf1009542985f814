"""Results keep what it takes to judge them."""

import json
import re

import pytest

from lib import storage
from lib.studies import records


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new folder" / "result.json"
    records.write(path, {"error": 0.25}, profile="quick", data="coffee", seed=3, seconds=90.04)
    return path


def test_a_record_comes_back_with_its_provenance(path):
    record = records.read(path)
    assert record["result"] == {"error": 0.25}
    assert (record["profile"], record["data"], record["seed"], record["seconds"]) == ("quick", "coffee", 3, 90.0)
    assert record["machine"]["cores"] >= 1
    assert {"numpy", "keras"} <= record["machine"]["packages"].keys()
    line = records.provenance(record)
    assert line.startswith("profile quick, seed 3, commit ")
    assert re.search(r"\(\d+ cores\), 2 minutes, \d{4}-\d\d-\d\d$", line)


def test_a_gpu_stands_in_the_record(path, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA X, 1.2'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert records.machine()["accelerators"] == ["NVIDIA X, 1.2"]
    assert "NVIDIA X, 1.2, 2 minutes" in records.provenance(records.read(path) | {"machine": records.machine()})


def test_a_record_is_written_whole_or_not_at_all(path):
    before = path.read_text()
    with pytest.raises(TypeError):
        storage.write_json(path, {"not": {1, 2}})
    assert path.read_text() == before
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No recorded result at .*gone\.json: run the command"):
        records.read(tmp_path / "gone.json")


def test_every_recorded_result_of_the_project_is_complete():
    found = sorted(records.paths.RESULTS.rglob("*.json"))
    assert found
    for each in found:
        record = json.loads(each.read_text())
        assert record["profile"] == each.relative_to(records.paths.RESULTS).parts[0], each
        assert record["commit"], each
        assert record["result"], each


def test_an_edit_of_the_library_or_data_gets_a_new_execution_cache(tmp_path):
    inputs_hash = records.inputs_hash
    for name in ("lib/optics.py", "data/results/run.json", "requirements.txt", "book/optics.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    seen = {inputs_hash(tmp_path)}
    for name in ("lib/optics.py", "data/results/run.json", "requirements.txt"):
        (tmp_path / name).write_text("2")
        seen.add(inputs_hash(tmp_path))
    (tmp_path / "lib/optics.py").rename(tmp_path / "lib/lens.py")
    seen.add(inputs_hash(tmp_path))
    assert len(seen) == 5

    before = inputs_hash(tmp_path)
    (tmp_path / "book/optics.md").write_text("2")  # the cache itself compares cells
    (tmp_path / "data/results/quick/chapters").mkdir(parents=True)
    (tmp_path / "data/results/quick/chapters/optics.json").write_text("2")  # made from the chapters
    assert inputs_hash(tmp_path) == before
