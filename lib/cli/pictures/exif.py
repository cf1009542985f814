"""EXIF blocks: carried as bytes, with only that changed which no longer holds."""

import contextlib
import re
import struct

from lib.cli.pictures import directories

ORIENTATION, MAKER_NOTE, F_NUMBER = 274, 37500, 33437
_SIZES = {0: (256, 257), directories.EXIF: (40962, 40963)}
"""Tags of width and height, in the first directory and in that of EXIF."""
_POSITIONS = (37396, 41492)
"""Tags that name pixels of the picture before a turn: SubjectArea, SubjectLocation."""
_PREFIX = b"Exif\0\0"
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)([1-8])")
_XMP_SIZES = (
    rb"((?:tiff:ImageWidth|exif:PixelXDimension)\s*(?:=\s*[\"']|>)\s*)\d+",
    rb"((?:tiff:ImageLength|exif:PixelYDimension)\s*(?:=\s*[\"']|>)\s*)\d+",
)


def bare(block):
    """An EXIF block without the prefix that it has in JPEG files; None for bytes that are no EXIF block."""
    block = block or b""
    while block.startswith(_PREFIX):
        block = block[len(_PREFIX) :]
    try:
        directories.read(block)
    except ValueError:
        return None
    return block


def orientation(block, xmp=None):
    """How the stored pixels have to be turned, 1 to 8, by the EXIF block or, where it says nothing, by XMP."""
    found = directories.read(block).integer(ORIENTATION, None) if block else None
    if found is None and xmp and (match := _XMP_ORIENTATION.search(xmp)):
        found = int(match[2])
    return found if found in range(1, 9) else 1


def f_number(picture):
    """The f-number that a photo was taken with.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    float or None
        None where the EXIF does not tell.
    """
    block = bare(picture.exif)
    folder = directories.read(block).folders.get(directories.EXIF) if block else None
    found = folder.number(F_NUMBER) if folder else None
    return found if found and 0 < found < float("inf") else None


def upright(block, width, height, turned):
    """Bring an EXIF block up to date with pixels that are upright now.

    Orientation and sizes are set. The thumbnail, which shows the old pixels, goes; after a turn the maker's note and
    the positions in pixels go too. Every other byte stays, and stays where it is.

    Parameters
    ----------
    block : bytes
        See `bare`.
    width, height : int
        Of the upright picture.
    turned : bool

    Returns
    -------
    block : bytes
    left_out : tuple of str
    """
    new, first = bytearray(block), directories.read(block)
    folders = {0: first} | first.folders
    _set(new, first, ORIENTATION, 1)
    for name, tags in _SIZES.items():
        for tag, size in zip(tags, (width, height), strict=True):
            _set(new, folders.get(name), tag, size)
    if first.next:
        new = _without_thumbnail(new, first)
    if not turned or directories.EXIF not in first.folders:
        return bytes(new), ()
    stale = [tag for tag in (MAKER_NOTE, *_POSITIONS) if tag in first.folders[directories.EXIF].entries]
    for tag in stale:
        _remove(new, first.folders[directories.EXIF].position, tag)
    return bytes(new), ("maker note (it was made before the turn)",) if MAKER_NOTE in stale else ()


def _set(block, directory, tag, value):
    """Overwrite a whole number where it stands."""
    entry = directory.entries.get(tag) if directory else None
    if entry is not None and entry.count == 1 and entry.type in (3, 4):
        struct.pack_into(
            directory.order + ("H" if entry.type == 3 else "I"),
            block,
            entry.place,
            value & (0xFFFF if entry.type == 3 else 0xFFFFFFFF),
        )


def _remove(block, position, tag):
    """Take an entry out of a directory and blank its bytes."""
    directory = directories.read(block, position)
    entry, count = directory.entries[tag], struct.unpack_from(directory.order + "H", block, position)[0]
    if len(entry.data) > 4:
        block[entry.place : entry.place + len(entry.data)] = bytes(len(entry.data))
    end = min(position + 2 + 12 * count + 4, len(block))
    block[entry.position : end - 12] = block[entry.position + 12 : end]
    struct.pack_into(directory.order + "H", block, position, count - 1)


def _without_thumbnail(block, first):
    (count,) = struct.unpack_from(first.order + "H", block, first.position)
    thumbnail = directories.Directory()
    with contextlib.suppress(ValueError):
        thumbnail = directories.read(block, first.next)
    with contextlib.suppress(struct.error):  # a block that is cut off has no place for it
        struct.pack_into(first.order + "I", block, first.position + 2 + 12 * count, 0)
    begin, length = thumbnail.integer(513, 0), thumbnail.integer(514, 0)
    if begin > first.position and length:
        if begin + length >= len(block) - 1:
            return block[:begin]
        block[begin : begin + length] = bytes(length)
    return block


def without_maker_note(block):
    """The same EXIF, packed anew without the maker's note."""
    first = directories.read(block)
    if directories.EXIF in first.folders:
        first.folders[directories.EXIF].entries.pop(MAKER_NOTE, None)
    return directories.block(first)


def upright_xmp(xmp, width, height):
    """XMP in which orientation and sizes are those of the upright picture."""
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    for pattern, size in zip(_XMP_SIZES, (width, height), strict=True):
        xmp = re.sub(pattern, rb"\g<1>%d" % size, xmp)
    return xmp
