"""Reading and writing pictures, so that nothing of a photographer's file is lost or silently wrong.

In memory a picture is a ``(H, W[, 3]) float32`` array in [0, 1]; the file's bits, transparency and metadata travel with
it in a `Picture`. A file that cannot be read or written raises an `ImageError` of one line that names the file and the
way out, and leaves nothing half written.
"""

from lib.cli.pictures.exif import f_number
from lib.cli.pictures.marks import MAP, SHEET, UNSIGNED, is_own, is_result, sign, white_of_map
from lib.cli.pictures.picture import MAX_PIXELS, Picture, continued, edited
from lib.cli.pictures.reading import RAW_SUFFIXES, SUFFIXES, read
from lib.cli.pictures.writing import WRITABLE, write, write_bytes
from lib.images import ImageError

__all__ = [
    "MAP",
    "MAX_PIXELS",
    "RAW_SUFFIXES",
    "SHEET",
    "SUFFIXES",
    "UNSIGNED",
    "WRITABLE",
    "ImageError",
    "Picture",
    "continued",
    "edited",
    "f_number",
    "is_own",
    "is_result",
    "read",
    "sign",
    "white_of_map",
    "write",
    "write_bytes",
]
