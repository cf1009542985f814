"""Sphinx extension: the chapters run against this tree's `lib`, and run again when what they use has changed.

The execution cache compares a chapter's own cells only: after an edit in `lib` it would print the old
numbers. Here each state of `lib`, `data` and the lock has a cache of its own.
"""

import hashlib
import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INPUTS = ("lib", "data", "requirements.txt")


def inputs_hash(root=ROOT):
    """Hash the names and contents of all files that a chapter's cells may use.

    Parameters
    ----------
    root : Path
        Top folder of the repository.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for top in INPUTS:
        for path in sorted([root / top, *(root / top).rglob("*")]):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def choose_cache(app, config):
    """Point MyST-NB to the cache of the present inputs, and drop those of earlier ones."""
    caches = Path(app.outdir).parent / ".jupyter_cache"
    cache = caches / inputs_hash()
    for other in caches.glob("*"):
        if other != cache:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    config.nb_execution_cache_path = str(cache)


def setup(app):
    """Called by Sphinx; the kernels of the chapters inherit the environment set here."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    app.connect("config-inited", choose_cache)
    return {"parallel_read_safe": True}
