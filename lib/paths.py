"""Where things are, as absolute paths, so that a chapter runs from any folder."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
DATA = ROOT / "data"
PAPER = DATA / "paper"
RESULTS = DATA / "results"
BUILD = ROOT / "_build"
RUNS = ROOT / "runs"
PROFILE = "DEFOCUS_PROFILE"
"""Environment variable that is set in a run of the reproduction: its profile."""


def run():
    """The folder of the run that this process is part of, ``runs/PROFILE``; None outside of one."""
    profile = os.environ.get(PROFILE)
    return RUNS / profile if profile else None


def weights():
    """The folder of the trained networks: in a run those that it has trained itself, else those that are shipped."""
    inside = run()
    return inside / "weights" if inside else DATA / "weights"


def networks(folder=""):
    """Names of the trained networks at hand, sorted: the classifiers, or those of a folder in `weights`."""
    return sorted(path.stem for path in (weights() / folder).glob("*.keras"))
