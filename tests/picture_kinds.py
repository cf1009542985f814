"""Files of many kinds, made by Pillow, OpenCV, tifffile or by hand, each with the pixels that it stands for."""

import io
import itertools
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import tifffile
from PIL import Image

HEIGHT, WIDTH = 22, 30
PEAK = {8: 255, 16: 65535}
COPYRIGHT = b"\xc2\xa9 2026 J\xc3\xb6rg\0"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="Stra\xc3\x9fe"/></x:xmpmeta>'


@dataclass
class Kind:
    """A file, and what is right: pixels and alpha in [0, 1], upright; how exact the container can be, in levels."""

    name: str
    data: bytes
    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    levels: float = 0.5
    exif: bool = False

    @property
    def suffix(self):
        return "." + self.name.split()[0]


def noise(bits, channels, seed=0):
    """Random samples, (H, W[, C]), neither empty nor full where alpha is divided by."""
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    return np.random.default_rng(seed).integers(0, PEAK[bits] + 1, shape).astype(np.uint8 if bits == 8 else np.uint16)


def smooth(channels=3):
    """8 bit that a lossy format keeps."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / WIDTH
    samples = np.rint(np.dstack([x, y, (x + y) / 2])[..., :channels] * 200 + 20).astype(np.uint8)
    return samples if channels > 1 else samples[..., 0]


def exif_block(orientation=1, order="<"):
    """An EXIF block with an orientation, a copyright in UTF-8 and the sizes of the stored pixels."""
    text_at, folder_at = 8 + 2 + 3 * 12 + 4, 8 + 2 + 3 * 12 + 4 + len(COPYRIGHT) + 1
    first = struct.pack(order + "H", 3)
    first += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    first += struct.pack(order + "HHII", 0x8298, 2, len(COPYRIGHT), text_at)
    first += struct.pack(order + "HHII", 0x8769, 4, 1, folder_at) + bytes(4)
    sizes = struct.pack(order + "HHHHH", 2, 0xA002, 3, 0, 1) + struct.pack(order + "HH", WIDTH, 0)
    sizes += struct.pack(order + "HHHHHH", 0xA003, 3, 0, 1, HEIGHT, 0) + bytes(4)
    if order == "<":
        sizes = struct.pack("<HHHIHHHHIHHI", 2, 0xA002, 3, 1, WIDTH, 0, 0xA003, 3, 1, HEIGHT, 0, 0)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", 8) + first + COPYRIGHT + bytes(1) + sizes


def turned(samples, orientation):
    """What a viewer shows of stored samples, by the table of the EXIF specification."""
    steps = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
        8: np.rot90,
    }
    return steps[orientation](samples)


def kind(name, data, samples, alpha=False, orientation=1, **options):
    """A `Kind` of samples as they are stored, alpha last."""
    bits = options.setdefault("bits", 8 * samples.itemsize)
    values = turned(samples, orientation) / PEAK[bits]
    if not alpha:
        return Kind(name, data, values, **options)
    return Kind(name, data, values[..., 0] if values.shape[2] == 2 else values[..., :-1], values[..., -1], **options)


# PNG, by hand: no library here writes all of them


def png(samples, depth, color, interlaced=False, chunks=()):
    """A PNG file; samples of less than 8 bit, or palette indices, are values from 0."""
    samples = samples[..., None] if samples.ndim == 2 else samples
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b""
    for top, left, down, across in passes:
        for row in samples[top::down, left::across]:
            if depth < 8:
                bits = (row.reshape(-1, 1) >> np.arange(depth)[::-1]) & 1
                rows += b"\0" + np.packbits(bits).tobytes() if row.size else b""
            else:
                rows += b"\0" + row.astype(">u2" if depth == 16 else "u1").tobytes() if row.size else b""
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, color, 0, 0, interlaced)
    return png_file([(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def png_file(chunks):
    parts = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def pngs():
    colors = {1: 0, 2: 4, 3: 2, 4: 6}
    for bits, channels, interlaced in itertools.product((8, 16), colors, (False, True)):
        samples = noise(bits, channels)
        name = f"png {bits} bit, {channels} channels{', interlaced' if interlaced else ''}"
        yield kind(name, png(samples, bits, colors[channels], interlaced), samples, channels in (2, 4))
    for depth in (1, 2, 4):
        values = noise(8, 1) >> (8 - depth)
        gray = (values * (255 // (2**depth - 1))).astype(np.uint8)
        yield kind(f"png {depth} bit gray", png(values, depth, 0), gray)
        key = struct.pack(">H", values[0, 0])
        keyed = np.dstack([gray, np.where(values == values[0, 0], 0, 255).astype(np.uint8)])
        yield kind(f"png {depth} bit gray with a key", png(values, depth, 0, chunks=[(b"tRNS", key)]), keyed, True)
        palette = noise(8, 3, seed=1).reshape(-1, 3)[: 2**depth]
        yield kind(
            f"png {depth} bit palette", png(values, depth, 3, chunks=[(b"PLTE", palette.tobytes())]), palette[values]
        )
    values, palette = noise(8, 1), noise(8, 3, seed=1).reshape(-1, 3)[:256]
    opacity = np.concatenate([noise(8, 1, seed=2).ravel()[:100], np.full(156, 255)]).astype(np.uint8)
    chunks = [(b"PLTE", palette.tobytes()), (b"tRNS", opacity[:100].tobytes())]
    yield kind(
        "png 8 bit palette with alpha",
        png(values, 8, 3, chunks=chunks),
        np.dstack([palette[values], opacity[values]]),
        True,
    )
    for bits, channels in itertools.product((8, 16), (1, 3)):
        samples = noise(bits, channels)
        color = samples[3, 4]
        other = samples[3, 5] = color ^ 1  # the next color, which is opaque
        key = np.atleast_1d(color).astype(">u2").tobytes()
        opaque = np.where((np.atleast_3d(samples) == color).all(axis=2), 0, PEAK[bits]).astype(samples.dtype)
        assert opaque[3, 4] == 0
        assert opaque[3, 5] == PEAK[bits], other
        data = png(samples, bits, colors[channels], chunks=[(b"tRNS", key)])
        yield kind(f"png {bits} bit, {channels} channels with a key", data, np.dstack([samples, opaque]), True)
    for orientation in range(1, 9):
        samples = noise(16, 3)
        data = png(samples, 16, 2, chunks=[(b"eXIf", exif_block(orientation, ">"))])
        yield kind(f"png turned {orientation}", data, samples, orientation=orientation, exif=True)


# TIFF


def tiff(samples, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, metadata=None, **options)
    return buffer.getvalue()


def tiffs():
    layouts = {"strips": {"rowsperstrip": 5}, "tiles": {"tile": (16, 16)}}
    for bits, planar, (layout, options), byteorder in itertools.product((8, 16), (False, True), layouts.items(), "<>"):
        for packed in ({}, {"compression": "deflate"}, {"compression": "deflate", "predictor": 2}):
            samples = noise(bits, 3)
            stored = np.ascontiguousarray(np.moveaxis(samples, 2, 0)) if planar else samples
            config = "separate" if planar else "contig"
            data = tiff(stored, photometric="rgb", planarconfig=config, byteorder=byteorder, **options, **packed)
            names = ["planar" if planar else "chunky", layout, "big endian" if byteorder == ">" else "little endian"]
            names += ["plain", "deflate", "deflate with predictor"][len(packed) : len(packed) + 1]
            yield kind(f"tif {bits} bit RGB, {', '.join(names)}", data, samples)
    for bits in (8, 16):
        peak, samples = PEAK[bits], noise(bits, 1)
        yield kind(f"tif {bits} bit gray", tiff(samples, photometric="minisblack"), samples)
        yield kind(f"tif {bits} bit, 0 is white", tiff(~samples, photometric="miniswhite"), samples)
        yield kind(f"tif {bits} bit, BigTIFF", tiff(noise(bits, 3), photometric="rgb", bigtiff=True), noise(bits, 3))
        for channels, planar in itertools.product((2, 4), (False, True)):
            samples = noise(bits, channels)
            colors = "rgb" if channels == 4 else "minisblack"
            samples[..., -1] = np.linspace(0, peak, WIDTH)
            multiplied = samples.copy()
            multiplied[..., :-1] = np.rint(samples[..., :-1] / peak * samples[..., -1:].astype(float))
            for extra, stored in (("unassalpha", samples), ("assocalpha", multiplied)):
                config = {"planarconfig": "separate" if planar else "contig"}
                given = np.ascontiguousarray(np.moveaxis(stored, 2, 0)) if planar else stored
                data = tiff(given, photometric=colors, extrasamples=[extra], **config)
                name = f"tif {bits} bit, {channels} channels, {'planar, ' if planar else ''}{extra}"
                right = kind(name, data, samples, True)
                if extra == "assocalpha":  # what was multiplied by little is known to little
                    right.levels = None
                yield right
        samples = noise(bits, 4)
        data = tiff(samples, photometric="rgb", extrasamples=["unspecified"])
        yield kind(f"tif {bits} bit with a channel that is no alpha", data, samples[..., :3])
        ok, lzw = cv2.imencode(".tif", samples[..., [2, 1, 0]], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
        assert ok
        yield kind(f"tif {bits} bit, LZW", lzw.tobytes(), samples[..., :3])
        for orientation in (1, 2, 3, 4, 5, 6, 7, 8):
            tags = [(274, 3, 1, orientation, True), (33432, 2, len(COPYRIGHT), COPYRIGHT, True)]
            data = tiff(samples[..., :3], photometric="rgb", extratags=tags)
            yield kind(
                f"tif {bits} bit turned {orientation}", data, samples[..., :3], orientation=orientation, exif=True
            )
    samples = noise(16, 3)
    for where in ("next page", "inner directory"):
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as file:
            inner = {"subifds": 1} if where == "inner directory" else {}
            file.write(samples[::2, ::2], photometric="rgb", subfiletype=1, metadata=None, **inner)
            file.write(samples, photometric="rgb", subfiletype=0, metadata=None)
        yield kind(f"tif thumbnail first, photo in the {where}", buffer.getvalue(), samples)
    values = (noise(16, 1) >> 4).astype(np.uint16)
    yield kind("tif 12 bit gray", tiff_12_bit(values), np.rint(values * (65535 / 4095)).astype(np.uint16))
    for bits in (8, 16):
        samples = noise(bits, 1)
        tags = {256: WIDTH, 257: HEIGHT, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1}
        yield kind(f"tif {bits} bit, the strip's length left out", tiff_of(tags, samples.tobytes()), samples)


def tiff_12_bit(values):
    """A gray TIFF of 12 bit, two samples in three bytes."""
    first, second = values[:, ::2].astype(np.uint32), values[:, 1::2].astype(np.uint32)
    packed = np.dstack([first >> 4, (first & 15) << 4 | second >> 8, second & 255]).astype(np.uint8).tobytes()
    tags = {256: WIDTH, 257: HEIGHT, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: HEIGHT, 279: len(packed)}
    return tiff_of(tags, packed)


def tiff_of(tags, samples):
    """A TIFF of whole numbers by tag, samples before its directory."""
    folder = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()
    )
    return b"II*\0" + struct.pack("<I", 8 + len(samples)) + samples + folder + bytes(4)


# The others


def pillow(samples, file_format, **options):
    buffer = io.BytesIO()
    picture = samples if isinstance(samples, Image.Image) else Image.fromarray(samples)
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def bmp_with_alpha(samples):
    """A BMP file with a header of version 4, whose masks say where alpha is."""
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, WIDTH, -HEIGHT, 1, 32, 3, samples.size, 2835, 2835, 0, 0)
    header += struct.pack("<4I", *masks) + b"BGRs" + bytes(48)
    return struct.pack("<2sIII", b"BM", 122 + samples.size, 0, 122) + header + samples[..., [2, 1, 0, 3]].tobytes()


def others():
    for channels in (1, 3):
        samples = smooth(channels)
        for name, options in {"baseline": {}, "progressive": {"progressive": True}}.items():
            data = pillow(samples, "JPEG", quality=100, subsampling=0, **options)
            yield kind(f"jpg {name}, {channels} channels", data, samples, levels=6)
        data = pillow(samples, "WEBP", quality=100)
        yield kind(f"webp lossy, {channels} channels", data, np.atleast_3d(samples) * np.ones(3, np.uint8), levels=25)
    for orientation in range(1, 9):
        data = pillow(smooth(), "JPEG", quality=100, subsampling=0, exif=b"Exif\0\0" + exif_block(orientation))
        yield kind(f"jpg turned {orientation}", data, smooth(), orientation=orientation, levels=6, exif=True)
        data = pillow(noise(8, 3), "WEBP", lossless=True, exif=exif_block(orientation), xmp=XMP)
        yield kind(f"webp turned {orientation}", data, noise(8, 3), orientation=orientation, exif=True)
    yield kind("webp lossless with alpha", pillow(noise(8, 4), "WEBP", lossless=True, exact=True), noise(8, 4), True)
    cmyk = Image.fromarray(np.dstack([255 - smooth(), np.zeros((HEIGHT, WIDTH), np.uint8)]), "CMYK")
    yield kind("jpg CMYK without a profile", pillow(cmyk, "JPEG", quality=100, subsampling=0), smooth(), levels=6)
    yield kind("tif CMYK without a profile", pillow(cmyk, "TIFF"), smooth(), levels=1.5)
    yield kind("tif JPEG inside", pillow(smooth(), "TIFF", compression="jpeg", quality=100), smooth(), levels=8)
    for compression in ("packbits", "tiff_lzw", "lzma", "zstd"):
        try:
            data = pillow(noise(8, 3), "TIFF", compression=compression)
        except (OSError, RuntimeError):  # a Pillow built without it
            continue
        yield kind(f"tif {compression}", data, noise(8, 3))
    yield kind("bmp 24 bit", pillow(noise(8, 3), "BMP"), noise(8, 3))
    yield kind("bmp 8 bit", pillow(noise(8, 1), "BMP"), noise(8, 1))
    yield kind("bmp with alpha", bmp_with_alpha(noise(8, 4)), noise(8, 4), True)
    for channels, binary, plain in ((1, b"P5", b"P2"), (3, b"P6", b"P3")):
        suffix = "pgm" if channels == 1 else "ppm"
        for peak in (100, 255, 1023, 65535):
            bits = 8 if peak < 256 else 16
            values = np.random.default_rng(3).integers(0, peak + 1, (HEIGHT, WIDTH, channels)).squeeze()
            right = np.rint(values * (PEAK[bits] / peak)).astype(np.uint8 if bits == 8 else np.uint16)
            head = b" %d %d # a comment\n%d\n" % (WIDTH, HEIGHT, peak)
            body = values.astype("u1" if bits == 8 else ">u2").tobytes()
            yield kind(f"{suffix} of {peak}", binary + head + body, right, levels=1)
            text = b"\n".join(b"%d" % value for value in values.ravel())
            yield kind(f"{suffix} of {peak}, plain", plain + head + text, right, levels=1)
    black = noise(8, 1) > 127
    data = b"P4\n%d %d\n" % (WIDTH, HEIGHT) + np.packbits(black, axis=1).tobytes()
    yield kind("pbm", data, np.where(black, 0, 255).astype(np.uint8))


def every():
    """All kinds, each under a name of its own."""
    return [*pngs(), *tiffs(), *others()]
