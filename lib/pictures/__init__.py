"""Reading and writing pictures, so that nothing of a photographer's file is lost or silently wrong.

In memory a picture is a ``(H, W[, 3]) float32`` array in [0, 1]; the file's bits, transparency and metadata travel with
it in a `Picture`. A file that cannot be read or written raises an `ImageError` of one line that names the file and the
way out, and leaves nothing half written.
"""

from lib.pictures.picture import MAX_PIXELS, ImageError, Picture, edited
from lib.pictures.reading import SUFFIXES, read
from lib.pictures.writing import WRITABLE, write, write_bytes

__all__ = ["MAX_PIXELS", "SUFFIXES", "WRITABLE", "ImageError", "Picture", "edited", "read", "write", "write_bytes"]
