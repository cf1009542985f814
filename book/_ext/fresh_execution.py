"""Sphinx extension: the chapters run against this tree's `lib`, and run again when what they use has changed.

The execution cache compares a chapter's own cells only: after an edit in `lib` it would print the old numbers. So what
it has of a chapter is dropped when the code, a record or a network that the chapter reaches has changed, and nothing
else is. In a run of the reproduction, its chapters have run already: the pages show these.
"""

import hashlib
import json
import os
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import read_myst_markdown_notebook

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
    for name in now:
        take(name, cache)
    storage.write_json(folder / SEEN, now)


def take(name, cache):
    """Put into the cache what a chapter shows in this run, where there is one."""
    shown = chapters.ran(name)
    if shown is None:
        return
    page = paths.BOOK / f"{name}.md"
    notebook = read_myst_markdown_notebook(page.read_text(encoding="utf-8"))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, outputs in zip(code, shown, strict=True):
        cell.outputs = outputs
    cache.cache_notebook_bundle(CacheBundleIn(notebook, str(page)), check_validity=False, overwrite=True)


def setup(app):
    """Called by Sphinx; the kernels of the chapters inherit the environment set here."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    app.connect("config-inited", drop_outdated)
    return {"parallel_read_safe": True}
