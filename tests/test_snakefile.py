"""The reproduction as a graph: what it lists, and that a run that is killed ends in the same results."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import chapter
import pytest
import yaml

from lib import classifiers, paths
from lib.studies import chapters, records

COMMAND = [sys.executable, "-m", "snakemake", "--nocolor", "--rerun-incomplete", "--nolock"]
WALK = """```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-walk
    caption: A random walk.
---
import matplotlib.pyplot as plt
import numpy as np
_ = plt.plot(np.random.default_rng(seed).normal(size=99).cumsum())
```
"""
CHAPTER = chapter.HEADER + chapter.PARAMETERS + WALK


def listed(profile):
    """The jobs that the graph would run: dicts of what Snakemake says of each."""
    environment = {name: value for name, value in os.environ.items() if name != "DEFOCUS_PHOTOS"}
    command = [*COMMAND, "--dry-run", "--forceall", "--config", f"profile={profile}"]
    done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True)
    out = done.stdout + done.stderr
    assert done.returncode == 0, out
    blocks = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", out, re.MULTILINE)
    return [{"rule": rule} | dict(re.findall(r"^    (\w+): (.*)$", block, re.MULTILINE)) for rule, block in blocks]


@pytest.fixture(scope="module")
def full():
    return listed("full")


def test_full_trains_all_networks_of_table_2_and_measures_all(full):
    trained = {job["wildcards"].split("=")[1] for job in full if job["rule"] == "train"}
    assert trained == {f"{name}-paper" for name in classifiers.core.TABLE_2} | {
        "mobilenet_v2-lens",
        "spectrum_net-lens",
        "spectrum_net_wide-lens",
    }
    made = {path for job in full for path in job.get("output", "").split(", ")}
    assert {f"runs/full/{name}/weights.keras" for name in trained} <= made
    assert {f"data/results/full/train_{name}.json" for name in trained} <= made
    # Whatever has a record in the repository has a place in the graph: a command, or the chapter that writes it.
    for path in (paths.RESULTS / "local").glob("*.json"):
        name = path.name.replace("-512000", "")
        assert f"data/results/full/{name}" in made or name == "fusion_metrics.json", name


def test_full_runs_every_chapter_and_builds_the_book(full):
    run = {job["wildcards"].split("=")[1] for job in full if job["rule"] == "chapter"}
    assert run == set(chapters.chapters())
    (book,) = (job for job in full if job["rule"] == "book")
    inputs = set(book["input"].split(", "))
    assert {f"data/results/full/chapters/{name}" for name in run} <= inputs
    measured = {job["output"] for job in full if job["rule"] == "record"}
    assert measured <= inputs
    (board,) = (job for job in full if job.get("wildcards") == "chapter=reproduces")
    assert measured <= set(board["input"].split(", "))


def test_every_job_says_what_it_needs(full):
    for job in full:
        assert {"mem_mb", "runtime", "gpu"} <= set(re.findall(r"(\w+)=", job["resources"])), job
        assert ("gpu=1" in job["resources"]) == (job["rule"] in ("train", "study", "dmenet", "dmenet_adapted")), job


def test_no_checkpoint_is_promised(full):
    # Snakemake deletes what a killed job promised.
    assert not [job for job in full if re.search(r"step-|state\.json|checkpoint|\.partial", job.get("output", ""))]


def test_local_and_quick_keep_apart():
    jobs = {profile: listed(profile) for profile in ("quick", "local")}
    made = {profile: {job["output"] for job in each if "output" in job} for profile, each in jobs.items()}
    assert made["quick"] & made["local"] == {"_build/html/index.html"}
    assert not [path for path in made["quick"] if "local" in path]
    budget = [job["wildcards"] for job in jobs["local"] if job["rule"] == "train" and "512000" in job["wildcards"]]
    assert len(budget) == len(classifiers.core.TABLE_2)
    (models,) = (job for job in jobs["local"] if job.get("wildcards") == "chapter=models")
    assert "data/results/local/ablation.json" in models["input"]


def test_records_that_come_with_the_repository_are_made_again(tree):
    results = tree / "data" / "results"
    shutil.copytree(paths.RESULTS / "quick", results / "quick", ignore=shutil.ignore_patterns("chapters"))
    command = [*COMMAND, "--dry-run", "--config", "profile=quick"]
    done = subprocess.run(command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True)
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE))
    made = len(list((results / "quick").glob("*.json")))
    assert int(counts["train"]) + int(counts["study"]) == made
    assert int(counts["record"]) == made


@pytest.fixture
def tree(tmp_path):
    """A copy of the project with a book of one small chapter."""
    top = tmp_path / "project"
    shutil.copytree(paths.ROOT / "lib", top / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.ROOT / "Snakefile", top)
    (top / "book").mkdir()
    contents = {"root": "index", "parts": [{"chapters": [{"file": "walk"}]}]}
    (top / "book" / "_toc.yml").write_text(yaml.safe_dump(contents))
    (top / "book" / "walk.md").write_text(CHAPTER)
    return top


def start(tree):
    """Start the graph's chapter in a process group of its own."""
    command = [*COMMAND, "--cores", "1", "--config", "seed=5", "--", "data/results/quick/chapters/walk"]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.Popen(
        command, cwd=tree, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def results(tree):
    """Figures of the chapter and the part of its record that does not tell the time."""
    folder = tree / "data" / "results" / "quick" / "chapters" / "walk"
    record = records.load(folder / "record.json")
    return (folder / "fig-walk.png").read_bytes(), record["result"], record["data"], record["seed"]


@pytest.mark.slow
def test_a_run_that_is_killed_thrice_ends_in_the_same_results(tree):
    began = time.monotonic()
    unbroken = start(tree)
    out, _ = unbroken.communicate()
    seconds = time.monotonic() - began
    assert unbroken.returncode == 0, out.decode()
    wanted = results(tree)
    shutil.rmtree(tree / "data")
    shutil.rmtree(tree / ".snakemake")

    moments = random.Random()
    for _ in range(3):
        killed = start(tree)
        time.sleep(moments.uniform(0.2, 0.9) * seconds)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
    last = start(tree)
    out, _ = last.communicate()
    assert last.returncode == 0, out.decode()
    assert results(tree) == wanted
    assert not [path for path in tree.rglob("*") if "partial" in path.name]
    assert wanted[3] == 5
