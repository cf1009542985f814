"""Reading TIFF files: which page is the photo, and its samples in any layout of 8 or 16 bit.

Pillow reads 8 bit, cuts 16 bit to 8, and is not right where the channels lie one after the other. So such files are
laid out here from strips or tiles that libtiff, inside Pillow, has unpacked, after the TIFF 6.0 specification.
"""

import io

import numpy as np
from PIL import Image

from lib.cli.pictures import containers, directories
from lib.cli.pictures.picture import MAX_PIXELS
from lib.images import ImageError

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS = 256, 257, 258, 259, 262, 273
ORIENTATION, CHANNELS, ROWS, COUNTS, PLANES = 274, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, EXTRA, SAMPLE_FORMAT = 317, 322, 323, 324, 325, 338, 339
XMP, IPTC, PHOTOSHOP, ICC, LAYERS = 700, 33723, 34377, 34675, 37724
SOFTWARE, DESCRIPTION = 11, 270
"""The first is ProcessingSoftware, beside which the camera's Software stays."""
_SUBFILE, _REDUCED, _MASK = 254, 1, 4
_PREDICTED = (5, 8, 32946, 34925, 50000)
"""Compressions before which samples may be replaced by their differences: LZW, Deflate, LZMA, Zstandard."""
_HEAD = 16
"""Bytes before what follows a header, of a BigTIFF file too."""
_DNG_VERSION, _RAW = 50706, (32803, 34892)
_LAYOUT = {*range(256, 260), 262, 266, 273, *range(277, 280), 284, 292, 293, 317, *range(320, 326), 332, 338, 339, 347}
_LAYOUT |= {*range(512, 522), *range(529, 533)}
"""Tags that say where the samples are and what they mean."""
DESCRIPTIVE = {269, 270, 271, 272, 282, 283, 285, 296, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
"""Tags that say how the photo was taken, by whom, and what it shows."""
_TECHNICAL = (b'{"shape":', b"ImageJ=", b"<?xml")
"""Begins of descriptions that tell programs how the old file was laid out."""


def photo_page(data, path):
    """The page of a TIFF file that is the photo.

    Parameters
    ----------
    data : bytes
    path : path
        For the messages.

    Returns
    -------
    page : directories.Directory
    metadata : directories.Directory
        The first page: what says how the photo was taken.
    further : int
        How many other pages there are.

    Raises
    ------
    ImageError
        It is a raw file.
    """
    pages = directories.chain(data)
    inner = [
        directories.read(data, place)
        for page in pages
        for place in page.integers(directories.SUB_DIRECTORIES)
        if 8 <= place < len(data) - 16
    ]
    if pages[0].entries.get(_DNG_VERSION) or any(page.integer(PHOTOMETRIC, 0) in _RAW for page in pages + inner):
        raise raw_error(path)
    whole = [page for page in pages if _is_whole(page)]
    page = (whole or [page for page in inner if _is_whole(page)] or pages)[0]
    return page, pages[0], max(len(whole) - 1, 0)


def raw_error(path):
    """What is said of a camera's raw file."""
    return ImageError(f"Cannot read {path}: it is a raw file; develop it first, to a 16 bit TIFF or a JPEG.")


def _is_whole(page):
    """Whether a page is neither a smaller copy nor a mask of another."""
    return not page.integer(_SUBFILE, 0) & (_REDUCED | _MASK) and page.integer(255, 0) != 2


def bare(data, page):
    """The TIFF file with that page alone, stripped of all that says nothing about its samples."""
    kept = {tag: entry for tag, entry in page.entries.items() if tag in _LAYOUT}
    return directories.reordered(data, directories.Directory(kept, order=page.order))


def is_16_bit(page):
    """Whether a page holds 16 bit, gray or RGB."""
    return set(page.integers(BITS)) == {16} and is_unsigned(page) and page.integer(PHOTOMETRIC, 1) in (0, 1, 2)


def is_planar(page):
    """Whether the channels lie one after the other, not packed as JPEG."""
    packed = page.integer(COMPRESSION, 1) in (6, 7)
    return page.integer(PLANES, 1) == 2 and page.integer(CHANNELS, 1) > 1 and not packed


def is_unsigned(page):
    """Whether a page's samples are no floats and have no sign."""
    return set(page.integers(SAMPLE_FORMAT)) <= {1, 4}


def is_cut(page):
    """Whether 16 bit are read as 8."""
    return 16 in page.integers(BITS) and not is_16_bit(page)


def is_sound(tag, entry):
    """Whether a tag that other programs read has the type that they expect."""
    wanted = {282: (5, 1), 283: (5, 1), 296: (3, 1)}.get(tag)
    return wanted is None or wanted == (entry.type, entry.count)


def metadata(first, page):
    """What a TIFF file says about its photo.

    Parameters
    ----------
    first, page : directories.Directory
        Of the file and of the photo, which may differ.

    Returns
    -------
    exif_block, icc_profile, xmp, iptc : bytes or None
    orientation : int
    """
    entries = {tag: entry for tag, entry in first.entries.items() if tag in DESCRIPTIVE}
    if entries.get(DESCRIPTION) and entries[DESCRIPTION].data.lstrip().startswith(_TECHNICAL):
        del entries[DESCRIPTION]
    described = directories.Directory(entries, first.folders, first.order)
    turn = page.integer(ORIENTATION, first.integer(ORIENTATION, 1))
    block = None
    if entries or first.folders:
        described.set_integer(ORIENTATION, turn)
        block = directories.block(described)
    found = {}
    for tag in (ICC, XMP, IPTC):
        entry = page.entries.get(tag) or first.entries.get(tag)
        found[tag] = entry.data if entry and entry.data else None
    if PHOTOSHOP in first.entries:
        found[IPTC] = found[IPTC] or containers.iptc(first.entries[PHOTOSHOP].data)
    return block, found[ICC], found[XMP], found[IPTC], turn if turn in range(1, 9) else 1


def samples(data, page, path):
    """The samples of a page in any layout: strips or tiles, by pixels or by planes.

    Parameters
    ----------
    data : bytes
    page : directories.Directory
    path : path
        For the messages.

    Returns
    -------
    (H, W, C) uint8 or uint16 ndarray
        Gray or RGB, 0 is black; then alpha where there is one, and the colors are not multiplied by it.

    Raises
    ------
    ImageError
        The layout is none of those.
    ValueError
        The file is damaged.
    """
    colors = {0: 1, 1: 1, 2: 3}.get(page.integer(PHOTOMETRIC, -1), 0)
    bits = set(page.integers(BITS))
    if bits not in ({8}, {16}) or not is_unsigned(page) or not colors <= page.integer(CHANNELS, 1) or not colors:
        msg = f"Cannot read {path}: its samples are {_describe(page)}; save it as 8 or 16 bit gray or RGB."
        raise ImageError(msg)
    stored = _stored(data, page)
    color, alpha = stored[..., :colors], _alpha(stored, page, colors)
    if page.integer(PHOTOMETRIC, 1) == 0:
        color = ~color
    if alpha is None:
        return np.ascontiguousarray(color)
    if page.integer(EXTRA, 2) == 1:
        color = _divided(color, alpha)
    return np.dstack([color, alpha])


def _stored(data, page):
    """All samples of a page, (H, W, C)."""
    height, width, channels = (page.integer(tag, 1) for tag in (HEIGHT, WIDTH, CHANNELS))
    tiled, planar = TILE_OFFSETS in page.entries, page.integer(PLANES, 1) == 2
    rows, columns = (
        (page.integer(TILE_HEIGHT, 0), page.integer(TILE_WIDTH, 0))
        if tiled
        else (min(page.integer(ROWS, height), height), width)
    )
    if not 0 < height * width <= MAX_PIXELS or not 0 < rows * columns <= 4 * MAX_PIXELS:
        msg = "its size makes no sense"
        raise ValueError(msg)
    down, across, planes = -(-height // rows), -(-width // columns), channels if planar else 1
    places = page.integers(TILE_OFFSETS if tiled else OFFSETS), page.integers(TILE_COUNTS if tiled else COUNTS)
    if not places[1] and page.integer(COMPRESSION, 1) == 1:  # old programs leave them out
        places = places[0], (len(data),) * len(places[0])
    if {len(each) for each in places} != {down * across * planes}:
        msg = f"it has {len(places[0])} of {down * across * planes} strips or tiles"
        raise ValueError(msg)
    kind = np.dtype(f"{page.order}u{page.integer(BITS, 8) // 8}")
    stored = np.empty((height, width, channels), kind.newbyteorder("="))
    for number, (offset, count) in enumerate(zip(*places, strict=True)):
        plane, number = divmod(number, down * across)
        top, left = number // across * rows, number % across * columns
        there = rows if tiled else min(rows, height - top)
        shape = there, columns, channels // planes
        part = _unpack(data[offset : offset + count], page, columns * shape[2] * kind.itemsize, there)
        part = np.frombuffer(part, kind).reshape(shape)
        if page.integer(PREDICTOR, 1) == 2 and page.integer(COMPRESSION, 1) in _PREDICTED:
            part = np.cumsum(part, axis=1, dtype=stored.dtype)
        place = stored[top : top + rows, left : left + columns, plane : plane + shape[2]]
        place[:] = part[: place.shape[0], : place.shape[1]]
    return stored


def _alpha(stored, page, colors):
    """The alpha among the samples: the first extra one, unless it is said to be something else."""
    if stored.shape[2] == colors or (page.integers(EXTRA) or (2,))[0] not in (1, 2, 999):
        return None
    return stored[..., colors]


def _divided(color, alpha):
    """Colors that were multiplied by alpha as they were before."""
    peak = np.iinfo(color.dtype).max
    values = np.multiply(color, np.float64(peak)) / np.maximum(alpha, 1)[..., None]
    return np.clip(np.rint(values), 0, peak).astype(color.dtype)


def _describe(page):
    kind = {2: "signed integers", 3: "floats"}.get(page.integer(SAMPLE_FORMAT, 1), "integers")
    colors = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
    photometric = page.integer(PHOTOMETRIC, -1)
    return f"{page.integer(BITS, 1)} bit {kind}, {colors.get(photometric, f'photometric {photometric}')}"


def _unpack(packed, page, row, rows):
    """The bytes of a strip or tile. libtiff gets it as a gray picture of 8 bit, so that it leaves the bytes alone."""
    if page.integer(COMPRESSION, 1) == 1:
        if len(packed) < row * rows:
            msg = "strips or tiles are cut off"
            raise ValueError(msg)
        return packed[: row * rows]
    alone = directories.Directory()
    values = {WIDTH: row, HEIGHT: rows, BITS: 8, COMPRESSION: page.integer(COMPRESSION, 1), PHOTOMETRIC: 1}
    values |= {OFFSETS: _HEAD, CHANNELS: 1, ROWS: rows, COUNTS: len(packed)}
    for tag, value in values.items():
        alone.set_integer(tag, value)
    file = directories.reordered(b"II*\0".ljust(_HEAD, b"\0") + packed, alone)
    with Image.open(io.BytesIO(file), formats=["TIFF"]) as unpacked:
        return unpacked.tobytes()
