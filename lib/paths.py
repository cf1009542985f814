"""Where things are: absolute paths, so that a chapter runs from any folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
DATA = ROOT / "data"
PAPER = DATA / "paper"
RESULTS = DATA / "results"
WEIGHTS = DATA / "weights"
BUILD = ROOT / "_build"
