"""How this program knows the files that it wrote: they say so, with a sum over all their other bytes.

So a file that somebody has changed since is no longer this program's, and is not replaced without being asked.
"""

import re
import zlib
from pathlib import Path

NAME = b"Written by deep-defocus-book, sum "
UNSIGNED = NAME + b"00000000"
"""The mark of a file, before it is signed."""
MAP = "Defocus blur: sigma in pixels = value / 65535 * "
"""What the description of a map begins with; the sigma of white follows."""
SHEET = "Contact sheet of defocus maps"
OWN = (NAME, MAP.encode(), SHEET.encode())
_HEAD = 1 << 16
"""Bytes at the begin of a file that hold its description."""


def sign(data):
    """A file with `UNSIGNED` in it, signed.

    The sum leaves out its own eight digits and the four bytes behind them, in a PNG file the sum of their chunk.
    """
    first = data.index(UNSIGNED) + len(NAME)
    data = data[:first] + b"%08x" % _sum(data, first) + data[first + 8 :]
    if data.startswith(b"\x89PNG"):
        chunk = data.rindex(b"tEXt", 0, first)
        data = data[: first + 8] + zlib.crc32(data[chunk : first + 8]).to_bytes(4, "big") + data[first + 12 :]
    return data


def is_own(path):
    """Whether a picture file is as this program wrote it.

    Parameters
    ----------
    path : path

    Returns
    -------
    bool
    """
    data = Path(path).read_bytes()
    first = data.find(NAME) + len(NAME)
    return first >= len(NAME) and data[first : first + 8] == b"%08x" % _sum(data, first)


def white_of_map(path):
    """The sigma of white in the picture of a map that this program wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    float or None
        Pixels; None for other files.
    """
    found = re.search(re.escape(MAP.encode()) + rb"(\d+(?:\.\d+)?)", _head(path))
    return float(found[1]) if found else None


def is_result(path):
    """Whether a picture is a map or a contact sheet of this program, and no photo.

    Parameters
    ----------
    path : path

    Returns
    -------
    bool
    """
    head = _head(path)
    return MAP.encode() in head or SHEET.encode() in head


def _head(path):
    """The first bytes of a PNG or TIFF file; none of other files."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    return head if head[:2] in (b"\x89P", b"II", b"MM") else b""


def _sum(data, first):
    return zlib.crc32(data[first + 12 :], zlib.crc32(data[:first]))
