"""What picture files are made of: PNG chunks, JPEG segments, WebP chunks. Pixels go to a decoder without the rest.

Follows the PNG specification (W3C, 2003 and later), ITU T.81 annex B and, for JPEG, Adobe's XMP specification, part 3,
and the WebP container specification.
"""

import struct
import zlib

PNG, CRITICAL = b"\x89PNG\r\n\x1a\n", (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
EXIF, XMP, ICC, PHOTOSHOP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
"""What a JPEG segment of such metadata begins with."""
SEGMENT = 65533
"""Bytes that a JPEG segment holds."""
MOST = 1 << 26
"""Bytes that compressed metadata may unfold to."""
_IPTC = 0x0404


# PNG


def png_chunks(data):
    """The chunks of a PNG file up to its end or damage, as (kind, body); the rest of the bytes comes as kind b""."""
    position, chunks = len(PNG), []
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 12 + length
        body = data[position + 8 : end - 4]
        if end > len(data) or (
            kind in CRITICAL and zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end], "big")
        ):
            break
        chunks.append((kind, body))
        position = end
        if kind == b"IEND":
            return chunks
    return [*chunks, (b"", data[position:])]


def png(chunks):
    """A PNG file of chunks."""
    return PNG + b"".join(_png_chunk(kind, body) if kind else body for kind, body in chunks)


def _png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def unfold(packed):
    """Bytes that Deflate has packed, unless they are damaged or more than `MOST`; then None."""
    unpack = zlib.decompressobj()
    try:
        found = unpack.decompress(packed, MOST)
    except zlib.error:
        return None
    return found if unpack.eof else None


def png_text(kind, body):
    """Keyword and text, both bytes, of a PNG chunk tEXt, zTXt or iTXt; text is None where it cannot be unpacked."""
    keyword, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return keyword, rest
    if kind == b"zTXt":
        return keyword, unfold(rest[1:])
    packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    return keyword, unfold(text) if packed else text


def raw_profile(text):
    """The bytes of a "Raw profile type" text, as ImageMagick writes it: a name, a length and hexadecimal digits."""
    parts = text.split(None, 2)
    try:
        return bytes.fromhex(parts[2].decode("ascii"))
    except (IndexError, ValueError):
        return None


def as_raw_profile(kind, data):
    """The text of such a profile."""
    digits = data.hex().encode()
    lines = [digits[first : first + 72] for first in range(0, len(digits), 72)]
    return b"\n%s\n%8d\n%s\n" % (kind, len(data), b"\n".join(lines))


# JPEG


def jpeg_segments(data):
    """The segments before the first scan, as (marker, body), and all bytes from there on."""
    position, segments = 2, []
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in (0x01, *range(0xD0, 0xDB)) or length < 2 or position + 2 + length > len(data):
            break
        segments.append((marker, data[position + 4 : position + 2 + length]))
        position += 2 + length
    return segments, data[position:]


def jpeg(segments, rest):
    """A JPEG file of segments."""
    parts = (struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return b"\xff\xd8" + b"".join(parts) + rest


def joined(segments, marker, mark):
    """The bodies of the segments that begin with a mark, without it, put together; None where there is none."""
    bodies = [body[len(mark) :] for number, body in segments if number == marker and body.startswith(mark)]
    return b"".join(bodies) if bodies else None


def icc_profile(segments):
    """The color profile of a JPEG file, from its numbered parts; None where there is none or one is missing."""
    parts = {
        body[len(ICC)]: (body[len(ICC) + 1], body[len(ICC) + 2 :])
        for number, body in segments
        if number == 0xE2 and body.startswith(ICC) and len(body) > len(ICC) + 2
    }
    if not parts or sorted(parts) != list(range(1, parts[min(parts)][0] + 1)):
        return None
    return b"".join(parts[number][1] for number in sorted(parts))


def icc_segments(profile):
    """The segments that hold a color profile."""
    size = SEGMENT - len(ICC) - 2
    parts = [profile[first : first + size] for first in range(0, len(profile), size)]
    return [(0xE2, ICC + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)]


def iptc(resources):
    """The IPTC data among Photoshop's resources, or None."""
    position = 0
    while resources and resources[position : position + 4] == b"8BIM" and position + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, position + 4)
        position += 6 + (resources[position + 6] + 2) // 2 * 2  # a name, with its length before it
        length = int.from_bytes(resources[position : position + 4], "big")
        if number == _IPTC:
            return resources[position + 4 : position + 4 + length]
        position += 4 + length + length % 2
    return None


def photoshop(data):
    """Photoshop's resources that hold these IPTC data alone."""
    return b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(data)) + data + bytes(len(data) % 2)


# WebP


def webp_chunks(data):
    """The chunks of a WebP file, as (kind, body)."""
    position, chunks = 12, []
    while position + 8 <= len(data):
        kind, (length,) = data[position : position + 4], struct.unpack_from("<I", data, position + 4)
        chunks.append((kind, data[position + 8 : position + 8 + length]))
        position += 8 + length + length % 2
    return chunks


def with_webp_chunk(data, kind, body):
    """A WebP file with one more chunk at its end."""
    chunk = kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8 + len(chunk)) + data[8:] + chunk
