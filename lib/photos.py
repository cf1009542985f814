"""Named photo sets.

Two kinds: photos that come with the project (`SHIPPED`) and inside the installed packages (`BUNDLED`), and sets of
single files at public repositories (`SETS`, listed in data/registry.tsv with commit and SHA-256).

The files of a set are downloaded once and kept in the user's cache folder. Where the environment variable
``DEFOCUS_PHOTOS`` names a folder that holds them under the names of the registry, they are read from there and nothing
is downloaded. Either way each file must have the SHA-256 of the registry.
"""

import csv
import functools
import os
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pooch
from tqdm.auto import tqdm

from lib import images, paths

MIRROR = "DEFOCUS_PHOTOS"
"""Environment variable that names the mirror folder."""
RAW_URL = "https://raw.githubusercontent.com/{repository}/{commit}/{path}"
"""Where a repository's file is as it was at a commit."""
BUNDLED = ("astronaut", "chelsea", "china", "coffee", "flower", "motorcycle", "rocket")
"""Photos inside scikit-image and scikit-learn, in focus but for the flower: `quick` trains on them."""
SHIPPED = {name: f"gb82/{name}.png" for name in ("bulb", "dog", "flowers", "sumac")} | {
    f"pcb_{number}": f"focus_stack_pcb/pcb_{number}.jpg" for number in range(1, 8)
}
"""Photos in data/photos, all with blur: four with a shallow depth of field, and a stack of seven (their README.md)."""


class PhotoError(images.ImageError):
    """A photo that cannot be had: no network, no mirror, or a file that is not the one expected."""


def _rows(table):
    """The rows of a table in data/, by their first column."""
    with open(paths.DATA / table, encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {next(iter(row.values())): row for row in rows}


SETS = tuple(_rows("photo_sets.tsv"))
"""The sets of data/registry.tsv; data/photo_sets.tsv says what each holds, its terms, and whom to cite."""
TRAINING_SETS = ("bsd100", "bsds500_jpeg", "div2k_valid_crops", "urban100")
"""The sets whose photos are in focus."""


# Photos that are here


def load(name):
    """A photo that comes with the project or inside an installed package.

    Parameters
    ----------
    name : str
        One of `BUNDLED` or `SHIPPED`. "motorcycle" is the left picture of the stereo pair.

    Returns
    -------
    (H, W, 3) float32 ndarray in [0, 1]

    Raises
    ------
    ValueError
        If the name is another.

    Examples
    --------
    >>> load("coffee").shape, load("dog").shape
    ((400, 600, 3), (576, 576, 3))
    """
    if name in SHIPPED:
        return images.read(paths.DATA / "photos" / SHIPPED[name])
    if name not in BUNDLED:
        msg = f"Unknown photo {name!r}; choose one of {', '.join((*BUNDLED, *SHIPPED))}."
        raise ValueError(msg)
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image  # here: it takes a second to import

        pixels = load_sample_image(f"{name}.jpg")
    else:
        from skimage import data

        pixels = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    return np.divide(pixels, np.float32(255), dtype=np.float32)


# Sets of the registry


def file(name):
    """A file of the registry, from the mirror or the cache, else downloaded.

    Parameters
    ----------
    name : str
        As in data/registry.tsv: ``lytro/pairs/lytro-03-A.jpg``.

    Returns
    -------
    pathlib.Path
        Of a file with the SHA-256 of the registry.

    Raises
    ------
    ValueError
        If the registry has no such name.
    PhotoError
        If the file is damaged, or there is neither mirror nor network.
    """
    if name not in _registry():
        msg = f"Unknown photo {name!r}; data/registry.tsv lists the names."
        raise ValueError(msg)
    mirror = os.environ.get(MIRROR)
    return _from_mirror(Path(mirror).expanduser(), name) if mirror else _from_network(name)


def files(set_name):
    """All files of a set, see `file`. What an interrupted download has got is not fetched again.

    Parameters
    ----------
    set_name : str
        One of `SETS`.

    Returns
    -------
    list of pathlib.Path
        Sorted by name.
    """
    return [file(name) for name in tqdm(_names(set_name), set_name, unit="file", leave=False, disable=None)]


def training_files():
    """The files of all `TRAINING_SETS`, set by set."""
    return [path for set_name in TRAINING_SETS for path in files(set_name)]


@functools.cache
def _registry():
    """The rows of data/registry.tsv by file name."""
    return _rows("registry.tsv")


def _names(set_name):
    """The sorted names of a set's files."""
    if set_name not in SETS:
        msg = f"Unknown photo set {set_name!r}; choose one of {', '.join(SETS)}."
        raise ValueError(msg)
    return sorted(name for name in _registry() if name.startswith(f"{set_name}/"))


def _from_mirror(folder, name):
    """The path of a mirrored file, checked."""
    path, expected = folder / name, _registry()[name]["sha256"]
    if not path.is_file():
        msg = f"The mirror lacks {path}; complete it, or unset {MIRROR} to download."
        raise PhotoError(msg)
    received = _sha256(path, path.stat().st_mtime_ns)
    if received != expected:
        msg = f"{path} is damaged: expected SHA-256 {expected}, got {received}; copy it again or unset {MIRROR}."
        raise PhotoError(msg)
    return path


@functools.cache
def _sha256(path, modified):
    """The SHA-256 of a file as of the time it was `modified`: hashed once, and again after a change."""
    return pooch.file_hash(str(path))


def _from_network(name):
    """The path of a file in the cache, downloaded before if need be, checked."""
    try:
        return Path(_downloader().fetch(name))
    except ValueError as error:
        msg = f"The download of {name} is damaged: {' '.join(str(error).split())}"
        raise PhotoError(msg) from error
    except OSError as error:
        msg = (
            f"Cannot download {name} to {_cache()} ({type(error).__name__}); connect to the network, or set {MIRROR} "
            "to a folder that holds the photos."
        )
        raise PhotoError(msg) from error


def _cache():
    """Where downloads are kept."""
    return pooch.os_cache("deep-defocus-book")


def _downloader():
    """Pooch on the registry. It counts a download as there only when it is whole and has the right hash."""
    rows = _registry()
    pooch.get_logger().setLevel("WARNING")
    return pooch.create(
        path=_cache(),
        base_url="",
        registry={name: f"sha256:{row['sha256']}" for name, row in rows.items()},
        urls={name: RAW_URL.format(**row | {"path": quote(row["path"])}) for name, row in rows.items()},
        retry_if_failed=2,
    )
