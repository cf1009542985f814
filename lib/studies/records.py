"""A result with its provenance, and reading it back."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from lib import paths, storage

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


def commit():
    """The commit that is checked out, with ``+changes`` where the tree differs from it; ``None`` outside git."""

    def git(*words):
        return subprocess.run(
            ["git", *words], cwd=paths.ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


INPUTS = ("lib", "data", "requirements.txt")
"""What the cells of a chapter may use."""


def inputs_hash(root=paths.ROOT, inputs=INPUTS):
    """Hash the names and contents of all files that a chapter's cells may use.

    Parameters
    ----------
    root : Path
        Top folder of the repository.
    inputs : sequence of str
        Files and folders in it.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for top in inputs:
        for path in sorted([root / top, *(root / top).rglob("*")]):
            # What `lib.studies.chapters` collects from the chapters is no input of theirs. What `quick` measures only
            # the scoreboard reads, and it follows from the rest.
            is_input = path.suffix != ".pyc" and {"chapters", "quick"}.isdisjoint(path.parts[len(root.parts) :])
            if is_input and path.is_file():
                digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def write(path, result, *, profile, data, seed, seconds):
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
    storage.write_json(path, record)


def read(path):
    """Read a record back.

    Parameters
    ----------
    path : path
        Absolute, or relative to ``data/results``.

    Returns
    -------
    dict
        With the keys that `write` names; the measurement itself is under ``"result"``.
    """
    path = paths.RESULTS / path
    if not path.exists():
        msg = f"No recorded result at {path}: run the command that makes it."
        raise FileNotFoundError(msg)
    return json.loads(path.read_text())


def provenance(record):
    """One line that says where a recorded number comes from, for printing under a table.

    Returns
    -------
    str
    """
    machine = record["machine"]
    processor = f"{machine['processor']} ({machine['cores']} cores)"
    return (
        f"profile {record['profile']}, seed {record['seed']}, commit {record['commit']}, "
        f"{', '.join([processor, *machine.get('accelerators', [])])}, "
        f"{record['seconds'] / 60:.0f} minutes, {record['date'][:10]}"
    )


def card(name, record):
    """Write a model card in Markdown.

    Parameters
    ----------
    name : str
        Of the shipped weights.
    record : dict
        Of the training, as `trainings.run_profile` writes it.

    Returns
    -------
    str
    """
    result, data = record["result"], record["data"]
    reading = data["reading"]
    rows = "\n".join(
        f"| {label} | {scores['accuracy']:.4f} | {scores['within_one']:.4f} | {scores['mean_absolute_error']:.3f} "
        f"| {scores['expected_mean_absolute_error']:.3f} |"
        for label, scores in result["test_by_reading"].items()
    )
    held_out = ", ".join(data["photos_of"]["test"])
    return f"""# {name}

Classifies a 32x32 gray patch into 20 levels of Gaussian blur, sigma = 0 to 19 pixels.

- **Network**: {result["network"]}, input (32, 32, 1) in [0, 1], softmax over 20 levels; weights stored in float16.
- **Training blur**: support `{reading["support"]}`, context `{reading["context"]}`, {reading["bits"]} bits.
- **Data**: {data["photos"]} photos (profile {record["profile"]}); eq. 5 above {data["threshold"]:g};
  split by {data["split"]}; samples: {data["samples"]}.
- **Training**: {result["samples_seen"]:,} samples seen; recipe {result["recipe"]}.
- **Provenance**: {provenance(record)}.

Test accuracy and mean absolute error in levels (pixels of sigma) on the held-out photos, by how the
test patches were blurred:

| test reading | accuracy | within one level | mean absolute error | same, expected level |
|---|---|---|---|---|
{rows}

**Limits.** Trained on sharp, textured patches: on flat regions the answer is a guess. `paper` learns the signature
of a cut-off kernel that no lens has; use `lens` for photos. Real defocus is closer to a disk
than to a Gaussian.

**Photos held out for test** ({len(data["photos_of"]["test"])}): {held_out}
"""
