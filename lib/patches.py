"""The data set of section 3.1: sharp patches, each blurred to 20 levels.

A photo is cut into 32x32 patches; the sharp ones (eq. 5) are kept and each is blurred by
Gaussians of sigma 0, 1, ..., 19 pixels. Sigma is the label.

The paper leaves three things open that decide how hard the task is; here they have names:

``support``
    Width of the Gaussian kernel: ``"2sigma+1"`` (as the only Gaussian of the authors' released
    code) or ``"full"`` (6 sigma + 1, nothing visible cut off).
``context``
    What is blurred: the ``"patch"`` alone, its borders mirrored (as the paper says), or the whole
    ``"image"`` before the patch is cut out (as a lens does).
``bits``
    Depth of the stored patches: 8, as a photo file has it, or 16, close to the unrounded filter output.
"""

import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from lib import paths

SIZE = 32
"""Side of a patch, pixels (section 3.1)."""
LEVELS = 20
"""Number of blur levels; level k is a Gaussian of sigma = k pixels."""
SHARPNESS_THRESHOLD = 1000.0
"""Patches with a larger eq. 5 are "in sharp focus" (section 3.1)."""
TABLE_1 = (392240, 98040, 49920)
"""Training, validation and testing samples of the paper's Table 1."""
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Reading:
    """One reading of "filter a sharp patch by a Gaussian" (see the module's docstring)."""

    support: str = "2sigma+1"
    context: str = "patch"
    bits: int = 16

    def __post_init__(self):
        for name, value, allowed in (
            ("support", self.support, ("2sigma+1", "full")),
            ("context", self.context, ("patch", "image")),
            ("bits", self.bits, (8, 16)),
        ):
            if value not in allowed:
                msg = f"Expected {name} to be one of {allowed}, got {value!r}."
                raise ValueError(msg)

    @property
    def dtype(self):
        """NumPy type of the stored patches."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    def __str__(self):
        return f"{self.support}, {self.context}, {self.bits} bits"

    @property
    def truncate(self):
        """Kernel half width in units of sigma."""
        return 1.0 if self.support == "2sigma+1" else 3.0


READINGS = {
    "paper": Reading("2sigma+1", "patch", 16),
    "lens": Reading("full", "image", 8),
}
"""The readings of the two shipped networks."""
ALL_READINGS = tuple(Reading(*each) for each in itertools.product(("2sigma+1", "full"), ("patch", "image"), (8, 16)))
"""Every reading: a trained network is tested on all of them."""


def cut(gray):
    """Cut a picture into non-overlapping 32x32 patches, row by row.

    Parameters
    ----------
    gray : (H, W) ndarray
        Any type; what is left over at the right and bottom is dropped.

    Returns
    -------
    patches : (N, 32, 32) ndarray
    corners : (N, 2) int ndarray
        Row and column of each patch's first pixel.
    """
    rows, columns = gray.shape[0] // SIZE, gray.shape[1] // SIZE
    tiles = gray[: rows * SIZE, : columns * SIZE].reshape(rows, SIZE, columns, SIZE)
    corners = np.indices((rows, columns)).reshape(2, -1).T * SIZE
    return tiles.swapaxes(1, 2).reshape(-1, SIZE, SIZE), corners


def sharpness(patches):
    """Eq. 5: the variance of the Laplacian of each patch, after a 3x3 Gaussian against noise.

    Parameters
    ----------
    patches : (N, 32, 32) uint8 ndarray

    Returns
    -------
    (N,) float64 ndarray
        In squared gray levels of the 0..255 scale.
    """
    if patches.dtype != np.uint8:
        msg = f"Expected uint8 patches (eq. 5 is in gray levels of 0..255), got {patches.dtype}."
        raise ValueError(msg)
    smooth = (cv2.GaussianBlur(patch, (3, 3), 0) for patch in patches)
    return np.array([cv2.Laplacian(patch, cv2.CV_64F).var() for patch in smooth])


def blur(gray, sigma, truncate=3.0, axes=(-2, -1)):
    """Filter with a Gaussian of `sigma` pixels whose kernel ends at ``truncate * sigma``; borders mirrored.

    Sigma 0 is the unit sample: the input comes back (as float32).
    """
    return ndimage.gaussian_filter(np.asarray(gray, np.float32), sigma, mode="reflect", truncate=truncate, axes=axes)


def blur_levels(gray, corners, reading):
    """Blur the patches of a picture at `corners` to all levels.

    Parameters
    ----------
    gray : (H, W) uint8 ndarray
    corners : (N, 2) int ndarray
    reading : Reading

    Returns
    -------
    (N, 20, 32, 32) ndarray of ``reading.dtype``
        The full range of the type stands for [0, 1].
    """
    peak = np.iinfo(reading.dtype).max
    picture = gray.astype(np.float32) * (peak / 255)
    out = np.empty((len(corners), LEVELS, SIZE, SIZE), reading.dtype)

    def crop(image):
        return np.stack([image[r : r + SIZE, c : c + SIZE] for r, c in corners])

    sharp = crop(picture)
    for level in range(LEVELS):
        if reading.context == "patch":
            blurred = blur(sharp, level, reading.truncate)
        else:
            blurred = crop(_blur_photo(picture, level, reading.truncate))
        out[:, level] = np.rint(np.clip(blurred, 0, peak))
    return out


def _blur_photo(picture, sigma, truncate):
    """`blur` for a whole photo: OpenCV's separable filter, many times faster on wide kernels."""
    if sigma == 0:
        return picture
    size = 2 * int(truncate * sigma + 0.5) + 1
    return cv2.GaussianBlur(picture, (size, size), sigma, borderType=cv2.BORDER_REFLECT)


def to_gray_levels(gray):
    """Round a (H, W) float picture in [0, 1] to uint8, the scale in which eq. 5's threshold is stated."""
    return np.rint(np.asarray(gray) * 255).astype(np.uint8)


def sharp_corners(gray, threshold=SHARPNESS_THRESHOLD, stride=SIZE):
    """Corners of the patches of a picture whose eq. 5 exceeds `threshold`.

    Parameters
    ----------
    gray : (H, W) uint8 ndarray
    threshold : float
    stride : int
        From one patch to the next, a divisor of 32; 32 leaves no overlap.

    Returns
    -------
    (N, 2) int ndarray
        Row and column of each patch's first pixel.
    """
    found = []
    for row in range(0, SIZE, stride):
        for column in range(0, SIZE, stride):
            patches, corners = cut(gray[row:, column:])
            found.append(corners[sharpness(patches) > threshold] + (row, column))
    return np.concatenate(found)


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
    threshold=SHARPNESS_THRESHOLD,
    only=SPLITS,
    train_stride=SIZE,
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
        The content of ``dataset.json``.

    Raises
    ------
    ValueError
        No patch of these photos is sharp.
    """
    folder = Path(folder)
    if folder.exists():
        msg = f"Expected a new folder for the data set, but {folder} exists: remove it or name another."
        raise FileExistsError(msg)
    mined = [(name, sharp_corners(gray, threshold, train_stride)) for name, gray in photos()]
    dense = np.array([len(corners) for _, corners in mined], int)
    counts = np.array([(corners % SIZE == 0).all(1).sum() for _, corners in mined], int)  # without overlap
    if not counts.sum():
        msg = f"None of the {len(mined)} photos has a patch with eq. 5 above {threshold:g}: use sharper ones."
        raise ValueError(msg)
    strides = np.full(len(mined), SIZE)
    if split == "photo":
        set_of_photo = split_by_photo(counts, fractions, seed)
        strides[set_of_photo == 0] = train_stride
        counts = np.where(set_of_photo == 0, dense, counts)
        sets = np.repeat(set_of_photo, counts)
    elif split == "patch" and train_stride == SIZE:
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
        "patches": {name: int((sets == k).sum()) for k, name in enumerate(SPLITS)},
        "samples": {name: int((sets == k).sum()) * LEVELS for k, name in enumerate(SPLITS)},
        "photos_of": {
            name: [mined[p][0] for p in np.unique(photo_of_patch[sets == k])] for k, name in enumerate(SPLITS)
        },
    }
    with paths.whole_folder(folder) as partial:
        _write_arrays(photos, partial, reading, sets, threshold, only, strides)
        (partial / "dataset.json").write_text(json.dumps(description, indent=1))
    return description


def _write_arrays(photos, folder, reading, sets, threshold, only, strides):
    sizes = {k: int((sets == k).sum()) for k, name in enumerate(SPLITS) if name in only}
    arrays = {
        k: np.lib.format.open_memmap(folder / f"{SPLITS[k]}.npy", "w+", reading.dtype, (size, LEVELS, SIZE, SIZE))
        for k, size in sizes.items()
    }
    filled = dict.fromkeys(arrays, 0)
    done = 0
    for (_, gray), stride in zip(photos(), strides, strict=True):
        corners = sharp_corners(gray, threshold, int(stride))
        mine = sets[done : done + len(corners)]
        done += len(corners)
        if not np.isin(mine, list(arrays)).any():
            continue
        levels = blur_levels(gray, corners, reading)
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
        msg = f"No data set at {path}: build it first (lib.patches.build)."
        raise FileNotFoundError(msg)
    return np.load(path, mmap_mode="r")


def as_float(samples):
    """Stored samples of 8 or 16 bits as float32 in [0, 1]."""
    return samples.astype(np.float32) / np.iinfo(samples.dtype).max
