"""A picture in memory, and what travels with it."""

from dataclasses import dataclass, replace

import numpy as np

from lib.region_fill import region_fill

MAX_PIXELS = 400_000_000
"""Largest picture that is read (a decompression bomb would ask for more)."""


@dataclass
class Picture:
    """A picture and what its file says about it. Metadata are the bytes that the file had.

    Attributes
    ----------
    pixels : (H, W[, 3]) float32 ndarray
        In [0, 1], upright (the EXIF turn is applied).
    alpha : (H, W) float32 ndarray, optional
        Opacity in [0, 1]; None for a picture without transparency.
    bits : {8, 16}
        Bits per sample in the file.
    exif : bytes, optional
        The EXIF block: its orientation is "upright", its sizes are those of `pixels`, it has no thumbnail.
    icc_profile : bytes, optional
        The color profile. It is carried, not applied.
    xmp, iptc : bytes, optional
        The XMP packet and the IPTC records.
    chunks : tuple of (bytes, bytes)
        Kind and body of what only PNG files hold: gamma, primaries, texts.
    lossless : bool
        Whether a WebP file was written without loss.
    unread : tuple of str
        What the file shows beside these pixels: further pages, a gain map.
    left_out : tuple of str
        Metadata that no longer hold or that are damaged.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    chunks: tuple = ()
    lossless: bool = False
    unread: tuple = ()
    left_out: tuple = ()


def edited(picture, edit):
    """A picture after an edit that respects its transparency.

    What is hidden under transparent pixels neither spreads into the visible ones nor changes: the edit
    sees a continuation of the visible ones there.

    Parameters
    ----------
    picture : Picture
    edit : callable
        ``edit(pixels)`` returns the new pixels, of the same shape.

    Returns
    -------
    Picture
        With the bits, alpha and metadata of the old one.
    """
    new = edit(continued(picture))
    if picture.alpha is None:
        return replace(picture, pixels=new)
    hidden = picture.alpha == 0
    kept = hidden if new.ndim == 2 else hidden[..., None]
    return replace(picture, pixels=np.where(kept, picture.pixels, new))


def continued(picture):
    """The pixels of a picture, with a continuation of the visible ones where it is transparent.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    (H, W[, 3]) float32 ndarray
    """
    if picture.alpha is None:
        return picture.pixels
    return np.clip(region_fill(picture.pixels, picture.alpha == 0), 0, 1)
