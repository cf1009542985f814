"""Metadata are carried as bytes; what no longer holds or does not fit is named; they never cost the pixels."""

import io
import struct
import zlib

import numpy as np
import picture_kinds
import pytest
import tifffile
from picture_kinds import COPYRIGHT, XMP, exif_block, noise, pillow, png, smooth
from PIL import Image, ImageCms

from lib.cli import pictures

SUFFIXES = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".webp": "WEBP"}
IPTC = b"\x1c\x02\x69\x00\x07caf\xc3\xa9 X"


def app1(entries, order="<", more=b""):
    """An EXIF block of ASCII entries, tag to bytes."""
    after, head, tail = 8 + 2 + 12 * len(entries) + 4, b"", b""
    for tag, text in sorted(entries.items()):
        head += struct.pack(order + "HHII", tag, 2, len(text), after + len(tail))
        tail += text + bytes(len(text) % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IH", 8, len(entries)) + head + bytes(4) + tail + more


def jpeg_with(*segments):
    """A JPEG file with more segments, (marker, body), behind its first bytes."""
    data = pillow(smooth(), "JPEG", quality=95)
    parts = [struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments]
    return data[:2] + b"".join(parts) + data[2:]


def with_exif(block):
    return jpeg_with((0xE1, b"Exif\0\0" + block))


def read(folder, name, data):
    (folder / name).write_bytes(data)
    return pictures.read(folder / name)


def maker_note(size):
    """EXIF with a maker's note and a copyright."""
    folder = struct.pack("<HHHII", 1, 37500, 7, size, 8 + 2 + 24 + 4 + 18 + 26) + bytes(4)
    first = struct.pack("<HHHII", 2, 0x8298, 2, len(COPYRIGHT), 38)
    first += struct.pack("<HHII", 34665, 4, 1, 56) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + first + COPYRIGHT.ljust(18, b"\0") + folder + b"\0" * 8 + b"M" * size


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("order", "<>")
def test_exif_text_beyond_ascii_stays_the_same_bytes(tmp_path, suffix, order):
    picture = read(tmp_path, "p.jpg", with_exif(app1({0x8298: COPYRIGHT, 0x010E: b"Stra\xdfe\0"}, order)))
    assert pictures.write(tmp_path / f"out{suffix}", picture) == ()
    data = (tmp_path / f"out{suffix}").read_bytes()
    assert COPYRIGHT in data
    assert b"Stra\xdfe\0" in data
    again = pictures.read(tmp_path / f"out{suffix}")
    pictures.write(tmp_path / f"again{suffix}", again)
    assert COPYRIGHT in (tmp_path / f"again{suffix}").read_bytes()


@pytest.mark.parametrize("entries", [{0x011A: b"300/1\0\0\0"}, {0x0112: b"upright\0"}, {0x9003: b"\xff" * 9}])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_odd_tag_costs_nothing(tmp_path, entries, suffix):
    picture = read(tmp_path, "odd.jpg", with_exif(app1(entries)))
    pictures.write(tmp_path / f"out{suffix}", picture)
    with Image.open(tmp_path / f"out{suffix}") as other:
        other.load()
    if suffix != ".tif":
        assert next(iter(entries.values())) in (tmp_path / f"out{suffix}").read_bytes()


@pytest.mark.parametrize(
    "block",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"garbage" * 9, exif_block()[:40]],
)
def test_damaged_exif_costs_no_pixels(tmp_path, block):
    picture = read(tmp_path, "p.jpg", with_exif(block))
    assert np.abs(picture.pixels * 255 - smooth()).mean() < 5
    pictures.write(tmp_path / "out.jpg", picture)
    pictures.write(tmp_path / "out.tif", picture)


def test_damaged_chunks_of_metadata_cost_no_pixels(tmp_path):
    chunks = [(b"iCCP", b"profile\0\0damaged"), (b"zTXt", b"Comment\0\0damaged"), (b"eXIf", b"no EXIF")]
    bomb = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 27)))
    data = bytearray(png(noise(8, 3), 8, 2, chunks=[*chunks, bomb]))
    data[data.index(b"eXIf") + 12] ^= 1  # its sum is wrong now
    picture = read(tmp_path, "p.png", bytes(data))
    np.testing.assert_array_equal(np.rint(picture.pixels * 255), noise(8, 3))
    assert set(picture.left_out) == {"color profile (damaged)", "EXIF (damaged)"}


def test_exif_over_64_kb_loses_its_makers_note_in_a_jpeg_and_says_so(tmp_path):
    picture = read(tmp_path, "p.png", png(noise(8, 3), 8, 2, chunks=[(b"eXIf", maker_note(70_000))]))
    assert pictures.write(tmp_path / "out.png", picture) == ()
    assert b"M" * 70_000 in (tmp_path / "out.png").read_bytes()
    assert pictures.write(tmp_path / "out.jpg", picture) == ("maker note (JPEG holds 64 kB of EXIF)",)
    data = (tmp_path / "out.jpg").read_bytes()
    assert COPYRIGHT in data
    assert b"MMMM" not in data


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_after_a_turn_sizes_are_set_and_the_makers_note_goes(tmp_path, orientation):
    block = bytearray(maker_note(60))
    tags = struct.pack("<HHHII", 4, 0x0112, 3, 1, orientation) + struct.pack("<HHII", 0x8298, 2, len(COPYRIGHT), 110)
    tags += struct.pack("<HHII", 34665, 4, 1, 62) + struct.pack(
        "<HHII", 0x010F, 2, 4, int.from_bytes(b"Ob\0\0", "little")
    )
    folder = struct.pack("<HHHII", 3, 37500, 7, 60, 140)
    folder += struct.pack("<HHIHHHHIHH", 0xA002, 3, 1, 30, 0, 0xA003, 4, 1, 22, 0) + bytes(4)
    block = b"II*\0" + struct.pack("<I", 8) + tags + bytes(4) + folder
    block = block.ljust(110, b"\0") + COPYRIGHT.ljust(30, b"\0") + b"M" * 60
    picture = read(tmp_path, "p.jpg", with_exif(sorted_tags(block)))
    height, width = picture.pixels.shape[:2]
    assert (height, width) == ((30, 22) if orientation == 6 else (22, 30))
    pictures.write(tmp_path / "out.jpg", picture)
    with Image.open(tmp_path / "out.jpg") as other:
        exif = other.getexif()
        inner = exif.get_ifd(34665)
    assert exif[0x0112] == 1
    assert (inner[0xA002], inner[0xA003]) == (width, height)
    assert (37500 in inner) == (orientation == 1)
    assert picture.left_out == (() if orientation == 1 else ("maker note (it was made before the turn)",))
    assert COPYRIGHT in (tmp_path / "out.jpg").read_bytes()


def sorted_tags(block):
    """The block with the entries of its first directory in the order of their tags."""
    entries = sorted((block[p : p + 12] for p in range(10, 10 + 48, 12)), key=lambda entry: entry[:2][::-1])
    return block[:10] + b"".join(entries) + block[58:]


def test_the_thumbnail_of_the_old_pixels_goes(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Obscura"
    thumbnail = pillow(smooth()[::2, ::2], "JPEG")
    first = app1({0x010F: b"Obscura\0"})
    second = struct.pack("<HHHIIHHII", 2, 513, 4, 1, len(first) + 30, 514, 4, 1, len(thumbnail)) + bytes(4)
    block = bytearray(first + second + thumbnail)
    block[22:26] = struct.pack("<I", len(first))
    assert bytes(block[len(first) + 30 :]) == thumbnail
    picture = read(tmp_path, "p.jpg", with_exif(bytes(block)))
    pictures.write(tmp_path / "out.jpg", picture)
    data = (tmp_path / "out.jpg").read_bytes()
    assert b"Obscura" in data
    assert data.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_xmp_and_iptc_and_profile_travel_between_all_formats(tmp_path, source, target):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = pictures.Picture(smooth() / np.float32(255), icc_profile=profile, xmp=XMP, iptc=IPTC)
    left_out = pictures.write(tmp_path / f"first{source}", picture)
    if source == ".webp":
        assert left_out == ("IPTC (WebP does not hold it)",)
    first = pictures.read(tmp_path / f"first{source}")
    pictures.write(tmp_path / f"second{target}", first)
    second = pictures.read(tmp_path / f"second{target}")
    assert second.xmp == XMP
    assert second.icc_profile == profile
    assert second.iptc == (None if ".webp" in (source, target) else IPTC)
    with Image.open(tmp_path / f"second{target}") as other:
        assert other.info["icc_profile"] == profile
        other.load()
        assert XMP in (other.tag_v2[700] if target == ".tif" else other.info["xmp"])


def test_orientation_and_sizes_in_xmp_are_those_of_the_upright_picture(tmp_path):
    xmp = b'<x tiff:Orientation="6" exif:PixelXDimension="30" tiff:ImageLength="22"/>'
    picture = read(tmp_path, "p.jpg", jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)))
    assert picture.pixels.shape[:2] == (30, 22)
    assert picture.xmp == b'<x tiff:Orientation="1" exif:PixelXDimension="22" tiff:ImageLength="30"/>'


def test_gamma_primaries_and_texts_of_a_png_stay(tmp_path):
    chunks = [(b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", bytes(range(32))), (b"tEXt", b"Author\0J\xf6rg")]
    picture = read(tmp_path, "p.png", png(noise(16, 3), 16, 2, chunks=chunks))
    assert pictures.write(tmp_path / "out.png", picture) == ()
    data = (tmp_path / "out.png").read_bytes()
    for kind, body in chunks:
        assert kind + body in data
    with Image.open(tmp_path / "out.png") as other:
        assert other.info["gamma"] == 1
    assert pictures.write(tmp_path / "out.tif", picture) == (
        "gamma or primaries (only PNG holds them)",
        "texts (only PNG holds them)",
    )


def test_a_comment_and_the_resolution_of_a_jpeg_stay(tmp_path):
    data = pillow(smooth(), "JPEG", dpi=(300, 300), comment=b"caf\xc3\xa9")
    picture = read(tmp_path, "p.jpg", data)
    assert pictures.write(tmp_path / "out.jpg", picture) == ()
    assert b"caf\xc3\xa9" in (tmp_path / "out.jpg").read_bytes()
    with Image.open(tmp_path / "out.jpg") as other:
        assert other.info["dpi"] == (300, 300)


def test_a_lossless_webp_stays_lossless(tmp_path):
    picture = read(tmp_path, "p.webp", pillow(noise(8, 4), "WEBP", lossless=True, exact=True))
    pictures.write(tmp_path / "out.webp", picture)
    with Image.open(tmp_path / "out.webp") as other:
        np.testing.assert_array_equal(np.asarray(other), noise(8, 4))
    lossy = read(tmp_path, "q.webp", pillow(smooth(), "WEBP", quality=80))
    assert not lossy.lossless


def test_print_colors_become_srgb_by_their_profile(tmp_path):
    """Lab is a profile that Pillow makes: what its colors are is known without a profile on the disk."""
    lab = ImageCms.profileToProfile(
        Image.fromarray(smooth()), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    picture = read(tmp_path, "lab.tif", pillow(lab, "TIFF"))
    assert np.abs(picture.pixels * 255 - smooth()).max() < 12  # Lab of 8 bit is coarse
    assert picture.icc_profile is None


@pytest.mark.parametrize(
    ("name", "make", "unread"),
    [
        ("pages.tif", lambda: pages(3), ("2 further pages",)),
        ("frames.webp", lambda: frames("WEBP"), ("2 further frames",)),
        ("frames.png", lambda: frames("PNG"), ("2 further frames",)),
        ("pair.jpg", lambda: frames("MPO"), ("2 further pictures",)),
        ("two.ppm", lambda: 2 * (b"P6 2 2 65535\n" + bytes(24)), ("further pictures",)),
    ],
)
def test_further_pages_frames_and_pictures_are_named(tmp_path, name, make, unread):
    assert read(tmp_path, name, make()).unread == unread


def pages(count):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for seed in range(count):
            file.write(noise(8, 3, seed), photometric="rgb", metadata=None)
    return buffer.getvalue()


def frames(file_format):
    first, *others = (Image.fromarray(noise(8, 3, seed)) for seed in range(3))
    return pillow(first, file_format, save_all=True, append_images=others)


def test_a_gain_map_is_named_and_what_describes_it_goes(tmp_path):
    xmp = b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
    picture = read(tmp_path, "hdr.jpg", jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)))
    assert picture.unread == ("gain map (HDR)",)
    assert picture.left_out == ("XMP (it describes the gain map)",)
    assert picture.xmp is None


@pytest.mark.parametrize("kind", ["DNG", "CFA first", "CR2", "unknown"])
def test_a_raw_file_is_refused_as_such(tmp_path, kind):
    mosaic = noise(16, 1) >> 4
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        if kind == "DNG":
            tags = [(50706, 1, 4, (1, 4, 0, 0), True)]
            file.write(noise(8, 3), photometric="rgb", subfiletype=1, subifds=1, extratags=tags)
        file.write(
            mosaic, photometric=32803, extratags=[(33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True)]
        )
    data = {"CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "unknown": b"something"}.get(kind, buffer.getvalue())
    name = "photo.nef" if kind == "unknown" else "photo.tif"
    with pytest.raises(pictures.ImageError, match="it is a raw file; develop it first"):
        read(tmp_path, name, data)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        (
            "float.tif",
            lambda: picture_kinds.tiff(np.float32(noise(8, 3) / 255), photometric="rgb"),
            "32 bit floats, RGB",
        ),
        ("signed.tif", lambda: picture_kinds.tiff(noise(8, 1).astype(np.int8)), "8 bit signed integers, gray"),
        ("deep.tif", lambda: picture_kinds.tiff(noise(16, 1).astype(np.uint32)), "32 bit integers, gray"),
        ("float.pfm", lambda: b"Pf\n2 2\n-1.0\n" + bytes(16), "a kind of PPM that is not supported"),
        ("lossless.jpg", lambda: b"\xff\xd8\xff\xc3\0\x0b\x0c\0\2\0\2\1\1\x11\0", "a kind of JPEG"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_right_reason(tmp_path, name, make, reason):
    with pytest.raises(pictures.ImageError, match=reason) as error:
        read(tmp_path, name, make())
    assert "\n" not in str(error.value)


def test_our_own_mark_and_scale_do_not_travel_to_an_edited_map(tmp_path):
    pictures.write(tmp_path / "map.png", smooth(1) / np.float32(255), bits=16, description=f"{pictures.MAP}19")
    assert pictures.white_of_map(tmp_path / "map.png") == 19
    pictures.write(tmp_path / "edited.png", pictures.read(tmp_path / "map.png"))
    assert pictures.white_of_map(tmp_path / "edited.png") is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_known_as_ours_until_somebody_changes_it(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    for number in range(5):
        pictures.write(path, noise(8, 3, number) / np.float32(255))
        assert pictures.is_own(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert not pictures.is_own(path)
    Image.fromarray(noise(8, 3)).save(path)
    assert not pictures.is_own(path)


def test_png_chunks_keep_their_sums(tmp_path):
    pictures.write(tmp_path / "a.png", noise(16, 4)[..., :3] / np.float32(65535), bits=16, description="σ")
    with Image.open(tmp_path / "a.png") as other:
        other.verify()


def cmyk_profile():
    """A profile of print colors in which all inks are the wrong way round: full ink is white (ICC.1:2010, lut8Type)."""
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table += bytes(range(256)) * 4
    for inks in range(16):  # the gray of so many inks, in Lab
        table += bytes([round(255 * inks.bit_count() / 4), 128, 128])
    table += bytes(range(256)) * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc\0\0\0\0\0\0\0\5test\0" + bytes(78)
    tags, body = [], b""
    for name, data in ((b"A2B0", table), (b"wtpt", white), (b"desc", text)):
        tags.append(struct.pack(">4sII", name, 128 + 4 + 36 + len(body), len(data)))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s12x4s", 0, b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp").ljust(68, b"\0")
    head = (head + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0")
    profile = head + struct.pack(">I", 3) + b"".join(tags) + body
    return struct.pack(">I", len(profile)) + profile[4:]


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_srgb_by_its_own_profile(tmp_path, suffix):
    white = Image.new("CMYK", (16, 16), (255, 255, 255, 255))
    data = pillow(white, SUFFIXES[suffix], icc_profile=cmyk_profile())
    picture = read(tmp_path, f"p{suffix}", data)
    assert picture.pixels.min() > 0.97  # black, if the profile were not looked at
    assert picture.icc_profile is None


def test_iptc_among_photoshops_resources_of_a_tiff_is_kept_and_its_layers_are_named(tmp_path):
    resources = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    tags = [(34377, 7, len(resources), resources, True), (37724, 7, 9, b"layers...", True)]
    picture = read(tmp_path, "p.tif", picture_kinds.tiff(noise(16, 3), photometric="rgb", extratags=tags))
    assert picture.iptc == IPTC
    assert picture.unread == ("layers",)


def test_content_credentials_do_not_vouch_for_an_edit(tmp_path):
    for name, data in {
        "p.jpg": jpeg_with((0xEB, b"JP\0\0\0\0\0\1jumb c2pa")),
        "p.png": png(noise(8, 3), 8, 2, chunks=[(b"caBX", b"jumb c2pa")]),
    }.items():
        picture = read(tmp_path, name, data)
        (left_out,) = picture.left_out
        assert left_out.startswith("content credentials")
        pictures.write(tmp_path / f"out-{name}", picture)
        assert b"c2pa" not in (tmp_path / f"out-{name}").read_bytes()
