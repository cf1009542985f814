"""Image file directories, of which TIFF files and EXIF blocks are made; values stay the bytes that they are.

Follows the TIFF 6.0 specification (Adobe, 1992) and, for files with 8 byte offsets, BigTIFF.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

EXIF, GPS, INTEROPERABILITY, SUB_DIRECTORIES = 34665, 34853, 40965, 330
FOLDERS = (EXIF, GPS, INTEROPERABILITY)
"""Tags that point to a directory of an EXIF block."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_NUMBERS = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}


@dataclass
class Entry:
    """A value: its type's number, how many, their bytes, and where in the block the entry and its bytes are."""

    type: int
    count: int
    data: bytes
    position: int = 0
    place: int = 0


@dataclass
class Directory:
    """A directory: entries by tag, the directories it points to by tag, and where the next one of the chain is."""

    entries: dict = field(default_factory=dict)
    folders: dict = field(default_factory=dict)
    order: str = "<"
    position: int = 0
    next: int = 0

    def integers(self, tag):
        """The whole numbers of a tag; an empty tuple where there is none."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in _INTEGERS:
            return ()
        return tuple(np.frombuffer(entry.data, self.order + _INTEGERS[entry.type]).tolist())

    def integer(self, tag, default):
        """The first whole number of a tag."""
        return (*self.integers(tag), default)[0]

    def number(self, tag):
        """The first number of a tag, of any type; None where there is none."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in _NUMBERS or not entry.count:
            return None
        first, *below = struct.unpack_from(self.order + _NUMBERS[entry.type], entry.data)
        return None if below == [0] else first / (below or [1])[0]

    def set_integer(self, tag, value):
        """Give a tag one whole number, of 16 bit where that holds it."""
        kind = 3 if value < 1 << 16 else 4
        self.set(tag, kind, [value])

    def set(self, tag, kind, values):
        """Give a tag whole numbers of a type, or bytes."""
        data = values if isinstance(values, bytes) else np.array(list(values), self.order + _INTEGERS[kind]).tobytes()
        self.entries[tag] = Entry(kind, len(data) // _SIZES[kind], data)


class _Layout:
    """The sizes of a block's parts, by its first bytes."""

    def __init__(self, block):
        self.order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
        magic = struct.unpack_from(self.order + "H", block, 2)[0] if self.order and len(block) >= 16 else 0
        if magic not in (42, 43):
            msg = "no image file directory"
            raise ValueError(msg)
        self.big = magic == 43
        self.number, self.pointer, self.inline = ("Q", "Q", 8) if self.big else ("H", "I", 4)
        self.head = 8 if self.big else 2  # bytes of the number of entries
        self.entry = 20 if self.big else 12
        self.start = 8 if self.big else 4  # where the first directory's offset is


def is_block(block):
    """Whether bytes begin as a TIFF file or an EXIF block does."""
    return bytes(block[:4]) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read(block, offset=None):
    """Read a directory.

    Parameters
    ----------
    block : bytes
        A TIFF file or an EXIF block.
    offset : int, optional
        Of the directory; the first by default.

    Returns
    -------
    Directory
        With the EXIF directories that it points to. Entries of an unknown type, and those whose bytes are beyond the
        block, are left out.

    Raises
    ------
    ValueError
        There is no directory.
    """
    return _read(block, _Layout(block), offset, FOLDERS)


def _read(block, layout, offset, folders):
    if offset is None:
        (offset,) = struct.unpack_from(layout.order + layout.pointer, block, layout.start)
    if not layout.start < offset <= len(block) - layout.head:
        msg = "no image file directory"
        raise ValueError(msg)
    (count,) = struct.unpack_from(layout.order + layout.number, block, offset)
    first = offset + layout.head
    count = min(count, (len(block) - first) // layout.entry)
    found = Directory(order=layout.order, position=offset)
    for position in range(first, first + count * layout.entry, layout.entry):
        tag, kind, number = struct.unpack_from(layout.order + "HH" + layout.pointer, block, position)
        size, place = _SIZES.get(kind, 0) * number, position + layout.entry - layout.inline
        if size > layout.inline:
            (place,) = struct.unpack_from(layout.order + layout.pointer, block, place)
        if kind in _SIZES and place + size <= len(block) and tag not in found.entries:
            found.entries[tag] = Entry(kind, number, bytes(block[place : place + size]), position, place)
    if first + count * layout.entry + layout.inline <= len(block):
        (found.next,) = struct.unpack_from(layout.order + layout.pointer, block, first + count * layout.entry)
    for tag in folders:
        for place in found.integers(tag)[:1]:
            try:
                found.folders[tag] = _read(block, layout, place, (INTEROPERABILITY,) if tag == EXIF else ())
            except ValueError:
                continue
    return found


def chain(block):
    """The directories of a TIFF file's pages, as far as they can be read.

    Parameters
    ----------
    block : bytes

    Returns
    -------
    list of Directory

    Raises
    ------
    ValueError
        There is none.
    """
    pages = [read(block)]
    seen = {pages[0].position}
    while pages[-1].next and pages[-1].next not in seen:
        seen.add(pages[-1].next)
        try:
            pages.append(read(block, pages[-1].next))
        except ValueError:
            break
    return pages


def pack(directory, start=8, big=False):
    """The bytes of a directory, its values and the directories that it points to; the last of its chain.

    Parameters
    ----------
    directory : Directory
    start : int
        The offset that it will have in its block.
    big : bool
        For a BigTIFF file.

    Returns
    -------
    bytes
    """
    order, layout = directory.order, _Layout((b"II+\0" if big else b"II*\0") + bytes(12))
    tags = sorted((directory.entries.keys() - set(FOLDERS)) | directory.folders.keys())
    after = start + layout.head + layout.entry * len(tags) + layout.inline
    entries, tail = [struct.pack(order + layout.number, len(tags))], b""
    for tag in tags:
        tail += bytes(len(tail) % 2)
        if tag in directory.folders:
            kind, count, value = 4, 1, struct.pack(order + "I", after + len(tail))
            tail += pack(directory.folders[tag], after + len(tail), big)
        else:
            entry = directory.entries[tag]
            kind, count, value = entry.type, entry.count, entry.data
            if len(value) > layout.inline:
                value, tail = struct.pack(order + layout.pointer, after + len(tail)), tail + entry.data
        entries.append(struct.pack(order + "HH" + layout.pointer, tag, kind, count) + value.ljust(layout.inline, b"\0"))
    return b"".join(entries) + bytes(layout.inline) + tail


def block(directory):
    """A block with this directory as its first: an EXIF block, or the begin of a TIFF file.

    Examples
    --------
    >>> maker = Directory({271: Entry(2, 8, b"Obscura\\0")})
    >>> read(block(maker)).entries[271].data
    b'Obscura\\x00'
    """
    mark = b"II" if directory.order == "<" else b"MM"
    return mark + struct.pack(directory.order + "HI", 42, 8) + pack(directory)


def reordered(file, directory):
    """A TIFF file whose first and only page is the one with this directory, laid down at its end.

    Parameters
    ----------
    file : bytes
    directory : Directory
        Its offsets count from the begin of the file.

    Returns
    -------
    bytes
    """
    layout = _Layout(file)
    start = len(file) + len(file) % 2
    head = file[: layout.start] + struct.pack(layout.order + layout.pointer, start)
    return head + file[len(head) :] + bytes(len(file) % 2) + pack(directory, start, layout.big)
