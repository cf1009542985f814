"""The register of the studies and what runs them: ``defocus study``.

A study is a plain function of this package that measures or trains and returns its result, a dict for JSON::

    from lib.studies.run import study

    @study("robustness", minutes=(1, 2, 10), data="the test photos", needs=("train_mobilenet_v2-lens",))
    def robustness(job):
        '''What the paragraph in the list says.'''
        return {"error": measure(job.some(photos), job.seed)}

`minutes` are those at quick, local and full. It may read `job.profile`, `job.seed`, `job.count(20_000)` and
`job.some(items)` (which a scaled run cuts), keep parts with `job.kept(name, make)` or in `job.folder` (they are there
again after a kill), report with `job.say(text)`, and set `job.data` where what it used is known only then. Clock,
seed, path and provenance are the runner's. A training `makes` a file in ``paths.weights()`` (``"NAME.keras"``), and
its `card` is written beside it; who uses it `needs` the training by name. One function may be registered several
times: more keywords are its options.
"""

import fnmatch
import functools
import hashlib
import importlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lib import paths, storage
from lib.studies import fingerprint, records
from lib.studies.profiles import PROFILES

FRESH, STALE, NOT_RUN = "fresh", "stale", "not run"


@dataclass(frozen=True)
class Study:
    """An entry of the register.

    Attributes
    ----------
    name : str
        Of its record.
    function : callable
        ``function(job, **options)`` returns the result.
    options : dict
    minutes : dict of str to float
        By profile, on two cores; `full` on a GPU.
    data : str
        What it measures on.
    needs : tuple of str
        The studies that have to come before: trainings whose networks it uses. ``"train_*"`` stands for all of them.
    makes : str or None
        The file of a training in the folder of the networks.
    card : callable or None
        ``card(record)`` returns the text that goes beside it.
    files : tuple of str
        What it reads besides photos and networks, below the top folder.
    gpu : bool
        Whether a GPU helps.
    """

    name: str
    function: Callable
    options: dict
    minutes: dict
    data: str
    needs: tuple = ()
    makes: str | None = None
    card: Callable | None = None
    files: tuple = ()
    gpu: bool = False

    @property
    def before(self):
        """The studies that it needs."""
        return [
            other
            for other in studies().values()
            if other.name != self.name and any(fnmatch.fnmatchcase(other.name, need) for need in self.needs)
        ]

    @property
    def code(self):
        """The hash of the code and files that its result comes from."""
        return fingerprint.of_function(self.function, self.options, self.files)


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
    """

    profile: str
    seed: int
    scale: float
    folder: Path
    data: object = None
    seconds: float | None = None

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


_REGISTER = {}


def study(name, minutes, data, needs=(), makes=None, card=None, files=(), gpu=False, **options):
    """Register a function as a study, see `Study` and the top of this module."""

    def register(function):
        by_profile = dict(zip(PROFILES, minutes, strict=True))
        _REGISTER[name] = Study(name, function, options, by_profile, data, needs, makes, card, files, gpu)
        return function

    return register


@functools.cache
def studies():
    """All studies, by name: those of every module of this package that registers some.

    Returns
    -------
    dict of str to Study
    """
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        if re.search(r"^from lib\.studies\.run import .*\bstudy\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            place = path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
            importlib.import_module(f"{__package__}.{place}")
    return dict(sorted(_REGISTER.items()))


def get(name):
    """A study by its name.

    Raises
    ------
    ValueError
        There is none.
    """
    if name not in studies():
        msg = f"Unknown study {name!r}: `defocus study` lists them."
        raise ValueError(msg)
    return studies()[name]


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
        There is no such study.
    FileNotFoundError
        A training that it needs has not run yet.
    """
    entry = get(name)
    os.environ[paths.PROFILE] = profile  # from here on networks and records are those of this run
    networks = {training.makes: _network(training) for training in entry.before if training.makes}
    target = records.path(name)
    with storage.alone(target):
        if _holds(entry, target, seed, scale, networks):
            target.touch()
            return target
        key = hashlib.sha256(repr((entry.code, sorted(networks.items()), seed, scale)).encode()).hexdigest()[:16]
        folder = paths.run() / name / key
        folder.mkdir(parents=True, exist_ok=True)
        job, began = Job(profile, seed, scale, folder, entry.data), time.monotonic()
        result = entry.function(job, **entry.options)
        seconds = time.monotonic() - began if job.seconds is None else job.seconds
        if entry.makes:
            networks[entry.makes] = file_hash(paths.weights() / entry.makes)
        more = {"study": name, "code": entry.code, "networks": networks} | ({"scale": scale} if scale < 1 else {})
        records.write(target, result, profile=profile, data=job.data, seed=seed, seconds=seconds, **more)
        if entry.card:
            with storage.whole((paths.weights() / entry.makes).with_suffix(".md")) as file:
                file.write_text(entry.card(records.load(target)))
        shutil.rmtree(folder)  # of no use any more
    return target


def _holds(entry, path, seed, scale, networks):
    """Whether a record is what the run of a study would make again, or is kept on request (`lib.studies.adopt`)."""
    if not path.exists() or (entry.makes and not (paths.weights() / entry.makes).exists()):
        return False
    record = records.load(path)
    if "kept" in record:
        return True
    same = record.get("code") == entry.code and (record["seed"], record.get("scale", 1.0)) == (seed, scale)
    return same and all(record["networks"].get(file) == digest for file, digest in networks.items())


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


def state(name, profile=None):
    """Whether a record still tells of the code and the networks that are here.

    Parameters
    ----------
    name : str
        Of a study.
    profile : {"quick", "local", "full"}, optional
        As in `records.read`.

    Returns
    -------
    {"fresh", "stale", "not run"}
    """
    try:
        record = records.read(name, profile)
    except FileNotFoundError:
        return NOT_RUN
    return STALE if is_stale(record) else FRESH


def is_stale(record):
    """Whether the code has changed since a record was made, or a network that it used was trained anew."""
    entry = studies().get(record.get("study"))
    if entry is None or record.get("code") != entry.code:
        return True
    for training in entry.before:
        try:
            made = records.read(training.name, record["profile"]).get("networks", {}) if training.makes else {}
        except FileNotFoundError:
            return True
        if record["networks"].get(training.makes) != made.get(training.makes):
            return True
    return False
