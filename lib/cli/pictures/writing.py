"""Writing picture files: Pillow encodes 8 bit samples, and metadata are put beside them as bytes."""

import io
import os
import struct
import zlib
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image

from lib import storage
from lib.cli.pictures import containers, directories, exif, marks, tiff
from lib.cli.pictures.picture import Picture
from lib.images import ImageError, check_image

WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
"""Format that `write` writes, by ending."""

_PEAK = {8: 255, 16: 65535}
_ROWS_PER_STRIP = 64
_COLOR_CHUNKS = (b"gAMA", b"cHRM", b"cICP", b"mDCV", b"cLLI")


def write(path, image, bits=None, description=None):
    """Write a picture as PNG, JPEG, TIFF or WebP, by the file's suffix; whole or not at all.

    Parameters
    ----------
    path : str or path-like
        An existing file is replaced; of a link, the file that it leads to.
    image : (H, W[, 3]) array_like of float in [0, 1], or Picture
        A `Picture` is written with its alpha and metadata.
    bits : {8, 16}, optional
        By default those of the `Picture`, as far as the format holds them (JPEG and WebP: 8), and 8
        for an array.
    description : str, optional
        Text that goes with the picture: PNG text "Description" or TIFF ImageDescription; other formats take none.

    Returns
    -------
    tuple of str
        What of the picture's metadata the file could not take.

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
    left_out = []
    if bits is None:
        bits = min(picture.bits, deepest)
        if bits < picture.bits:
            left_out.append(f"the lower 8 of its 16 bits ({file_format} holds 8)")
    if bits not in _PEAK:
        msg = f"Expected 8 or 16 bits, got {bits}."
        raise ValueError(msg)
    if bits > deepest:
        msg = f"Cannot write {path}: {file_format} holds 8 bit, not 16; use .png or .tif."
        raise ImageError(msg)
    samples = _join_alpha(picture, bits)
    if file_format == "JPEG" and samples.shape[2] in (2, 4):
        if samples[..., -1].min() < _PEAK[bits]:
            msg = f"Cannot write {path}: JPEG holds no transparency; use .png, .tif or .webp."
            raise ImageError(msg)
        samples = samples[..., :-1]
    if description and file_format not in ("PNG", "TIFF"):
        left_out.append("description")
    encode = {"PNG": _png, "JPEG": _jpeg, "TIFF": _tiff, "WEBP": _webp}[file_format]
    try:
        data = encode(samples, _Metadata(picture, samples, description, left_out))
    except (OSError, ValueError, struct.error) as error:
        msg = f"Cannot write {path}: {' '.join(str(error).split())}; use .png."
        raise ImageError(msg) from error
    write_bytes(path, marks.sign(data))
    return tuple(left_out)


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
        os.stat(os.path.join(path.parent, ""))  # has to be a folder: `storage.whole` would make it
        with storage.whole(path) as file:
            file.write_bytes(data)
    except OSError as error:
        reason = f"{error.strerror}: {path.parent}"
        msg = f"Cannot write {path}: {reason}; name a folder that exists and that you may write to."
        raise ImageError(msg) from error


def _join_alpha(picture, bits):
    """The picture's samples, (H, W, 1 to 4), alpha last."""
    samples = np.atleast_3d(_quantize(check_image(picture.pixels), bits))
    if picture.alpha is None:
        return samples
    alpha = check_image(picture.alpha, "alpha")
    if alpha.shape != samples.shape[:2]:
        msg = f"Expected alpha of shape {samples.shape[:2]}, got {alpha.shape}."
        raise ValueError(msg)
    return np.dstack([samples, _quantize(alpha, bits)])


def _quantize(values, bits):
    """Round [0, 1] to the full range of an unsigned integer of `bits`."""
    return np.rint(np.multiply(values, np.float32(_PEAK[bits]), dtype=np.float32)).astype(f"u{bits // 8}")


class _Metadata:
    """What goes with the samples into a file; what does not fit is noted."""

    def __init__(self, picture, samples, description, left_out):
        self.description, self.left_out = description, left_out
        self.exif, self.xmp, self.iptc = exif.bare(picture.exif), picture.xmp, picture.iptc
        self.chunks, self.lossless = picture.chunks, picture.lossless
        # A profile for RGB makes no sense of a gray picture, nor one for CMYK of RGB.
        space = b"GRAY" if samples.shape[2] < 3 else b"RGB "
        self.icc = picture.icc_profile if (picture.icc_profile or b"")[16:20] == space else None
        if picture.icc_profile and not self.icc:
            left_out.append("color profile (for other colors)")
        if self.exif:
            height, width = samples.shape[:2]
            self.exif, _ = exif.upright(self.exif, width, height, turned=False)

    def leave_out(self, what, value):
        """Note that something does not fit, if it is there."""
        if value:
            self.left_out.append(what)

    def leave_out_chunks(self, kept=()):
        """Note what only PNG holds."""
        kinds = {kind for kind, body in self.chunks if (kind, body) not in kept}
        self.leave_out("gamma or primaries (only PNG holds them)", kinds & set(_COLOR_CHUNKS))
        self.leave_out("texts (only PNG holds them)", kinds & {b"tEXt", b"zTXt", b"iTXt"})

    def pixels_per_meter(self):
        """Of width and height, where the file said so."""
        body = next((body for kind, body in self.chunks if kind == b"pHYs"), b"")
        return struct.unpack(">II", body[:8]) if len(body) == 9 and body[8] == 1 else None


# Formats


def _png(samples, metadata):
    chunks = [(b"tEXt", b"Software\0" + marks.UNSIGNED)]
    if metadata.description:
        chunks.append((b"iTXt", b"Description\0\0\0\0\0" + metadata.description.encode()))
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc:
        chunks.append(
            (
                b"zTXt",
                b"Raw profile type iptc\0\0"
                + zlib.compress(containers.as_raw_profile(b"iptc", containers.photoshop(metadata.iptc))),
            )
        )
    # one sRGB or iCCP, as the specification asks
    chunks += [(kind, body) for kind, body in metadata.chunks if not (kind == b"sRGB" and metadata.icc)]
    header, *pixels = (
        _png_16_bit(samples) if samples.dtype == np.uint16 else containers.png_chunks(_by_pillow(samples, "PNG"))
    )
    return containers.png([header, *chunks, *pixels])


def _png_16_bit(samples):
    """The chunks of a PNG file of 16 bit in any channels; Pillow writes only gray, OpenCV no gray with alpha."""
    height, width, channels = samples.shape
    rows = np.ascontiguousarray(samples, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.full((height, rows.shape[1] + 1), 2, np.uint8)  # each row starts with its filter, 2 is "up"
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    return [(b"IHDR", header), (b"IDAT", zlib.compress(filtered)), (b"IEND", b"")]


def _jpeg(samples, metadata):
    per_meter = metadata.pixels_per_meter()
    options = {"dpi": tuple(round(each * 0.0254) for each in per_meter)} if per_meter else {}
    data = _by_pillow(samples, "JPEG", quality=95, subsampling=0, **options)
    (jfif, *tables), rest = containers.jpeg_segments(data)
    comments = [(kind, body) for kind, body in metadata.chunks if body.startswith(b"Comment\0")]
    block = metadata.exif
    if block and len(containers.EXIF + block) > containers.SEGMENT:
        metadata.left_out.append("maker note (JPEG holds 64 kB of EXIF)")
        block = exif.without_maker_note(block)
    iptc = containers.photoshop(metadata.iptc) if metadata.iptc else None
    parts = {
        "EXIF": (0xE1, containers.EXIF, block),
        "XMP": (0xE1, containers.XMP, metadata.xmp),
        "IPTC": (0xED, containers.PHOTOSHOP, iptc),
        "comment": (0xFE, b"", b"".join(body[8:] for _, body in comments)),
    }
    segments = [jfif, (0xFE, marks.UNSIGNED)]
    for name, (marker, mark, body) in parts.items():
        if body and len(mark + body) > containers.SEGMENT:
            metadata.left_out.append(f"{name} (JPEG holds 64 kB of it)")
        elif body:
            segments.append((marker, mark + body))
    if metadata.icc:
        segments += containers.icc_segments(metadata.icc)
    metadata.leave_out_chunks(comments)
    return containers.jpeg([*segments, *tables], rest)


def _webp(samples, metadata):
    metadata.leave_out("IPTC (WebP does not hold it)", metadata.iptc)
    metadata.leave_out_chunks()
    options = {"exif": metadata.exif or b"", "xmp": metadata.xmp or b"", "icc_profile": metadata.icc}
    if metadata.lossless:
        options |= {"lossless": True, "exact": True}  # colors under transparent pixels too
    data = _by_pillow(samples, "WEBP", quality=95, **options)
    return containers.with_webp_chunk(data, b"note", marks.UNSIGNED)


def _by_pillow(samples, file_format, **options):
    buffer = io.BytesIO()
    pillow = Image.fromarray(samples.squeeze(axis=2) if samples.shape[2] == 1 else samples)
    pillow.save(buffer, file_format, **options)
    return buffer.getvalue()


def _tiff(samples, metadata):
    """TIFF in strips packed by Deflate; Pillow writes only 8 bit color. Its byte order is that of the EXIF block."""
    if samples.shape[2] == 2:  # few programs read gray with alpha
        samples = samples[..., [0, 0, 0, 1]]
    height, width, channels = samples.shape
    old = directories.read(metadata.exif) if metadata.exif else directories.Directory()
    kept = {tag: entry for tag, entry in old.entries.items() if tag in tiff.DESCRIPTIVE and tiff.is_sound(tag, entry)}
    file = directories.Directory(kept, old.folders, old.order)
    stored = samples.astype(samples.dtype.newbyteorder(old.order))
    strips = [zlib.compress(stored[row : row + _ROWS_PER_STRIP].tobytes()) for row in range(0, height, _ROWS_PER_STRIP)]
    values = {tiff.WIDTH: width, tiff.HEIGHT: height, tiff.COMPRESSION: 8, tiff.CHANNELS: channels, tiff.PLANES: 1}
    values |= {tiff.PHOTOMETRIC: 1 if channels == 1 else 2, tiff.ROWS: _ROWS_PER_STRIP, tiff.ORIENTATION: 1}
    if channels == 4:
        values[tiff.EXTRA] = 2  # alpha, colors not multiplied by it
    for tag, value in values.items():
        file.set_integer(tag, value)
    file.set(tiff.BITS, 3, [8 * samples.itemsize] * channels)
    file.set(tiff.COUNTS, 4, map(len, strips))
    file.set(tiff.OFFSETS, 4, [0] * len(strips))
    data = {tiff.ICC: metadata.icc, tiff.XMP: metadata.xmp, tiff.IPTC: metadata.iptc}
    for tag, value in data.items():
        if value:
            file.set(tag, 7, value)
    file.set(tiff.SOFTWARE, 2, marks.UNSIGNED + b"\0")
    if metadata.description:
        file.set(tiff.DESCRIPTION, 2, metadata.description.encode("ascii", "replace") + b"\0")
    metadata.leave_out_chunks()
    begin = len(directories.block(file))  # the strips come behind it
    file.set(tiff.OFFSETS, 4, accumulate(map(len, strips[:-1]), initial=begin + begin % 2))
    return directories.block(file) + bytes(begin % 2) + b"".join(strips)
