"""The data set on disk: 20 blur levels of each sharp patch, split by photo (section 3.1)."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lib import patches, storage

TABLE_1 = (392240, 98040, 49920)
"""Training, validation and testing samples of the paper's Table 1."""
SPLITS = ("train", "validation", "test")


def split_by_photo(counts, fractions, seed):
    """Assign whole photos to training, validation and testing, so that no photo is in two sets.

    Photos are shuffled, then dealt out until each set has its share of the patches. With few photos
    a small share can miss them all: that set then takes a photo from the set that has most, if it has two.

    Parameters
    ----------
    counts : (P,) int array_like
        Sharp patches per photo.
    fractions : tuple of 3 floats
        Shares of the patches; they sum to 1.
    seed : int

    Returns
    -------
    (P,) int ndarray
        0, 1 or 2: index into `SPLITS`.
    """
    counts = np.asarray(counts)
    order = np.random.default_rng(seed).permutation(len(counts))
    # A photo belongs where its middle patch falls on the line of all patches.
    middle = (np.cumsum(counts[order]) - counts[order] / 2) / max(counts.sum(), 1)
    sets = np.empty(len(counts), int)
    sets[order] = np.searchsorted(np.cumsum(fractions)[:-1], middle, side="right")
    for k in np.flatnonzero(fractions):
        sharp = np.bincount(sets[counts > 0], minlength=len(SPLITS))
        if sharp[k] == 0 and sharp.max() > 1:
            giver = np.flatnonzero((sets == sharp.argmax()) & (counts > 0))
            sets[giver[counts[giver].argmin()]] = k
    return sets


def split_by_patch(counts, fractions, seed):
    """The paper's split: patches are dealt out at random, so that one photo's patches are in all sets.

    Returns
    -------
    (sum of counts,) int ndarray
        0, 1 or 2 for each patch, in the order of the photos.
    """
    total = int(np.sum(counts))
    sets = np.searchsorted(np.cumsum(fractions)[:-1] * total, np.arange(total), side="right")
    return np.random.default_rng(seed).permutation(sets)


def build(
    photos,
    folder,
    reading,
    fractions,
    split="photo",
    seed=0,
    threshold=patches.SHARPNESS_THRESHOLD,
    only=SPLITS,
    train_stride=patches.SIZE,
):
    """Mine a set of photos and write the data set to disk; memory holds one photo at a time.

    The folder appears when it is complete: ``train.npy``, ``validation.npy`` and ``test.npy``, each
    (N, 20, 32, 32) with axis 1 the blur level, and ``dataset.json``, which says what they are. The
    same patches are in the same set whatever the reading.

    Parameters
    ----------
    photos : callable
        Returns a fresh iterator over ``(name, (H, W) uint8 gray picture)``; it is called twice, once
        to count and once to blur.
    folder : path
        Must not exist yet.
    reading : Reading
    fractions : tuple of 3 floats
        Shares of the three sets.
    split : {"photo", "patch"}
        Whether a photo may have patches in more than one set, as in the paper.
    seed : int
    threshold : float
        Of eq. 5; the paper's by default.
    only : sequence of str
        The sets that are written, of `SPLITS`.
    train_stride : int
        From one training patch to the next; less than 32 lets them overlap and makes more of the same
        photos. Needs the split by photo.

    Returns
    -------
    dict
        The content of ``dataset.json``; ``sharp_share`` is the share of all windows of the photos that is sharp.

    Raises
    ------
    ValueError
        No patch of these photos is sharp.
    """
    folder = Path(folder)
    if folder.exists():
        msg = f"Expected a new folder for the data set, but {folder} exists: remove it or name another."
        raise FileExistsError(msg)
    mined, windows = [], 0
    for name, gray in photos():
        mined.append((name, patches.sharp_corners(gray, threshold, train_stride)))
        windows += (gray.shape[0] // patches.SIZE) * (gray.shape[1] // patches.SIZE)
    dense = np.array([len(corners) for _, corners in mined], int)
    counts = np.array([(corners % patches.SIZE == 0).all(1).sum() for _, corners in mined], int)  # without overlap
    if not counts.sum():
        msg = f"None of the {len(mined)} photos has a patch with eq. 5 above {threshold:g}: use sharper ones."
        raise ValueError(msg)
    share = int(counts.sum()) / windows
    strides = np.full(len(mined), patches.SIZE)
    if split == "photo":
        set_of_photo = split_by_photo(counts, fractions, seed)
        strides[set_of_photo == 0] = train_stride
        counts = np.where(set_of_photo == 0, dense, counts)
        sets = np.repeat(set_of_photo, counts)
    elif split == "patch" and train_stride == patches.SIZE:
        sets = split_by_patch(counts, fractions, seed)
    elif split == "patch":
        msg = "Expected split='photo' for training patches that overlap: else their pixels are in the test set too."
        raise ValueError(msg)
    else:
        msg = f"Expected split to be 'photo' or 'patch', got {split!r}."
        raise ValueError(msg)

    photo_of_patch = np.repeat(np.arange(len(mined)), counts)
    description = {
        "reading": asdict(reading),
        "threshold": threshold,
        "split": split,
        "fractions": list(fractions),
        "seed": seed,
        "train_stride": train_stride,
        "photos": len(mined),
        "sharp_share": share,
        "patches": {name: int((sets == k).sum()) for k, name in enumerate(SPLITS)},
        "samples": {name: int((sets == k).sum()) * patches.LEVELS for k, name in enumerate(SPLITS)},
        "photos_of": {
            name: [mined[p][0] for p in np.unique(photo_of_patch[sets == k])] for k, name in enumerate(SPLITS)
        },
    }
    with storage.whole_folder(folder) as partial:
        _write_arrays(photos, partial, reading, sets, threshold, only, strides)
        (partial / "dataset.json").write_text(json.dumps(description, indent=1))
    return description


def _write_arrays(photos, folder, reading, sets, threshold, only, strides):
    sizes = {k: int((sets == k).sum()) for k, name in enumerate(SPLITS) if name in only}
    arrays = {
        k: np.lib.format.open_memmap(
            folder / f"{SPLITS[k]}.npy", "w+", reading.dtype, (size, patches.LEVELS, patches.SIZE, patches.SIZE)
        )
        for k, size in sizes.items()
    }
    filled = dict.fromkeys(arrays, 0)
    done = 0
    for (_, gray), stride in zip(photos(), strides, strict=True):
        corners = patches.sharp_corners(gray, threshold, int(stride))
        mine = sets[done : done + len(corners)]
        done += len(corners)
        if not np.isin(mine, list(arrays)).any():
            continue
        levels = patches.blur_levels(gray, corners, reading)
        for k, array in arrays.items():
            chosen = levels[mine == k]
            array[filled[k] : filled[k] + len(chosen)] = chosen
            filled[k] += len(chosen)
    for array in arrays.values():
        array.flush()


def load(folder, name):
    """Open one set of a built data set without reading it into memory.

    Parameters
    ----------
    folder : path
    name : {"train", "validation", "test"}

    Returns
    -------
    (N, 20, 32, 32) memory-mapped ndarray
    """
    path = Path(folder) / f"{name}.npy"
    if not path.exists():
        msg = f"No data set at {path}: build it first (lib.dataset.build)."
        raise FileNotFoundError(msg)
    return np.load(path, mmap_mode="r")


def as_float(samples):
    """Stored samples of 8 or 16 bits as float32 in [0, 1]."""
    return samples.astype(np.float32) / np.iinfo(samples.dtype).max
