"""The graph on a scheduler: a Slurm of one node."""

import subprocess
import tempfile

import pytest
from click.testing import CliRunner

from lib.studies import cluster

LACKING = cluster.missing()


@pytest.mark.slow
@pytest.mark.skipif(bool(LACKING), reason=f"not installed here: {', '.join(LACKING)}")
def test_two_rules_run_as_jobs_of_slurm_which_is_stopped_again():
    targets = ("runs/quick/records/photos.json", "runs/quick/records/patches.json")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        with cluster.one_node(folder) as environment:
            project = cluster.copy(folder)
            code, said = cluster.run(project, targets, environment)
            jobs = subprocess.run(["scontrol", "show", "jobs"], env=environment, capture_output=True, text=True).stdout
        assert code == 0, said
        assert all((project / target).exists() for target in targets)
        assert jobs.count("JobState=COMPLETED") == 2
        assert subprocess.run(["squeue"], env=environment, capture_output=True).returncode != 0


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "_program", lambda name: None if name == "munged" else name)
    told = CliRunner().invoke(cluster.main, ["runs/quick/records/photos.json"])
    assert told.exit_code == 1
    assert "munged" in told.output
    assert "slurm-wlm and munge" in told.output
    assert "slurmctld," not in told.output
