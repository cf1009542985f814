"""Where things are, as absolute paths, so that a chapter runs from any folder; writing there whole or not at all."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
DATA = ROOT / "data"
PAPER = DATA / "paper"
RESULTS = DATA / "results"
WEIGHTS = DATA / "weights"
BUILD = ROOT / "_build"
