"""DIV2K, the data set that the paper mined, or what takes its place."""

import os
from pathlib import Path

import numpy as np
import requests

from lib import images
from lib.photos import PhotoError

STAND_IN = "DEFOCUS_DIV2K"
"""Environment variable that names a folder of photos to take the place of DIV2K, to see that a run of `full` runs."""
DIV2K = "div2k/bicubic_x8"
"""The TensorFlow data set. All of DIV2K's have the same photos; this one adds the smallest download."""


def photos(split="train", folder=None):
    """The photos of DIV2K, one at a time, through TensorFlow Datasets (a download of 4 GB at first).

    Parameters
    ----------
    split : {"train", "validation"}
        800 and 100 photos.
    folder : str or path-like, optional
        Where the data set is kept; by default where TensorFlow Datasets keeps its own.

    Yields
    ------
    name : str
        Unique and the same in each run.
    image : (H, W, 3) uint8 ndarray

    Raises
    ------
    ValueError
        If the split is another.
    PhotoError
        If the data set is neither there nor can be downloaded.
    """
    if split not in ("train", "validation"):
        msg = f"Unknown split {split!r} of DIV2K; choose train or validation."
        raise ValueError(msg)
    if stand_in := os.environ.get(STAND_IN):
        found = sorted(path for path in Path(stand_in).iterdir() if path.suffix in (".png", ".jpg"))
        for path in found[:-1] if split == "train" else found[-1:]:
            yield path.stem, np.uint8(np.rint(255 * images.read(path)))
        return
    import tensorflow_datasets as tfds  # here: it takes seconds to import

    try:
        builder = tfds.builder(DIV2K, data_dir=folder)
        if not builder.is_prepared():
            requests.head(builder.info.homepage, timeout=20)  # fails at once without network, not after minutes
        builder.download_and_prepare()
    except Exception as error:  # of HTTP, of the disk or of TensorFlow Datasets
        reason = " ".join(str(error).split())[:200]
        msg = f"Cannot prepare DIV2K ({reason}); connect, free 10 GB, or use the sets of the registry."
        raise PhotoError(msg) from error
    config = tfds.ReadConfig(add_tfds_id=True, interleave_cycle_length=1, try_autocache=False)
    only_photos = tfds.decode.PartialDecoding({"hr": True})
    for example in tfds.as_numpy(builder.as_dataset(split=split, read_config=config, decoders=only_photos)):
        yield example["tfds_id"].decode(), example["hr"]
