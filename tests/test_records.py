"""Results keep what it takes to judge them."""

import json
import re
import subprocess

import pytest

from lib import paths, storage
from lib.studies import records


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new folder" / "result.json"
    records.write(path, {"error": 0.25}, profile="quick", data="coffee", seed=3, seconds=90.04)
    return path


def test_a_record_comes_back_with_its_provenance(path):
    record = records.load(path)
    assert record["result"] == {"error": 0.25}
    assert (record["profile"], record["data"], record["seed"], record["seconds"]) == ("quick", "coffee", 3, 90.0)
    assert record["machine"]["cores"] >= 1
    assert {"numpy", "keras"} <= record["machine"]["packages"].keys()
    line = records.provenance(record)
    assert line.startswith("profile quick, seed 3, commit ")
    assert re.search(r"\(\d+ cores\), 2 minutes, \d{4}-\d\d-\d\d", line)


def test_a_gpu_stands_in_the_record(path, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA X, 1.2'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert records.machine()["accelerators"] == ["NVIDIA X, 1.2"]
    assert "NVIDIA X, 1.2, 2 minutes" in records.provenance(records.load(path) | {"machine": records.machine()})


@pytest.mark.parametrize("new", ["lib/method.py", "Snakefile", "notes.txt"])
def test_the_commit_says_whether_code_was_changed_or_is_new(tmp_path, monkeypatch, new):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert records.commit() is None

    def git(*words):
        words = ["git", "-c", "user.name=A", "-c", "user.email=a@b", *words]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "code.py").write_text("A = 1\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    clean = git("rev-parse", "--short=12", "HEAD")
    assert records.commit() == clean
    (tmp_path / new).write_text("B = 2\n")
    assert records.commit() == clean + ("" if new == "notes.txt" else "+changes")
    (tmp_path / new).unlink()
    (tmp_path / "lib" / "code.py").write_text("A = 2\n")
    assert records.commit() == f"{clean}+changes"


def test_a_record_is_written_whole_or_not_at_all(path):
    before = path.read_text()
    with pytest.raises(TypeError):
        storage.write_json(path, {"not": {1, 2}})
    assert path.read_text() == before
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A project of our own: ``recorded(folder, name, value)`` writes a record."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")

    def write(folder, name, value):
        profile = folder.split("/")[1]
        path = tmp_path / folder / f"{name}.json"
        records.write(path, {"value": value}, profile=profile, data="-", seed=0, seconds=1)

    return write


def test_outside_of_a_run_the_largest_profile_that_is_recorded_counts(recorded):
    recorded("results/quick", "error", 1)
    assert records.read("error")["result"]["value"] == 1
    recorded("results/local", "error", 2)
    assert records.read("error")["result"]["value"] == 2
    recorded("results/full", "error", 3)
    recorded("runs/quick/records", "error", 4)
    assert records.read("error")["result"]["value"] == 3
    assert records.read("error", "quick")["result"]["value"] == 1


def test_in_a_run_only_its_own_records_count(recorded, monkeypatch):
    recorded("results/full", "error", 1)
    recorded("results/quick", "error", 2)
    monkeypatch.setenv(paths.PROFILE, "quick")
    with pytest.raises(FileNotFoundError, match="make it with `defocus study error --profile quick`"):
        records.read("error")
    recorded("runs/quick/records", "error", 3)
    assert records.read("error")["result"]["value"] == 3
    with pytest.raises(FileNotFoundError):
        records.read("error", "full")


def test_every_recorded_result_of_the_project_is_complete():
    found = sorted(records.paths.RESULTS.rglob("*.json"))
    assert found
    for each in found:
        record = json.loads(each.read_text())
        assert record["profile"] == each.relative_to(records.paths.RESULTS).parts[0], each
        assert record["commit"], each
        assert record["result"], each
