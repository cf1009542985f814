"""Where things are, as absolute paths, so that a chapter runs from any folder; writing there whole or not at all."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
DATA = ROOT / "data"
PAPER = DATA / "paper"
RESULTS = DATA / "results"
WEIGHTS = DATA / "weights"
BUILD = ROOT / "_build"


@contextmanager
def whole(path):
    """A file to write in the place of `path`; it takes that name when the block ends, and vanishes where it fails.

    Parameters
    ----------
    path : path

    Yields
    ------
    Path
        In the same folder, which is made, and with the same suffix.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "map.npy"
    >>> with whole(target) as file:
    ...     _ = file.write_text("all of it")
    ...     target.exists()
    False
    >>> target.read_text()
    'all of it'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield file
        os.replace(file, path)
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def whole_folder(path):
    """A new folder to fill in the place of `path`; it takes that name, from what had it, when the block ends.

    Where the block fails, or is killed, the folder stays beside it as ``NAME.partial`` until the next try.

    Parameters
    ----------
    path : path

    Yields
    ------
    Path
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
