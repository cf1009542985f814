"""Sphinx extension: the chapters run against this tree's `lib`, and run again when what they use has changed.

The execution cache compares a chapter's own cells only: after an edit in `lib` it would print the old
numbers. Here each state of `lib`, `data` and the lock has a cache of its own.
"""

import os
import shutil
from pathlib import Path

from lib.studies import records


def choose_cache(app, config):
    """Point MyST-NB to the cache of the present inputs, and drop those of earlier ones."""
    caches = Path(app.outdir).parent / ".jupyter_cache"
    cache = caches / records.inputs_hash()
    for other in caches.glob("*"):
        if other != cache:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    config.nb_execution_cache_path = str(cache)


def setup(app):
    """Called by Sphinx; the kernels of the chapters inherit the environment set here."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    app.connect("config-inited", choose_cache)
    return {"parallel_read_safe": True}
