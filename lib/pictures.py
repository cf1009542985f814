"""Picture files: reading and writing.

In memory a picture is a ``(H, W[, 3]) float32`` array in [0, 1]; the file's bits, transparency,
EXIF and color profile travel with it in a `Picture`. A file that cannot be read or written raises
an `ImageError` of one line that names the file and the way out, and leaves nothing half written.
"""

import io
import os
import struct
import warnings
import zlib
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from lib import images, storage
from lib.region_fill import region_fill

MAX_PIXELS = 400_000_000
"""Largest picture that `read` accepts (a decompression bomb would ask for more)."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".pgm")
"""Endings of the files that count as photos in a folder."""
WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
"""Format that `write` writes, by ending."""
_READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM")
_ROWS_PER_STRIP = 64
# EXIF that still holds for the picture in memory: how it was taken and by whom. Not carried are the
# thumbnail and, from TIFF files, where EXIF and layout share one directory, the layout of the old pixels.
_EXIF_TAGS = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Orientation,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)
_EXIF_FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


Image.MAX_IMAGE_PIXELS = MAX_PIXELS


class ImageError(ValueError):
    """A picture file that cannot be read or written; the message is one line."""


@dataclass
class Picture:
    """A picture and what its file says about it.

    Attributes
    ----------
    pixels : (H, W[, 3]) float32 ndarray
        In [0, 1], upright (the EXIF turn is applied).
    alpha : (H, W) float32 ndarray, optional
        Opacity in [0, 1]; None for a picture without transparency.
    bits : {8, 16}
        Bits per sample in the file.
    exif : bytes, optional
        The EXIF block, its orientation reset to "upright".
    icc_profile : bytes, optional
        The color profile. It is carried, not applied.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    exif: bytes | None = None
    icc_profile: bytes | None = None


def read(path):
    """Read a PNG, JPEG, TIFF, WebP, BMP or PPM picture of 8 or 16 bit.

    The EXIF turn is applied. Gray stays gray and alpha is split off; palettes, CMYK and 1 bit become
    8 bit RGB or gray. Of a file with many pictures the first is read.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Picture

    Raises
    ------
    ImageError
        If there is no whole picture of these kinds, or one of more than `MAX_PIXELS`.
    """
    data = _read_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata and large pictures; what matters is checked here
            with Image.open(io.BytesIO(data), formats=_READABLE) as source:
                return _decode(source, data, path)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        msg = f"Cannot read {path}: it is no PNG, JPEG, TIFF, WebP, BMP or PPM picture; convert it to one of these."
        raise ImageError(msg) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # what decoders raise on damaged bytes has no common type
        reason = " ".join(str(error).split())
        msg = f"Cannot read {path}: it is damaged or cut off ({reason}); get the file again."
        raise ImageError(msg) from error


def _read_bytes(path):
    """The bytes of a file that is there and not empty."""
    path = Path(path)
    if path.is_dir():
        msg = f"Cannot read {path}: it is a folder; name a picture file."
        raise ImageError(msg)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        msg = f"Cannot read {path}: there is no such file; check its name and folder."
        raise ImageError(msg) from error
    except OSError as error:
        msg = f"Cannot read {path}: {error.strerror}; check that you may read it."
        raise ImageError(msg) from error
    if not data:
        msg = f"Cannot read {path}: the file is empty (0 bytes); get it again."
        raise ImageError(msg)
    return data


def _too_large(path):
    msg = f"Cannot read {path}: it has more than {MAX_PIXELS // 10**6} million pixels; scale it down first."
    return ImageError(msg)


def _decode(source, data, path):
    """Turn an opened Pillow image, and the bytes it is from, into a `Picture`."""
    if source.width * source.height > MAX_PIXELS:
        raise _too_large(path)
    exif, orientation = _carried_exif(source)
    # Always decoded by Pillow first: it refuses a file that is cut off, where OpenCV makes up the rest.
    deep = _is_16_bit(source, data)
    source.load()
    if deep:
        samples = _turn(_decode_16_bit(source, data), orientation)
    elif source.mode in ("I", "F") or source.mode.startswith("I;16"):
        msg = f"Cannot read {path}: its samples are no 8 or 16 bit unsigned integers; save it as 8 or 16 bit."
        raise ImageError(msg)
    else:
        samples = np.asarray(_simplify(ImageOps.exif_transpose(source)))
    bits = 16 if deep else 8
    values = np.divide(samples, np.float32(images._PEAK[bits]), dtype=np.float32)
    pixels, alpha = _split_alpha(values)
    return Picture(pixels, alpha, bits, exif, source.info.get("icc_profile"))


def _simplify(source):
    """Convert any 8 bit Pillow image to gray or RGB, with alpha where there is transparency."""
    base = "L" if source.mode in ("1", "L", "LA", "La") else "RGB"
    mode = ("LA" if base == "L" else "RGBA") if source.has_transparency_data else base
    return source if source.mode == mode else source.convert(mode)


def _split_alpha(values):
    """Split (H, W[, 1 to 4]) into pixels and alpha; two and four channels have one."""
    if values.ndim == 2:
        return values, None
    alpha = np.ascontiguousarray(values[..., -1])
    if values.shape[2] == 2:
        return np.ascontiguousarray(values[..., 0]), alpha
    if values.shape[2] == 4:
        return np.ascontiguousarray(values[..., :3]), alpha
    return values, None


def _is_16_bit(source, data):
    """Whether the file holds 16 bit that Pillow would cut to 8, or keeps as a mode of its own."""
    if source.mode not in ("RGB", "RGBA", "RGBX", "I;16", "I;16B"):
        return False
    if source.format == "PNG":
        return data[24] == 16  # the bit depth in the PNG header
    if source.format == "TIFF":
        tags = source.tag_v2
        unsigned = set(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))) == {1}
        return unsigned and set(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) == {16}
    return False


def _decode_16_bit(source, data):
    """Decode 16 bit samples as stored, not turned, in the channels that the Pillow image has."""
    if source.format == "TIFF":
        data = _without_orientation(data)
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        msg = "its 16 bit samples cannot be decoded"
        raise ValueError(msg)
    if samples.ndim == 2:
        inverted = source.format == "TIFF" and source.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
        return images._PEAK[16] - samples if inverted else samples
    if source.format == "PNG" and data[25] == 4:  # gray with alpha, which both decode to four channels
        return samples[..., [0, 3]]
    return samples[..., [2, 1, 0, 3] if source.mode == "RGBA" else [2, 1, 0]]


def _without_orientation(data):
    """A TIFF file's bytes with the orientation reset: OpenCV turns some orientations and fails at others."""
    buffer = io.BytesIO(data)
    with tifffile.TiffFile(buffer) as file:
        tag = file.pages[0].tags.get(ExifTags.Base.Orientation)
        if tag is not None:
            tag.overwrite(1)
    return buffer.getvalue()


def _turn(samples, orientation):
    """Apply an EXIF orientation, 1 to 8, to an array (H, W[, C])."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def _carried_exif(source):
    """The EXIF to carry along, orientation reset, and the orientation as it was."""
    found, kept = source.getexif(), Image.Exif()
    orientation = found.get(ExifTags.Base.Orientation, 1)
    for tag in _EXIF_TAGS:
        if tag in found:
            kept[tag] = found[tag]
    for folder in _EXIF_FOLDERS:
        if values := found.get_ifd(folder):
            kept[folder] = dict(values)
    if ExifTags.Base.Orientation in kept:
        kept[ExifTags.Base.Orientation] = 1
    return (kept.tobytes() if kept else None), orientation


def write(path, image, bits=None, description=None):
    """Write a picture as PNG, JPEG, TIFF or WebP, by the file's suffix; whole or not at all.

    Parameters
    ----------
    path : str or path-like
        An existing file is replaced.
    image : (H, W[, 3]) array_like of float in [0, 1], or Picture
        A `Picture` is written with its alpha, EXIF and color profile.
    bits : {8, 16}, optional
        By default those of the `Picture`, as far as the format holds them (JPEG and WebP: 8), and 8
        for an array.
    description : str, optional
        Text that goes with the picture: PNG text "Description", else ImageDescription.

    Raises
    ------
    ImageError
        If the format cannot hold the picture, or the file cannot be written.
    ValueError
        If `image` is no picture.
    """
    path = Path(path)
    file_format = WRITABLE.get(path.suffix.lower())
    if file_format is None:
        msg = f"Cannot write {path}: unknown suffix {path.suffix!r}; use .png, .tif, .jpg or .webp."
        raise ImageError(msg)
    picture = image if isinstance(image, Picture) else Picture(image)
    deepest = 16 if file_format in ("PNG", "TIFF") else 8
    bits = min(picture.bits, deepest) if bits is None else bits
    if bits not in images._PEAK:
        msg = f"Expected 8 or 16 bits, got {bits}."
        raise ValueError(msg)
    if bits > deepest:
        msg = f"Cannot write {path}: {file_format} holds 8 bit, not 16; use .png or .tif."
        raise ImageError(msg)
    samples = _join_alpha(picture, bits)
    if file_format == "JPEG" and samples.shape[2] in (2, 4):
        if samples[..., -1].min() < images._PEAK[bits]:
            msg = f"Cannot write {path}: JPEG holds no transparency; use .png, .tif or .webp."
            raise ImageError(msg)
        samples = samples[..., :-1]
    try:
        data = _encode(samples, file_format, picture, description)
    except (OSError, ValueError, struct.error) as error:
        msg = f"Cannot write {path}: {' '.join(str(error).split())}; use .png."
        raise ImageError(msg) from error
    write_bytes(path, data)


def write_bytes(path, data):
    """Write a file whole or not at all, through a temporary file beside it.

    Parameters
    ----------
    path : str or path-like
    data : bytes

    Raises
    ------
    ImageError
        If the folder is missing or cannot be written to.
    """
    path = Path(path)
    try:
        os.stat(os.path.join(path.parent, ""))  # has to be a folder: `paths.whole` would make it
        with storage.whole(path) as file:
            file.write_bytes(data)
    except OSError as error:
        msg = f"Cannot write {path}: {error.strerror}; name a file in a folder that exists and that you may write to."
        raise ImageError(msg) from error


def _join_alpha(picture, bits):
    """The picture's samples, (H, W, 1 to 4), alpha last."""
    samples = np.atleast_3d(images._quantize(images.check_image(picture.pixels), bits))
    if picture.alpha is None:
        return samples
    alpha = images.check_image(picture.alpha, "alpha")
    if alpha.shape != samples.shape[:2]:
        msg = f"Expected alpha of shape {samples.shape[:2]}, got {alpha.shape}."
        raise ValueError(msg)
    return np.dstack([samples, images._quantize(alpha, bits)])


def _encode(samples, file_format, picture, description):
    """The bytes of a picture file."""
    exif, info = Image.Exif(), PngImagePlugin.PngInfo()
    if picture.exif:
        exif.load(picture.exif)
        exif[ExifTags.Base.Orientation] = 1  # pixels are upright
    if description and file_format == "PNG":
        info.add_text("Description", description)
    elif description:
        exif[ExifTags.Base.ImageDescription] = description
    # A profile for RGB makes no sense of a gray picture, nor one for CMYK of RGB.
    space = b"GRAY" if samples.shape[2] < 3 else b"RGB "
    icc = picture.icc_profile if picture.icc_profile and picture.icc_profile[16:20] == space else None
    if file_format == "TIFF":
        return _encode_tiff(samples, exif, icc)
    if samples.dtype == np.uint16:
        return _encode_png_16_bit(samples, exif, icc, info)
    buffer = io.BytesIO()
    options = {"quality": 95}
    if file_format == "PNG":
        options = {"pnginfo": info}
    elif file_format == "JPEG":
        options["subsampling"] = 0
    pillow = Image.fromarray(samples.squeeze(axis=2) if samples.shape[2] == 1 else samples)
    pillow.save(buffer, file_format, exif=exif.tobytes() if exif else b"", icc_profile=icc, **options)
    return buffer.getvalue()


def _encode_png_16_bit(samples, exif, icc, info):
    """PNG of 16 bit in any number of channels, with metadata; Pillow writes only 8 bit color, OpenCV no metadata."""
    height, width, channels = samples.shape
    rows = np.ascontiguousarray(samples, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.full((height, rows.shape[1] + 1), 2, np.uint8)  # each row starts with its filter, 2 is "up"
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0))]
    if icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if exif:
        chunks.append((b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    chunks += [chunk[:2] for chunk in info.chunks]
    chunks += [(b"IDAT", zlib.compress(filtered)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _encode_tiff(samples, exif, icc):
    """TIFF of 8 or 16 bit in strips packed by Deflate, with metadata; Pillow writes only 8 bit color."""
    if samples.shape[2] == 2:  # few programs read gray with alpha
        samples = samples[..., [0, 0, 0, 1]]
    height, width, channels = samples.shape
    strips = [
        zlib.compress(samples[row : row + _ROWS_PER_STRIP].astype(samples.dtype.newbyteorder("<")).tobytes())
        for row in range(0, height, _ROWS_PER_STRIP)
    ]
    folder = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    for tag in exif:
        folder[tag] = exif.get_ifd(tag) if tag in _EXIF_FOLDERS else exif[tag]
    folder[TiffImagePlugin.IMAGEWIDTH] = width
    folder[TiffImagePlugin.IMAGELENGTH] = height
    folder[TiffImagePlugin.BITSPERSAMPLE] = (8 * samples.itemsize,) * channels
    folder[TiffImagePlugin.COMPRESSION] = 8  # Deflate
    folder[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 1 if channels == 1 else 2  # gray, RGB
    folder[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    folder[TiffImagePlugin.PLANAR_CONFIGURATION] = 1
    folder[TiffImagePlugin.ROWSPERSTRIP] = _ROWS_PER_STRIP
    folder[TiffImagePlugin.STRIPBYTECOUNTS] = tuple(map(len, strips))
    folder[TiffImagePlugin.STRIPOFFSETS] = (0, *accumulate(map(len, strips[:-1])))  # counted from the folder's end
    if channels == 4:
        folder[TiffImagePlugin.EXTRASAMPLES] = 2  # alpha, colors not multiplied by it
    if icc:
        folder[TiffImagePlugin.ICCPROFILE] = icc
    buffer = io.BytesIO()
    folder.save(buffer)
    buffer.writelines(strips)
    return buffer.getvalue()


def edited(picture, edit):
    """A picture after an edit that respects its transparency.

    What is hidden under transparent pixels neither spreads into the visible ones nor changes: the edit
    sees a continuation of the visible ones there.

    Parameters
    ----------
    picture : images.Picture
    edit : callable
        ``edit(pixels)`` returns the new pixels, of the same shape.

    Returns
    -------
    images.Picture
        With the bits, alpha, EXIF and color profile of the old one.
    """
    if picture.alpha is None:
        return replace(picture, pixels=edit(picture.pixels))
    hidden = picture.alpha == 0
    new = edit(np.clip(region_fill(picture.pixels, hidden), 0, 1))
    kept = hidden if new.ndim == 2 else hidden[..., None]
    return replace(picture, pixels=np.where(kept, picture.pixels, new))
