"""The register of the studies.

A study is a plain function of this package that measures or trains and returns its result, a dict for JSON::

    from lib.studies.register import study

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
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lib.studies import fingerprint
from lib.studies.profiles import PROFILES


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


_REGISTER = {}
_REGISTERS = re.compile(r"^@study\(", re.MULTILINE)


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
        if _REGISTERS.search(path.read_text(encoding="utf-8")):
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
