"""Writing whole or not at all, one process at a time."""

import errno
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock
import psutil

# With a mark of the machine, since other machines may write to the same disk.
_PARTIAL = f".partial-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def whole(path):
    """A file to write in the place of `path`; it takes that name when the block ends, and vanishes where it fails.

    So do folders that were made for it. What a process that was killed left of it vanishes at the next try. Where
    `path` is a link, the file that it leads to is replaced.

    Yields
    ------
    Path
        In the same folder, which is made, and with the same suffix.

    Raises
    ------
    OSError
        With the name of the folder, where there is no space left.

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
    path = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    file = path.with_name(f"{_PARTIAL}{os.getpid()}-{_short(path)}")
    with folder_of(path):
        _remove_leftovers(path)
        try:
            yield file
            os.replace(file, path)
        except OSError as error:
            if error.errno in _FULL or error.filename == str(file):  # named by what the caller knows
                raise OSError(error.errno, error.strerror, str(path.parent)) from error
            raise
        finally:
            file.unlink(missing_ok=True)


@contextmanager
def folder_of(path):
    """The folder of a file to be, made where it is missing; where the block fails, what was made vanishes."""
    folder = Path(path).parent
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):  # others may use it by now
            for each in missing:
                each.rmdir()
        raise


def _short(path):
    """A name for `path` that stays short, with the same suffix."""
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16] + path.suffix


def _remove_leftovers(path):
    """Remove the unfinished files for `path` whose process is no more."""
    pattern = re.compile(re.escape(_PARTIAL) + r"(\d+)-" + re.escape(_short(path)))
    for file in path.parent.glob(".partial-*"):
        process = pattern.fullmatch(file.name)
        if process and not psutil.pid_exists(int(process[1])):
            file.unlink(missing_ok=True)


@contextmanager
def alone(path):
    """Wait until no other process of this machine is in such a block with the same `path`, and keep others out of it.

    Where the process that started some work was killed and the work itself goes on, who starts it again waits for it.
    """
    name = hashlib.sha256(str(Path(path).resolve()).encode()).hexdigest()[:16]
    with filelock.FileLock(Path(tempfile.gettempdir()) / f"defocus-{name}.lock"):
        yield


def is_writable(folder):
    """Whether a folder can be written to or, where it is missing, made."""
    folder = Path(folder).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


@functools.cache
def _scratch():
    return tempfile.TemporaryDirectory(prefix="defocus-")


def scratch():
    """A folder for temporary files, which goes when the process ends."""
    return Path(_scratch().name)


@contextmanager
def whole_folder(path):
    """A new folder to fill in the place of `path`; it takes that name, from what had it, when the block ends.

    Where the block fails, or is killed, the folder stays beside it as ``NAME.partial`` until the next try.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)


def write_json(path, content):
    """Write JSON whole or not at all."""
    with whole(path) as file:
        file.write_text(json.dumps(content, indent=1) + "\n")
