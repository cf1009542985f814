"""Reading picture files.

A decoder gets the pixels alone, so that no odd metadata can cost them: `containers` and `directories` take the file
apart. Pillow decodes 8 bit, OpenCV PNG of 16 bit and `tiff` TIFF of 16 bit; both are trusted where their upper 8 bit
are Pillow's.
"""

import io
import math
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from lib.cli.pictures import containers, directories, exif, marks, tiff
from lib.cli.pictures.picture import MAX_PIXELS, Picture
from lib.cli.silence import silence
from lib.images import ImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm")
"""Endings of the files that count as photos in a folder."""

_READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM")
RAW_SUFFIXES = (
    ".dng",
    ".cr2",
    ".cr3",
    ".nef",
    ".nrw",
    ".arw",
    ".raf",
    ".orf",
    ".rw2",
    ".pef",
    ".srw",
    ".3fr",
    ".iiq",
    ".x3f",
)
_RAW_MARKS = re.compile(rb"FUJIFILMCCD-RAW|....ftypcrx |II\*\0....CR|IIRO|IIRS|MMOR|IIU\0|FOVb|\0MRM", re.DOTALL)
"""What raw files begin with whose directories do not say so."""
_MARKS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II": "TIFF",
    b"MM": "TIFF",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"P": "PPM",
}
_ROWS, _TOLERANCE = 256, 2.5 / 255
"""Rows that are compared at a time, and how far 8 bits may be from 16."""
_CREDENTIALS = "content credentials (they are for the photo before the edit)"
_GAIN_MAP = (b"hdrgm:", b"HDRGainMap", b"urn:iso:std:iso:ts:21496")

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it writes to the terminal about damaged files


@dataclass
class _Stored:
    """Samples as they are stored, (H, W[, C]) of integers, and all that goes with them."""

    samples: np.ndarray
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    orientation: int | None = None
    chunks: tuple = ()
    lossless: bool = False
    unread: tuple = ()
    left_out: tuple = ()


def read(path):
    """Read a PNG, JPEG, TIFF, WebP, BMP or PPM picture of 8 or 16 bit.

    The EXIF turn is applied. Gray stays gray and alpha is split off, colors that were multiplied by it are divided
    again; palettes and 1 bit become 8 bit RGB or gray; CMYK and Lab become sRGB, by their profile. Of a TIFF file the
    page is read that is the photo, not a thumbnail; of a file with many pictures the first.

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
            return _picture(_stored(data, path))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(_unidentified(data, path)) from error
    except Image.DecompressionBombError as error:
        msg = f"Cannot read {path}: it has more than {MAX_PIXELS // 10**6} million pixels; scale it down first."
        raise ImageError(msg) from error
    except MemoryError as error:
        msg = f"Cannot read {path}: it needs more memory than there is; scale it down first."
        raise ImageError(msg) from error
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


def _unidentified(data, path):
    """What is said of a file that is none of the pictures that can be read."""
    if Path(path).suffix.lower() in RAW_SUFFIXES:
        return str(tiff.raw_error(path))
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return f"Cannot read {path}: it is a kind of {name} that is not supported, or damaged; convert it to PNG."
    return f"Cannot read {path}: it is no PNG, JPEG, TIFF, WebP, BMP or PPM picture; convert it to one of these."


def _stored(data, path):
    """Take a file apart and decode its samples."""
    if _RAW_MARKS.match(data):
        raise tiff.raw_error(path)
    if data.startswith(containers.PNG):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if directories.is_block(data):
        with silence():  # libtiff tells the terminal of what is damaged
            return _tiff(data, path)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if deep := _pnm(data):
        return deep
    return _Stored(_by_pillow(data)[0])


def _picture(stored):
    """Turn stored samples upright and divide them by their peak."""
    block, left_out = exif.bare(stored.exif), list(stored.left_out)
    if stored.exif and block is None:
        left_out.append("EXIF (damaged)")
    orientation = stored.orientation or exif.orientation(block, stored.xmp)
    samples = _turn(stored.samples, orientation)
    height, width = samples.shape[:2]
    if block:
        try:
            block, stale = exif.upright(block, width, height, orientation != 1)
        except (ValueError, struct.error):
            block, stale = None, ("EXIF (damaged)",)
        left_out += stale
    values = np.divide(samples, np.float32(np.iinfo(samples.dtype).max), dtype=np.float32)
    pixels, alpha = _split_alpha(values)
    return Picture(
        pixels,
        alpha,
        8 * samples.itemsize,
        block,
        stored.icc,
        exif.upright_xmp(stored.xmp, width, height) if stored.xmp else None,
        stored.iptc,
        stored.chunks,
        stored.lossless,
        stored.unread,
        tuple(left_out),
    )


def _turn(samples, orientation):
    """Apply an EXIF orientation, 1 to 8, to an array (H, W[, C])."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def _split_alpha(values):
    """Split (H, W[, 1 to 4]) into pixels and alpha; two and four channels have one."""
    if values.ndim == 2:
        return np.ascontiguousarray(values), None
    if values.shape[2] in (1, 3):
        return np.ascontiguousarray(values.squeeze(2) if values.shape[2] == 1 else values), None
    color = values[..., 0] if values.shape[2] == 2 else values[..., :3]
    return np.ascontiguousarray(color), np.ascontiguousarray(values[..., -1])


# Formats


def _png(data):
    chunks = containers.png_chunks(data)
    header = next((body for kind, body in chunks if kind == b"IHDR" and len(body) == 13), bytes(13))
    depth, color = header[8], header[9]
    key = next((body for kind, body in chunks if kind == b"tRNS"), None) if color in (0, 2) else None
    bare = containers.png(
        [(kind, body) for kind, body in chunks if kind in (*containers.CRITICAL, b"") and not (key and kind == b"tRNS")]
    )
    samples, _ = _by_pillow(bare)
    if depth == 16:
        samples = samples[..., [0, 3]] if color == 4 else samples  # Pillow makes RGB of gray with alpha
        samples = _checked(_by_opencv(bare, color), samples)
    if key:
        samples = _with_key(samples, key, depth)
    found = _Stored(samples)
    for kind, body in chunks:
        if kind == b"eXIf":
            found.exif = body
        elif kind == b"iCCP":
            found.icc = containers.unfold(body.partition(b"\0")[2][1:])
            found.left_out += ("color profile (damaged)",) if found.icc is None else ()
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _add_text(found, kind, body)
        elif kind in (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs"):
            found.chunks += ((kind, body),)
        elif kind == b"caBX":
            found.left_out += (_CREDENTIALS,)
        elif kind == b"acTL" and (frames := int.from_bytes(body[:4], "big")) > 1:
            found.unread += (_count(frames - 1, "frame"),)
    return found


def _add_text(found, kind, body):
    """Keep the text of a PNG file, or what it stands for."""
    keyword, text = containers.png_text(kind, body)
    if keyword == b"XML:com.adobe.xmp":
        found.xmp = text
        found.left_out += ("XMP (damaged)",) if text is None else ()
    elif keyword.startswith(b"Raw profile type "):
        raw = containers.raw_profile(text or b"")
        if raw and raw.startswith(b"8BIM"):
            found.iptc = containers.iptc(raw)
        elif exif.bare(raw):
            found.exif = found.exif or raw
        else:
            found.left_out += (keyword[17:].decode("latin-1") + " (damaged or unknown)",)
    elif not (text or b"").startswith(marks.OWN):
        found.chunks += ((kind, body),)


def _jpeg(data):
    segments, rest = containers.jpeg_segments(data)
    bare = containers.jpeg([part for part in segments if part[0] in (0xE0, 0xEE) or part[0] < 0xE0], rest)
    samples, icc = _by_pillow(bare, containers.icc_profile(segments))
    found = _Stored(samples, icc=icc)
    found.exif = containers.joined(segments, 0xE1, containers.EXIF)
    found.xmp = containers.joined(segments, 0xE1, containers.XMP)
    found.iptc = containers.iptc(containers.joined(segments, 0xED, containers.PHOTOSHOP))
    density = next((body for marker, body in segments if marker == 0xE0 and body.startswith(b"JFIF\0")), b"")[7:12]
    if len(density) == 5 and density[0] in (1, 2):
        per_meter = [
            round(each * (100 if density[0] == 2 else 1 / 0.0254)) for each in struct.unpack(">HH", density[1:])
        ]
        found.chunks += ((b"pHYs", struct.pack(">IIB", *per_meter, 1)),)
    comments = [body for marker, body in segments if marker == 0xFE and not body.startswith(marks.OWN)]
    found.chunks += tuple((b"tEXt", b"Comment\0" + body) for body in comments)
    if containers.joined(segments, 0xE1, b"http://ns.adobe.com/xmp/extension/\0"):
        found.left_out += ("extended XMP",)
    if any(marker == 0xEB and b"jumb" in body for marker, body in segments):
        found.left_out += (_CREDENTIALS,)
    further = _further_pictures(containers.joined(segments, 0xE2, b"MPF\0"))
    if any(mark in body for marker, body in segments if marker in (0xE1, 0xE2) for mark in _GAIN_MAP):
        found.unread += ("gain map (HDR)",)
        further -= 1
        if found.xmp and b"hdrgm:" in found.xmp:  # it says where in the file the gain map is
            found.xmp, found.left_out = None, (*found.left_out, "XMP (it describes the gain map)")
    if further > 0:
        found.unread += (_count(further, "picture"),)
    return found


def _further_pictures(index):
    """How many more a multi-picture JPEG file holds."""
    try:
        return directories.read(index or b"").integer(0xB001, 1) - 1
    except ValueError:
        return 0


def _webp(data):
    chunks = containers.webp_chunks(data)
    samples, _ = _by_pillow(data)
    kinds = [kind for kind, _ in chunks]
    first = dict(reversed(chunks))
    found = _Stored(samples, first.get(b"EXIF"), first.get(b"ICCP"), first.get(b"XMP "))
    found.lossless = b"VP8L" in kinds
    if (frames := kinds.count(b"ANMF")) > 1:
        found.unread += (_count(frames - 1, "frame"),)
    return found


def _tiff(data, path):
    page, first, further = tiff.photo_page(data, path)
    bare = tiff.bare(data, page)
    block, icc, xmp, iptc, orientation = tiff.metadata(first, page)
    deep = tiff.is_16_bit(page)
    try:
        if tiff.is_planar(page) or not tiff.is_unsigned(page):
            raise UnidentifiedImageError
        samples, icc = _by_pillow(bare, icc)
        if samples.dtype == np.uint16 and page.integer(tiff.PHOTOMETRIC, 1) == 0:  # white, which Pillow leaves so
            samples = ~samples
        if deep:
            samples = _checked(tiff.samples(data, page, path), samples)
    except UnidentifiedImageError:  # Pillow does not know this layout
        samples = tiff.samples(data, page, path)
    if samples.dtype == np.uint16 and not deep:  # 12 bit
        samples = np.rint(samples * (65535 / 4095)).astype(np.uint16)
    unread = (_count(further, "page"),) if further else ()
    if tiff.LAYERS in page.entries:
        unread += ("layers",)
    if tiff.is_cut(page):
        unread += ("the lower 8 of its 16 bits",)
    return _Stored(samples, block, icc, xmp, iptc, orientation, unread=unread)


def _pnm(data):
    """PGM and PPM of 16 bit, which Pillow cuts to 8; None for others."""
    gap = rb"(?:\s|#[^\r\n]*[\r\n])+"
    head = re.match(rb"P([2356])" + (gap + rb"(\d{1,9})") * 3 + rb"\s", data)
    if not head or not 255 < int(head[4]) < 65536:
        return None
    width, height, peak = (int(head[part]) for part in (2, 3, 4))
    shape = (height, width, 3) if head[1] in b"36" else (height, width)
    if width * height > MAX_PIXELS:
        raise Image.DecompressionBombError
    count, rest = math.prod(shape), data[head.end() :]
    if head[1] in b"56":
        values, left = np.frombuffer(rest[: 2 * count], ">u2"), len(rest) - 2 * count
    else:
        values, left = np.array(rest.split()[:count], np.uint32), 0
    if not count or values.size < count or values.max() > peak:
        msg = "samples are missing or beyond its peak"
        raise ValueError(msg)
    samples = np.rint(values * (65535 / peak)).astype(np.uint16).reshape(shape)
    return _Stored(samples, unread=("further pictures",) if left >= 2 * count else ())


def _count(number, what):
    return f"{number} further {what}{'s' if number > 1 else ''}"


# Decoders


def _by_pillow(data, icc=None):
    """The samples of a picture in the 8 bit that Pillow makes of it, or in 16 bit if it is gray; and their profile."""
    with Image.open(io.BytesIO(data), formats=_READABLE) as source:
        if source.width * source.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        source.load()
        if source.mode in ("I", "F"):
            raise UnidentifiedImageError
        if source.mode in ("CMYK", "LAB"):
            return np.asarray(_to_srgb(source, icc)), None
        if source.mode.startswith("I;16"):
            return np.asarray(source).astype(np.uint16), icc
        base = "L" if source.mode in ("1", "L", "LA", "La") else "RGB"
        mode = ("LA" if base == "L" else "RGBA") if source.has_transparency_data else base
        return np.asarray(source if source.mode == mode else source.convert(mode)), icc


def _to_srgb(source, icc):
    """Colors for print, or independent of any device, as sRGB: by their profile, roughly where they have none."""
    try:
        own = (
            ImageCms.createProfile("LAB") if source.mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))
        )
        return ImageCms.profileToProfile(source, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return source.convert("RGB")


def _by_opencv(data, color):
    """The samples of a 16 bit PNG file of that color type."""
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        msg = "its 16 bit samples cannot be decoded"
        raise ValueError(msg)
    if samples.ndim == 2:
        return samples
    return samples[..., {0: 0, 2: [2, 1, 0], 4: [0, 3], 6: [2, 1, 0, 3]}[color]]


def _checked(samples, seen):
    """Samples of 16 bit, if their upper 8 bits are what Pillow has seen; where they are transparent, little counts."""
    ours, theirs = (each if each.ndim == 3 else each[..., None] for each in (samples, seen))
    same = ours.shape == theirs.shape
    for row in range(0, len(ours) if same else 0, _ROWS):
        pair = [np.float32(each[row : row + _ROWS]) / np.iinfo(each.dtype).max for each in (ours, theirs)]
        if ours.shape[2] in (2, 4):
            pair = [np.dstack([each[..., :-1] * each[..., -1:], each[..., -1]]) for each in pair]
        same = same and np.abs(pair[0] - pair[1]).max() < _TOLERANCE
    if not same:
        msg = "two decoders see different pixels in it"
        raise ValueError(msg)
    return samples


def _with_key(samples, key, depth):
    """Add the alpha of a PNG file in which one color, of `depth` bits, is transparent."""
    peak = np.iinfo(samples.dtype).max
    colors = np.atleast_3d(samples)
    wanted = np.frombuffer(key[: 2 * colors.shape[2]], ">u2") * (peak // (2**depth - 1))
    alpha = np.where((colors == wanted).all(axis=2), 0, peak).astype(samples.dtype)
    return np.dstack([colors, alpha])
