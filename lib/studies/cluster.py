"""The reproduction on a scheduler: a Slurm with one node, this machine, that lives as long as a run.

    python -m lib.studies.cluster runs/quick/records/patches.json

runs what these files need through Snakemake's plug-in for Slurm (requirements-slurm.txt), in a copy of the project.
Slurm's daemons and its key belong to whoever starts them; nothing of the machine's own Slurm is touched.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import psutil

from lib import paths

DAEMONS = ("munged", "slurmctld", "slurmd")
"""Of Debian's packages munge and slurm-wlm."""
SECONDS = 60
"""How long the node may take to be ready."""
OPTIONS = ("--executor", "slurm", "--slurm-no-account", "--slurm-status-command", "squeue")
"""What Snakemake has to know where Slurm keeps no accounts."""
HASTE = ("--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "3")
"""Jobs of seconds need not be asked for each 40 seconds."""
SETTINGS = """
ClusterName=book
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=3600
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={mebibytes} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
"""No accounts and no control groups, which would need a database and a machine of its own."""


def missing():
    """What of Slurm and of its plug-in is not installed: a list of names, empty where a cluster can start."""
    names = [name for name in (*DAEMONS, "sbatch", "srun", "squeue") if not _program(name)]
    try:
        import snakemake_executor_plugin_slurm  # noqa: F401
    except ImportError:
        names.append("snakemake-executor-plugin-slurm")
    return names


@contextlib.contextmanager
def one_node(folder):
    """Run Slurm on this machine, and stop it again.

    Parameters
    ----------
    folder : path
        For its settings, key, state and logs; its name short, since a socket lies in it.

    Yields
    ------
    dict
        The environment in which ``sbatch`` and ``squeue`` find it.

    Raises
    ------
    RuntimeError
        If the node is not ready in time; with the end of the logs.
    """
    folder = Path(folder)
    _settle(folder)
    environment = os.environ | {
        "SLURM_CONF": f"{folder}/slurm.conf",
        "PATH": f"{folder}/bin:{os.environ.get('PATH', os.defpath)}",
    }
    munged = ("--foreground", "--force", *(f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "seed")))
    with contextlib.ExitStack() as running:
        running.enter_context(_daemon("munged", *munged, f"--socket={folder}/munge.socket", folder=folder))
        running.enter_context(_daemon("slurmctld", "-D", "-i", folder=folder, env=environment))
        running.enter_context(_daemon("slurmd", "-D", folder=folder, env=environment))
        try:
            _wait(lambda: _ask("sinfo", "-h", "-o", "%T", env=environment) == "idle", folder)
            yield environment
        finally:
            _ask("scancel", "--user", getpass.getuser(), env=environment)
            with contextlib.suppress(RuntimeError):
                _wait(lambda: not _ask("squeue", "-h", "-t", "R,CG", env=environment), folder)


def run(project, arguments, environment):
    """Run Snakemake on the cluster; returns its exit code and what it said, with the logs of jobs that failed."""
    command = [sys.executable, "-m", "snakemake", "--nocolor", "--jobs", "2", "--nolock", *OPTIONS, *HASTE, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    said = [done.stdout, done.stderr]
    if done.returncode:
        said += [log.read_text() for log in Path(project).glob(".snakemake/slurm_logs/**/*.log")]
    return done.returncode, "".join(said)


def copy(folder):
    """A copy of the project without what its runs have made."""
    made = shutil.ignore_patterns(".git", ".venv", ".snakemake", "runs", "_build", "__pycache__", ".*_cache")
    return shutil.copytree(paths.ROOT, Path(folder) / "project", ignore=made, symlinks=True)


def _settle(folder):
    """Write the settings, and a key that nobody else has."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    settings = SETTINGS.format(
        folder=folder,
        host=socket.gethostname().split(".")[0],
        user=getpass.getuser(),
        ports=ports,
        cores=os.cpu_count(),
        mebibytes=psutil.virtual_memory().total >> 20,
    )
    (folder / "slurm.conf").write_text(settings)
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    (folder / "munge.key").touch(0o600)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    # Inside a job the plug-in takes SLURM_CONF away before it calls srun, which then would look in /etc.
    (folder / "bin").mkdir()
    (folder / "bin" / "srun").write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {_program("srun")} "$@"\n')
    (folder / "bin" / "srun").chmod(0o755)


def _program(name):
    """Daemons are in folders that not every user searches."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def _daemon(name, *arguments, folder, env=None):
    with open(folder / f"{name}.log", "w") as log:
        process = subprocess.Popen([_program(name), *arguments], env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _ask(*command, env):
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout.strip()


def _wait(ready, folder):
    end = time.monotonic() + SECONDS
    while not ready():
        if time.monotonic() > end:
            logs = "".join((folder / f"{name}.log").read_text()[-500:] for name in DAEMONS)
            msg = f"Slurm was not ready within {SECONDS} seconds; the end of its logs: {logs}"
            raise RuntimeError(msg)
        time.sleep(0.5)


@click.command()
@click.argument("arguments", nargs=-1, required=True)
def main(arguments):
    """Make files of the graph on a Slurm of one node; ARGUMENTS are Snakemake's."""
    if missing():
        msg = (
            f"Slurm is not complete here, it lacks {', '.join(missing())}: install Debian's slurm-wlm and munge, and "
            "`pip install --require-hashes -r requirements-slurm.txt`."
        )
        raise click.ClickException(msg)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # who ends this program ends Slurm too
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, one_node(folder) as environment:
        code, said = run(copy(folder), arguments, environment)
    click.echo(said)
    sys.exit(code)


if __name__ == "__main__":
    main()
