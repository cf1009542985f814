"""How this program knows the files that it wrote: they say so, with a sum over all their other bytes.

So a file that somebody has changed since is no longer this program's, and is not replaced without being asked.
"""

import zlib
from pathlib import Path

NAME = b"Written by deep-defocus-book, sum "
MAP = "Defocus blur: sigma in pixels = value / 65535 * "
"""What the description of a map begins with; the scale follows."""
OWN = (NAME, MAP.encode())
UNSIGNED = NAME + b"00000000"
"""The mark of a file, before it is signed."""


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


def is_signed(path):
    """Whether a file is as this program wrote it."""
    data = Path(path).read_bytes()
    first = data.find(NAME) + len(NAME)
    return first >= len(NAME) and data[first : first + 8] == b"%08x" % _sum(data, first)


def _sum(data, first):
    return zlib.crc32(data[first + 12 :], zlib.crc32(data[:first]))
