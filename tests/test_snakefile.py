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
from lib.studies import chapters, records, register

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


def listed(profile, **config):
    """The jobs that the graph would run: by name, dicts of what Snakemake says of each."""
    environment = {name: value for name, value in os.environ.items() if name != "DEFOCUS_PHOTOS"}
    words = [f"{key}={value}" for key, value in ({"profile": profile} | config).items()]
    command = [*COMMAND, "--dry-run", "--forceall", "--config", *words]
    done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True)
    out = done.stdout + done.stderr
    assert done.returncode == 0, out
    blocks = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", out, re.MULTILINE)
    jobs = {}
    for rule, block in blocks:
        job = dict(re.findall(r"^    (\w+): (.*?)(?: \(update\))?$", block, re.MULTILINE))
        jobs[job["wildcards"].replace("=", " ") if rule == "chapter" else rule] = job
    return jobs


@pytest.fixture(scope="module")
def full():
    return listed("full")


def inputs(job):
    return set(job.get("input", "").split(", ")) - {""}


def test_every_study_has_a_rule_and_no_rule_else_measures(full):
    recorded = {job["output"] for job in full.values() if job.get("output", "").endswith(".json")}
    assert recorded == {f"runs/full/records/{name}.json" for name in register.studies()}
    # Whatever has a record in the repository has a study.
    assert {path.stem for path in paths.RESULTS.glob("*/*.json")} <= set(register.studies())
    assert {f"table_2_{name}" for name in classifiers.core.TABLE_2} <= set(register.studies())


def test_studies_wait_for_the_networks_they_use(full):
    for study in register.studies().values():
        job = full[study.name.replace("-", "_")]
        assert {f"runs/full/records/{other.name}.json" for other in study.before} <= inputs(job)
    made = {f"runs/full/records/{study.name}.json" for study in register.studies().values() if study.makes}
    assert made <= inputs(full["comparison_scenes"])


def test_chapters_wait_for_what_they_read_and_the_book_for_all(full):
    assert {f"chapter {name}" for name in chapters.chapters()} <= set(full)
    assert {"runs/full/records/ablation.json", "runs/full/records/table_2_densenet121.json"} <= inputs(
        full["chapter models"]
    )
    assert "runs/full/records/table3.json" not in inputs(full["chapter models"])
    assert "runs/full/records/table3.json" in inputs(full["chapter fusion"])
    assert "runs/full/records/train_spectrum_net-lens.json" in inputs(full["chapter comparisons"])
    everything = {f"runs/full/records/{name}.json" for name in register.studies()}
    assert everything <= inputs(full["chapter reproduces"])
    assert everything | {f"runs/full/chapters/{name}" for name in chapters.chapters()} <= inputs(full["book"])


def test_every_job_says_what_it_needs(full):
    needing = {study.name.replace("-", "_") for study in register.studies().values() if study.gpu}
    assert {"train_mobilenet_v2_lens", "ablation"} <= needing
    for name, job in full.items():
        assert {"mem_mb", "runtime", "gpu"} <= set(re.findall(r"(\w+)=", job["resources"])), job
        assert ("gpu=1" in job["resources"]) == (name in needing), job


def test_no_checkpoint_is_promised(full):
    # Snakemake deletes what a killed job promised.
    assert not [job for job in full.values() if re.search(r"step-|state|checkpoint|\.partial", job.get("output", ""))]


def test_profiles_keep_apart(full):
    quick = listed("quick")
    assert quick.keys() == full.keys()
    shared = {job.get("output") for job in quick.values()} & {job.get("output") for job in full.values()}
    assert shared == {"_build/html/index.html", None}


@pytest.fixture
def tree(tmp_path):
    """A copy of the project with a book of one small chapter."""
    top = tmp_path / "project"
    shutil.copytree(paths.ROOT / "lib", top / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.ROOT / "Snakefile", top)
    (top / "data").mkdir()
    for table in paths.DATA.glob("*.tsv"):
        shutil.copy(table, top / "data")
    (top / "book").mkdir()
    contents = {"root": "index", "parts": [{"chapters": [{"file": "walk"}]}]}
    (top / "book" / "_toc.yml").write_text(yaml.safe_dump(contents))
    (top / "book" / "walk.md").write_text(CHAPTER)
    return top


def start(tree):
    """Start the graph's chapter in a process group of its own."""
    command = [*COMMAND, "--cores", "1", "--config", "seed=5", "--", "runs/quick/chapters/walk"]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.Popen(
        command, cwd=tree, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def results(tree):
    """Figures of the chapter and the part of its record that does not tell the time."""
    folder = tree / "runs" / "quick" / "chapters" / "walk"
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
    shutil.rmtree(tree / "runs")
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
