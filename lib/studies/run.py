"""What runs a study and records what it returns: ``defocus study``."""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from lib import paths, storage
from lib.studies import fingerprint, records, register

SPENT = "seconds.json"
"""The file, beside what a study has kept, of the time that it has taken so far."""
KEPT = "stale, kept"
"""Of a record that a run was told to keep, whatever code made it."""
HOLDING = (records.FRESH, KEPT)
"""States of records that a run need not make again."""


@dataclass
class Job:
    """What a study is told, and may use.

    Attributes
    ----------
    profile : {"quick", "local", "full"}
    seed : int
    scale : float
        Below 1 in a run that is made smaller to prove that it runs.
    folder : Path
        For what a killed run leaves to the next one; only the same code and networks find it.
    data : str or dict
        What is measured on.
    seconds : float or None
        Time spent, where the study knows better than the clock, since it went on after a kill.
    began : float
        When it did, by `time.monotonic`, or would have with what a killed run has kept.
    """

    profile: str
    seed: int
    scale: float
    folder: Path
    data: object = None
    seconds: float | None = None
    began: float = 0.0

    @property
    def small(self):
        """Whether parts of pictures are enough: in the quick profile, and in a run that is made smaller."""
        return self.profile == "quick" or self.scale < 1

    def count(self, number, least=1):
        """A number of samples, photos or rounds; fewer in a run that is made smaller."""
        return max(least, round(number * self.scale)) if self.scale < 1 else number

    def some(self, items, least=1):
        """The first of some items, all of them unless the run is made smaller."""
        items = list(items)
        return items[: self.count(len(items), least)]

    def kept(self, name, make):
        """What ``make()`` returns, a value for JSON; where a killed run has kept that of this name, it is taken."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            storage.write_json(path, make())
            storage.write_json(self.folder / SPENT, time.monotonic() - self.began)
        return json.loads(path.read_text())

    def shared(self, build, **options):
        """A folder that several studies use: ``build(folder, **options)`` makes it where it is not there yet."""
        key = fingerprint.of_function(build, options)
        folder = paths.run() / "shared" / f"{build.__module__.rpartition('.')[2]}-{key}"
        build(folder, **options)
        return folder

    def say(self, text):
        """Report a step."""
        print(text, flush=True)


def run(name, profile, seed=0, scale=1.0):
    """Run a study and record what it returns, unless its record is there and still holds.

    Parameters
    ----------
    name : str
    profile : {"quick", "local", "full"}
    seed : int
    scale : float
        Of the counts, below 1 to prove in little time that all runs.

    Returns
    -------
    Path
        Of the record, in ``runs/PROFILE/records``; a training leaves its network and card in ``runs/PROFILE/weights``.

    Raises
    ------
    ValueError
        There is no such study, or the run has its record of another seed or scale.
    FileNotFoundError
        A training that it needs has not run yet.
    """
    entry = register.get(name)
    os.environ[paths.PROFILE] = profile  # from here on networks and records are those of this run
    networks = {training.makes: _network(training) for training in entry.before if training.makes}
    target = records.path(name)
    with storage.alone(target):
        _refuse_another(target, seed, scale)
        if _holds(entry, target, networks):
            target.touch()
            return target
        key = hashlib.sha256(repr((entry.code, sorted(networks.items()), seed, scale)).encode()).hexdigest()[:16]
        folder = paths.run() / name / key
        folder.mkdir(parents=True, exist_ok=True)
        spent = json.loads((folder / SPENT).read_text()) if (folder / SPENT).exists() else 0
        job = Job(profile, seed, scale, folder, entry.data, began=time.monotonic() - spent)
        result = entry.function(job, **entry.options)
        seconds = time.monotonic() - job.began if job.seconds is None else job.seconds
        if entry.makes:
            networks[entry.makes] = file_hash(paths.weights() / entry.makes)
        more = {"study": name, "code": entry.code, "networks": networks} | ({"scale": scale} if scale < 1 else {})
        records.write(target, result, profile=profile, data=job.data, seed=seed, seconds=seconds, **more)
        if entry.card:
            with storage.whole((paths.weights() / entry.makes).with_suffix(".md")) as file:
                file.write_text(entry.card(records.load(target)))
        shutil.rmtree(folder)  # of no use any more
    return target


def _holds(entry, path, networks):
    """Whether a record is what the run of a study would make again, or is kept on request (`lib.studies.adopt`)."""
    if not path.exists() or (entry.makes and not (paths.weights() / entry.makes).exists()):
        return False
    record = records.load(path)
    if _is_kept(record):
        return True
    if "+" in (record["commit"] or "") and "+" not in (records.commit() or ""):
        return False  # `adopt` would refuse it
    return record.get("code") == entry.code and all(
        record["networks"].get(file) == digest for file, digest in networks.items()
    )


def state(name, profile=None):
    """The state of a record (`records.state`), or `KEPT`."""
    found = records.state(name, profile)
    return KEPT if found == records.STALE and _is_kept(records.read(name, profile)) else found


def _is_kept(record):
    """Whether a record was kept (`lib.studies.adopt`) and its study's code has not changed since."""
    return bool(record.get("kept")) and record["kept"] == register.get(record["study"]).code


def _refuse_another(path, seed, scale):
    """Keep a record of another seed or scale, which may have taken days."""
    if path.exists():
        record = records.load(path)
        if (record["seed"], record.get("scale", 1.0)) != (seed, scale):
            of = f"seed {record['seed']} and scale {record.get('scale', 1.0):g}"
            msg = f"{path} is of {of}: move {paths.run()} away to run with seed {seed} and scale {scale:g}."
            raise ValueError(msg)


def _network(training):
    """The hash of the network that a training has made."""
    path = paths.weights() / training.makes
    if not path.exists():
        msg = f"No network at {path}: train it first, `defocus study {training.name} --profile {paths.run().name}`."
        raise FileNotFoundError(msg)
    return file_hash(path)


def file_hash(path):
    """The hash of a file, as records tell of networks."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
