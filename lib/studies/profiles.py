"""How much of the paper a run repeats: the photos, and how they are dealt out.

``quick``
    Minutes on a CPU: the bundled photos. For seeing that everything works.
``local``
    Hours on a CPU: the registry's photo sets, about 8,000 sharp patches.
``full``
    A GPU: DIV2K, which gave the paper 27,010 sharp patches, and the paper's 100 epochs.
"""

import functools
import json
from pathlib import Path

import cv2
import numpy as np

from lib import dataset, images, patches, photos, storage
from lib.studies import div2k

PROFILES = ("quick", "local", "full")


def training_photos(profile):
    """Iterate over the photos that a profile trains on.

    Parameters
    ----------
    profile : {"quick", "local", "full"}

    Yields
    ------
    name : str
    gray : (H, W) uint8 ndarray
    """
    for name, pixels in _SOURCES[profile]():
        yield name, patches.to_gray_levels(images.to_gray(pixels))


def _bundled():
    for name in photos.BUNDLED:
        yield name, photos.load(name)


def _registry():
    for path in photos.training_files():
        yield f"{path.parent.name}/{path.name}", images.read(path)


def _div2k():
    for split in ("train", "validation"):
        for name, pixels in div2k.photos(split):
            yield name, pixels.astype(np.float32) / 255


_SOURCES = {"quick": _bundled, "local": _registry, "full": _div2k}


def photo(megapixels):
    """A photo of 3:2 with everyday detail at every size: the bundled "china", enlarged by mirror images of itself.

    Parameters
    ----------
    megapixels : float

    Returns
    -------
    (H, W, 3) float32 ndarray

    Examples
    --------
    >>> photo(0.25).shape
    (408, 612, 3)
    """
    height = round(np.sqrt(megapixels * 1e6 / 1.5))
    width = round(1.5 * height)
    image = cv2.resize(photos.load("china"), (640, 427), interpolation=cv2.INTER_AREA)
    beyond = [(0, max(side - have, 0)) for side, have in zip((height, width), image.shape[:2], strict=True)]
    return np.ascontiguousarray(np.pad(image, (*beyond, (0, 0)), "symmetric")[:height, :width])


def fractions(profile):
    """Shares of training, validation and test patches: Table 1's for ``full``, 85, 5 and 10 % else.

    Returns
    -------
    tuple of 3 floats
    """
    if profile == "full":
        return tuple(count / sum(dataset.TABLE_1) for count in dataset.TABLE_1)
    return 0.85, 0.05, 0.10


def threshold(profile):
    """Least eq. 5 of a patch: the paper's 1000, but 300 for ``quick``, whose few photos have little above that.

    Returns
    -------
    float
    """
    return 300.0 if profile == "quick" else patches.SHARPNESS_THRESHOLD


def build(folder, profile, reading, split="photo", seed=0, only=dataset.SPLITS, train_stride=patches.SIZE):
    """Build a profile's data set where it is not yet there.

    Parameters
    ----------
    folder : path
    profile : {"quick", "local", "full"}
    reading : patches.Reading
    split, seed, only, train_stride
        As in `dataset.build`.

    Returns
    -------
    dict
        What ``dataset.json`` says of it.

    Raises
    ------
    ValueError
        The photos have too few sharp patches for three sets.
    """
    folder = Path(folder)
    with storage.alone(folder):
        if not folder.exists():
            source = functools.partial(training_photos, profile)
            shares, least = fractions(profile), threshold(profile)
            dataset.build(source, folder, reading, shares, split, seed, least, only, train_stride)
    description = describe(folder)
    if empty := [name for name, count in description["patches"].items() if not count]:
        msg = f"No sharp patch is left for {' and '.join(empty)}: add photos, or split by patch."
        raise ValueError(msg)
    return description


def describe(folder):
    """What the ``dataset.json`` of a data set says of it."""
    return json.loads((folder / "dataset.json").read_text())
