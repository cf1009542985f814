"""Silence for libraries that write to the terminal by themselves."""

import contextlib
import os
import sys


@contextlib.contextmanager
def silence():
    """A block in which nothing, of C++ too, writes to standard error."""
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    if sys.stderr:
        sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
