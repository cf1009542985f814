"""Maps as files: an array of sigma, and a picture of it beside it that says its scale."""

import contextlib
from pathlib import Path

import numpy as np

from lib import images, patches, storage
from lib.cli import pictures

_OVERSHOOT = 1
"""How far below 0 the refinement may take a map, pixels."""
_LARGEST = 2 * (patches.LEVELS - 1)
"""Twice the largest sigma that a map of this book has, pixels."""


def read_map(path, shape):
    """Read an array of numbers that fits a photo, such as a map that `write_maps` wrote.

    Parameters
    ----------
    path : path
        Of a ``.npy`` file, or of a picture that `write_maps` wrote.
    shape : (int, int)
        H and W of the photo.

    Returns
    -------
    (H, W) float32 ndarray

    Raises
    ------
    ImageError
        The file is missing, is no array of numbers, holds NaN or has another shape.
    """
    try:
        white = pictures.white_of_map(path)
        values = np.load(path, allow_pickle=False) if white is None else white * pictures.read(path).pixels
    except Exception as error:  # NumPy has many for a damaged file
        kind = type(error).__name__
        msg = f"Cannot read the map {path} ({kind}): expected the .npy file of `defocus map`, or its picture."
        raise pictures.ImageError(msg) from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or values.shape != tuple(shape):
        found = getattr(values, "shape", "several arrays"), getattr(values, "dtype", "")
        msg = f"The map {path} does not fit: expected numbers of shape {tuple(shape)}, as the photo, got {found}."
        raise pictures.ImageError(msg)
    if not np.isfinite(values).all():
        msg = f"The map {path} holds NaN or infinity: estimate it again."
        raise pictures.ImageError(msg)
    return values.astype(np.float32)


def read_sigma(path, shape, scale=None):
    """Read a map of sigma in pixels, and refuse one that looks like a map of another scale.

    Parameters
    ----------
    path : path
        Of a ``.npy`` file or a picture that `write_maps` wrote; with a scale, of any picture.
    shape : (int, int)
        H and W of the photo.
    scale : float, optional
        Sigma, in pixels, of the value 1 or of white: for maps from elsewhere. 1 says that it is sigma.

    Returns
    -------
    (H, W) float32 ndarray, sigma in pixels

    Raises
    ------
    ImageError
        As `read_map`, and where the values are from 0 to 1, or are no sigma that a photo could have.
    """
    path = Path(path)
    if path.suffix.lower() in pictures.SUFFIXES and path.is_file() and pictures.white_of_map(path) is None:
        if scale is None:
            msg = f"The picture {path} does not say its scale: say the sigma of white, in pixels, with --map-scale."
            raise pictures.ImageError(msg)
        values = images.to_gray(pictures.read(path).pixels)
        if values.shape != tuple(shape):
            msg = f"The map {path} does not fit: expected shape {tuple(shape)}, as the photo, got {values.shape}."
            raise pictures.ImageError(msg)
    else:
        values = read_map(path, shape)
    low, high = float(values.min()), float(values.max())
    if scale is None and not is_own_array(path) and pictures.white_of_map(path) is None and 0 < high <= 1:
        msg = (
            f"The map {path} goes from {low:g} to {high:g}, as one of the scale 0 to 1 does: expected sigma in pixels."
        )
        msg_0 = f"{msg} Say the sigma of 1 with --map-scale; --map-scale 1 if it is sigma."
        raise pictures.ImageError(msg_0)
    values = values * np.float32(1 if scale is None else scale)
    low, high = float(values.min()), float(values.max())
    if low < -_OVERSHOOT or (scale is None and high > _LARGEST):
        msg = f"The map {path} goes from {low:g} to {high:g}: expected sigma in pixels, 0 to {_LARGEST}."
        raise pictures.ImageError(msg if scale else f"{msg} Say the sigma of its value 1 with --map-scale.")
    return values


def write_maps(maps):
    """Write each map as a float32 ``.npy`` and as a 16 bit picture beside it, all of them or none.

    Parameters
    ----------
    maps : dict of Path to (H, W) float32 ndarray
        Sigma in pixels, by the file of its picture, ``.png`` or ``.tif``, which holds 0 to 19.
    """
    peak = patches.LEVELS - 1
    with contextlib.ExitStack() as stack:
        for target, sigma in maps.items():
            save_array(stack.enter_context(storage.whole(array_of(target))), sigma.astype(np.float32))
            picture = stack.enter_context(storage.whole(target))
            pictures.write(picture, np.clip(sigma / peak, 0, 1), bits=16, description=f"{pictures.MAP}{peak}")


def array_of(target):
    """The array that `write_maps` writes beside a picture."""
    return target.with_name(target.stem + ".npy")


def is_own_array(path):
    """Whether an array is what `write_maps` wrote, and nobody changed it since: the picture beside it shows it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    for suffix in (".png", ".tif", ".tiff"):
        picture = path.with_suffix(suffix)
        if path.suffix == ".npy" and picture.is_file() and pictures.is_own(picture):
            try:
                shown = pictures.white_of_map(picture) * pictures.read(picture).pixels
                sigma = read_map(path, shown.shape)
            except (TypeError, pictures.ImageError):
                continue
            if np.abs(np.clip(sigma, 0, patches.LEVELS - 1) - shown).max() < 1e-3:
                return True
    return False


def save_array(file, array):
    """Save an array as ``.npy``."""
    with open(file, "w+b") as opened:  # "wb" would let NumPy write by itself, whose errors say less
        np.save(opened, array)
