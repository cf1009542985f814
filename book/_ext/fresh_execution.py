"""Sphinx extension: the chapters run against this tree's `lib`, and run again when what they use has changed.

The execution cache compares a chapter's own cells only: after an edit in `lib` it would print the old numbers. So what
it has of a chapter is dropped when the code, a record or a network that the chapter reaches has changed, and nothing
else is.
"""

import hashlib
import json
import os
from pathlib import Path

from jupyter_cache import get_cache

from lib import paths, storage
from lib.studies import chapters

SEEN = "inputs.json"
"""In the cache: the hash of what each chapter in it was run with."""


def inputs(name):
    """The hash of all that a chapter's page comes from."""
    lock = (paths.ROOT / "requirements.txt").read_bytes()
    return hashlib.sha256(lock + chapters.inputs_hash(name).encode()).hexdigest()[:16]


def drop_outdated(app, config):
    """Point MyST-NB to a cache without chapters whose inputs have changed."""
    folder = Path(app.outdir).parent / ".jupyter_cache"
    config.nb_execution_cache_path = str(folder)
    seen = json.loads((folder / SEEN).read_text()) if (folder / SEEN).exists() else {}
    now = {name: inputs(name) for name in chapters.chapters()}
    cache = get_cache(folder)
    for record in cache.list_cache_records():
        name = Path(record.uri).stem
        if seen.get(name) != now.get(name):
            cache.remove_cache(record.pk)
    storage.write_json(folder / SEEN, now)


def setup(app):
    """Called by Sphinx; the kernels of the chapters inherit the environment set here."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    app.connect("config-inited", drop_outdated)
    return {"parallel_read_safe": True}
