"""A result with its provenance, reading it back, and whether it still holds."""

import json
import os
import platform
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from lib import paths, storage
from lib.studies import register

FRESH, STALE, NOT_RUN = "fresh", "stale", "not run"
PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "scikit-image",
    "onnxruntime",
    "openvino",
)


def machine():
    """What this machine is: processor, cores, accelerators.

    Returns
    -------
    dict
    """
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerators": _accelerators(),
        "python": platform.python_version(),
        "packages": _versions(),
    }


def _processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _accelerators():
    """Name and driver of each NVIDIA GPU."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def _versions():
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_memory():
    """The most memory that this process has had, mebibytes.

    Returns
    -------
    float
    """
    # On Linux, `resource` would count what the parent of this process has had, too.
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**10
    import resource  # here: Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def git(*words):
    """What git answers in the project's folder; an OSError or a CalledProcessError where there is none."""
    return subprocess.run(["git", *words], cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout


def commit():
    """The commit that is checked out, with ``+changes`` where the tree differs from it; ``None`` outside git."""
    try:
        new_code = git("status", "--porcelain", "--", "lib", "Snakefile")
        changed = git("status", "--porcelain", "-uno") or new_code
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def write(path, result, *, profile, data, seed, seconds, **more):
    """Write a result and what it takes to judge it, whole or not at all.

    Parameters
    ----------
    path : path
        A ``.json`` file; its folder is made.
    result : dict
        What was measured.
    profile : str
        Which profile made it: quick, local or full.
    data : str or dict
        What it was measured on.
    seed : int
    seconds : float
        Time it took.
    **more
        What else stands in the record; of a study what `lib.studies.run` says of its code and networks.
    """
    record = {
        "result": result,
        "profile": profile,
        "data": data,
        "seed": seed,
        "seconds": round(seconds, 1),
        "machine": machine(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    storage.write_json(path, record | more)


def profile():
    """The profile of the run that this process is part of, None outside of one (the build of the book, a test)."""
    return os.environ.get(paths.PROFILE)


def path(name, profile=None):
    """Where the record of a study is, or would be.

    In a run, only its own records count. Outside of one, those that come with the repository, the largest profile
    first.

    Parameters
    ----------
    name : str
        Of the study.
    profile : {"quick", "local", "full"}, optional
        Instead of the largest that is recorded.

    Returns
    -------
    Path
    """
    inside = paths.run()
    if inside:
        return inside.parent / (profile or inside.name) / "records" / f"{name}.json"
    found = [paths.RESULTS / each / f"{name}.json" for each in ([profile] if profile else LARGEST_FIRST)]
    return next((each for each in found if each.exists()), found[0])


LARGEST_FIRST = ("full", "local", "quick")
_LISTS = []


@contextmanager
def noted():
    """A list that gets the records that are read in the block."""
    _LISTS.append([])
    try:
        yield _LISTS[-1]
    finally:
        _LISTS.pop()


def read(name, profile=None):
    """Read the record of a study.

    Parameters
    ----------
    name, profile
        As in `path`.

    Returns
    -------
    dict
        With the keys that `write` names; the measurement itself is under ``"result"``.

    Raises
    ------
    FileNotFoundError
        There is none; the message names the command that makes it.
    """
    found, inside = path(name, profile), os.environ.get(paths.PROFILE)
    if inside and profile not in (None, inside):
        msg = f"Expected a record of the profile {inside}, since this is its run, got {profile} for {name}."
        raise FileNotFoundError(msg)
    if not found.exists():
        command = f"defocus study {name} --profile {profile or inside or 'PROFILE'}"
        msg = f"No record of {name} at {found}: make it with `{command}`."
        raise FileNotFoundError(msg)
    record = load(found)
    for used in _LISTS:
        used.append(record)
    return record


def load(path):
    """Read a record by its path.

    Raises
    ------
    FileNotFoundError
    """
    path = Path(path)
    if not path.exists():
        msg = f"No record at {path}: run the command that makes it."
        raise FileNotFoundError(msg)
    return json.loads(path.read_text())


def recorded(name, profile=None):
    """The record of a study, as `read` reads it; None where it has not been made yet."""
    try:
        return read(name, profile)
    except FileNotFoundError:
        return None


def state(name, profile=None):
    """Whether a record still tells of the code and the networks that are here.

    Parameters
    ----------
    name : str
        Of a study.
    profile : {"quick", "local", "full"}, optional
        As in `read`.

    Returns
    -------
    {"fresh", "stale", "not run"}
    """
    try:
        record = read(name, profile)
    except FileNotFoundError:
        return NOT_RUN
    return STALE if is_stale(record) else FRESH


def is_stale(record):
    """Whether the code has changed since a record was made, or a network that it used was trained anew."""
    entry = register.studies().get(record.get("study"))
    if entry is None or record.get("code") != entry.code:
        return True
    for training in entry.before:
        try:
            made = read(training.name, record["profile"]).get("networks", {}) if training.makes else {}
        except FileNotFoundError:
            return True
        if record["networks"].get(training.makes) != made.get(training.makes):
            return True
    return False


def provenance(record):
    """One line that says where a recorded number comes from, for printing under a table.

    A record is stale where the code that made it has changed since, or a network that it used.

    Returns
    -------
    str
    """
    machine = record["machine"]
    processor = f"{machine['processor']} ({machine['cores']} cores)"
    line = (
        f"profile {record['profile']}, seed {record['seed']}, commit {record['commit']}, "
        f"{', '.join([processor, *machine.get('accelerators', [])])}, "
        f"{duration(record['seconds'])}, {record['date'][:10]}"
    )
    return f"{line}, stale (its code or networks have changed since)" if is_stale(record) else line


def duration(seconds):
    """A time in words: seconds under a minute, else minutes.

    Examples
    --------
    >>> duration(20.3), duration(59.8), duration(90)
    ('20 seconds', '1 minute', '2 minutes')
    """
    value, unit = (seconds, "second") if round(seconds) < 60 else (seconds / 60, "minute")
    return f"{value:.0f} {unit}{'s' * (round(value) != 1)}"
