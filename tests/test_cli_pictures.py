"""Pictures survive files: against Pillow, OpenCV, imageio and tifffile as independent readers and writers."""

import os
import struct
import zlib

import cv2
import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from lib.cli import pictures

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKE, ORIENTATION, EXIF, GPS, F_NUMBER, LATITUDE_REF = 271, 274, 34665, 34853, 33437, 1
ALL_BITS = [(".png", 8), (".png", 16), (".tif", 8), (".tif", 16), (".jpg", 8), (".webp", 8)]


def smooth(channels=3, height=37, width=50):
    """A colorful gradient, on the 16 bit grid, that lossy formats keep well."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    stack = np.dstack([x, y, (x + y) / 2, 1 - x / 2])[..., :channels]
    return (np.rint(stack.squeeze() * 65535) / 65535).astype(np.float32)


def noise(shape, bits, seed=0):
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def as_float(samples):
    return (samples / np.iinfo(samples.dtype).max).astype(np.float32)


def camera_exif(orientation=1):
    exif = Image.Exif()
    exif[MAKE] = "Obscura"
    exif[ORIENTATION] = orientation
    exif.get_ifd(EXIF)[F_NUMBER] = 2.8
    exif.get_ifd(GPS)[LATITUDE_REF] = "S"
    return exif


def independent_read(path):
    """The stored samples, channels in the order R, G, B, A, by OpenCV or tifffile."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    samples = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]


# Writing, read by others


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("shape", [(70, 9), (70, 9, 3), (1, 1)])
def test_written_samples_are_read_by_others(tmp_path, suffix, bits, shape):
    samples, path = noise(shape, bits), tmp_path / f"a{suffix}"
    pictures.write(path, as_float(samples), bits=bits)
    np.testing.assert_array_equal(independent_read(path), samples)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_written_alpha_is_read_by_others(tmp_path, suffix, bits):
    samples, path = noise((40, 30, 4), bits), tmp_path / f"a{suffix}"
    pictures.write(path, pictures.Picture(as_float(samples[..., :3]), as_float(samples[..., 3]), bits))
    np.testing.assert_array_equal(independent_read(path), samples)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_files_stay_close(tmp_path, suffix):
    picture, path = smooth(), tmp_path / f"a{suffix}"
    pictures.write(path, picture)
    assert np.abs(imageio.imread(path) / 255 - picture).mean() < 0.01
    assert np.abs(pictures.read(path).pixels - picture).mean() < 0.01


@pytest.mark.parametrize(("suffix", "bits"), ALL_BITS)
def test_exif_and_color_profile_are_read_by_others(tmp_path, suffix, bits):
    path = tmp_path / f"a{suffix}"
    pictures.write(path, pictures.Picture(smooth(), bits=bits, exif=camera_exif().tobytes(), icc_profile=SRGB))
    with Image.open(path) as other:
        other.load()
        exif = other.getexif()
        assert other.info["icc_profile"] == SRGB
        assert exif[MAKE] == "Obscura"
        assert float(exif.get_ifd(EXIF)[F_NUMBER]) == pytest.approx(2.8)
        assert exif.get_ifd(GPS)[LATITUDE_REF] == "S"


@pytest.mark.parametrize("bits", [8, 16])
def test_description_is_read_by_others(tmp_path, bits):
    text = "defocus in sigma, 19 pixels at 65535"
    pictures.write(tmp_path / "a.png", smooth(1), bits=bits, description=text)
    pictures.write(tmp_path / "a.tif", smooth(1), bits=bits, description=text)
    with Image.open(tmp_path / "a.png") as png, tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert png.text["Description"] == text
        assert tiff.pages[0].description == text


def test_description_beyond_latin_is_kept_in_png(tmp_path):
    pictures.write(tmp_path / "a.png", smooth(1), bits=16, description="σ ≤ 19")
    with Image.open(tmp_path / "a.png") as png:
        assert png.text["Description"] == "σ ≤ 19"


def test_color_profile_is_not_put_on_gray(tmp_path):
    for bits in (8, 16):
        pictures.write(tmp_path / "a.png", pictures.Picture(smooth(1), bits=bits, icc_profile=SRGB))
        assert pictures.read(tmp_path / "a.png").icc_profile is None


# Reading what others wrote


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("shape", [(21, 34), (21, 34, 3), (21, 34, 4)])
def test_read_what_opencv_wrote(tmp_path, suffix, bits, shape):
    samples, path = noise(shape, bits), tmp_path / f"a{suffix}"
    bgr = samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: shape[2]]]
    assert cv2.imwrite(str(path), bgr)
    picture = pictures.read(path)
    assert picture.bits == bits
    assert picture.pixels.dtype == np.float32
    np.testing.assert_array_equal(picture.pixels, as_float(samples[..., :3] if samples.ndim == 3 else samples))
    if shape[2:] == (4,):
        np.testing.assert_array_equal(picture.alpha, as_float(samples[..., 3]))
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_read_16_bit_tiff_of_either_byte_order(tmp_path, byteorder):
    samples = noise((11, 12, 3), 16)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", byteorder=byteorder)
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.tif").pixels, as_float(samples))


@pytest.mark.parametrize("bits", [8, 16])
def test_read_tiff_whose_zero_is_white(tmp_path, bits):
    samples = noise((11, 12), bits)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="miniswhite")
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.tif").pixels, as_float(~samples))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "bits"), ALL_BITS)
def test_exif_turn_is_applied_once(tmp_path, suffix, bits, orientation):
    path = tmp_path / f"turned{suffix}"
    stored = smooth()
    pictures.write(path, stored, bits=bits)
    with Image.open(path) as unturned:
        expected = np.asarray(ImageOps.exif_transpose(with_orientation(unturned.convert("RGB"), orientation)))
    set_orientation(path, bits, orientation)
    picture = pictures.read(path)
    assert picture.bits == bits
    assert picture.pixels.shape == expected.shape
    # Pillow has the 8 upper bits of 16; JPEG and WebP are encoded anew.
    np.testing.assert_allclose(picture.pixels, expected / 255, atol=0.03 if suffix in (".jpg", ".webp") else 0.005)
    exif = Image.Exif()
    exif.load(picture.exif)
    assert exif[ORIENTATION] == 1


def with_orientation(picture, orientation):
    picture.getexif()[ORIENTATION] = orientation
    return picture


def set_orientation(path, bits, orientation):
    """Store an orientation in a file: TIFF by tifffile, 16 bit PNG by adding the chunk, the rest by Pillow."""
    samples, exif = independent_read(path), camera_exif(orientation)
    if path.suffix == ".tif":
        tifffile.imwrite(path, samples, photometric="rgb", extratags=[(ORIENTATION, "H", 1, orientation, True)])
    elif bits == 16:
        data, body = path.read_bytes(), b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        path.write_bytes(data[:33] + chunk + data[33:])  # after the header
    else:
        Image.fromarray(samples).save(path, exif=exif.tobytes(), quality=95)


def test_written_picture_is_never_turned_again(tmp_path):
    pictures.write(tmp_path / "a.jpg", pictures.Picture(smooth(), exif=camera_exif(6).tobytes()))
    assert pictures.read(tmp_path / "a.jpg").pixels.shape == smooth().shape


def test_palette_becomes_rgb_with_its_transparency(tmp_path):
    indices = Image.fromarray(np.array([[0, 1], [1, 2]], np.uint8)).convert("P")
    indices.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    indices.save(tmp_path / "opaque.png")
    indices.save(tmp_path / "clear.png", transparency=1)
    rgb = np.eye(3, dtype=np.float32)[[[0, 1], [1, 2]]]
    opaque, clear = pictures.read(tmp_path / "opaque.png"), pictures.read(tmp_path / "clear.png")
    np.testing.assert_array_equal(opaque.pixels, rgb)
    assert opaque.alpha is None
    np.testing.assert_array_equal(clear.alpha, [[1, 0], [0, 1]])


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (4, 3), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(
        pictures.read(tmp_path / "a.jpg").pixels, np.broadcast_to([1, 0, 0], (3, 4, 3)), atol=0.02
    )


def test_1_bit_becomes_gray(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.png").pixels, [[1, 0]])


@pytest.mark.parametrize("bits", [8, 16])
def test_gray_with_alpha_stays_gray_in_png(tmp_path, bits):
    samples = noise((6, 7, 2), bits)
    pictures.write(tmp_path / "a.png", pictures.Picture(as_float(samples[..., 0]), as_float(samples[..., 1]), bits))
    with Image.open(tmp_path / "a.png") as other:
        other = np.asarray(other)[..., [0, -1]]  # of 16 bit, Pillow has the 8 upper ones, gray as RGB
        np.testing.assert_array_equal(other, samples if bits == 8 else samples >> 8)
    picture = pictures.read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, as_float(samples[..., 0]))
    np.testing.assert_array_equal(picture.alpha, as_float(samples[..., 1]))


@pytest.mark.parametrize(("suffix", "bits"), ALL_BITS)
def test_metadata_survive_reading_and_writing(tmp_path, suffix, bits):
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    pictures.write(first, pictures.Picture(smooth(), bits=bits, exif=camera_exif().tobytes(), icc_profile=SRGB))
    picture = pictures.read(first)
    pictures.write(second, picture)
    again = pictures.read(second)
    assert (again.bits, again.exif, again.icc_profile) == (bits, picture.exif, SRGB)
    assert again.exif is not None


# Errors


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("empty.jpg", b"", "empty"),
        ("text.jpg", b"Dear reader,\n" * 20, "no PNG, JPEG, TIFF, WebP, BMP or PPM picture"),
        ("head.png", b"\x89PNG\r\n\x1a\n\0\0", ""),
    ],
)
def test_file_that_is_no_picture_is_refused(tmp_path, name, content, part):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(pictures.ImageError) as error:
        pictures.read(tmp_path / name)
    one_line(error, tmp_path / name, part)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(pictures.ImageError) as error:
        pictures.read(tmp_path / "gone.png")
    one_line(error, tmp_path / "gone.png", "no such file")
    with pytest.raises(pictures.ImageError) as error:
        pictures.read(tmp_path)
    one_line(error, tmp_path, "folder")


@pytest.mark.parametrize(("suffix", "bits"), ALL_BITS)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_picture_is_refused(tmp_path, suffix, bits, kept):
    path = tmp_path / f"cut{suffix}"
    pictures.write(path, as_float(noise((40, 50, 3), 8)), bits=bits)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(pictures.ImageError, match="damaged or cut off") as error:
        pictures.read(path)
    one_line(error, path)


def test_float_tiff_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", smooth(1))
    with pytest.raises(pictures.ImageError, match="8 or 16 bit") as error:
        pictures.read(tmp_path / "a.tif")
    one_line(error, "a.tif")


@pytest.mark.parametrize("side", [25_000, 200_000])
def test_decompression_bomb_is_refused(tmp_path, side):
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, body, b"IEND"))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with pytest.raises(pictures.ImageError, match="400 million pixels"):
        pictures.read(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("name", "picture", "bits", "part"),
    [
        ("a.gif", smooth(), None, "use .png"),
        ("a", smooth(), None, "use .png"),
        ("a.jpg", smooth(), 16, "holds 8 bit"),
        ("a.webp", smooth(), 16, "holds 8 bit"),
        ("a.jpg", pictures.Picture(smooth(), smooth(1)), None, "no transparency"),
        ("a.webp", np.zeros((2, 17_000), np.float32), None, "a.webp"),
        ("missing/a.png", smooth(), None, "folder"),
    ],
)
def test_write_says_what_it_cannot(tmp_path, name, picture, bits, part):
    with pytest.raises(pictures.ImageError) as error:
        pictures.write(tmp_path / name, picture, bits=bits)
    one_line(error, tmp_path / name, part)
    assert list(tmp_path.iterdir()) == []


def test_opaque_alpha_goes_to_jpeg(tmp_path):
    pictures.write(tmp_path / "a.jpg", pictures.Picture(smooth(), np.ones((37, 50), np.float32)))
    assert pictures.read(tmp_path / "a.jpg").alpha is None


def test_16_bit_picture_goes_to_jpeg_as_8_bit(tmp_path):
    pictures.write(tmp_path / "a.jpg", pictures.Picture(smooth(), bits=16))
    assert pictures.read(tmp_path / "a.jpg").bits == 8


def test_write_checks_its_arguments(tmp_path):
    with pytest.raises(ValueError, match="8 or 16 bits, got 12"):
        pictures.write(tmp_path / "a.png", smooth(), bits=12)
    with pytest.raises(ValueError, match="alpha of shape"):
        pictures.write(tmp_path / "a.png", pictures.Picture(smooth(), smooth(1).T))
    with pytest.raises(ValueError, match="NaN"):
        pictures.write(tmp_path / "a.png", np.full((4, 4), np.nan))
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    pictures.write(path, smooth())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(pictures.ImageError, match="No space left") as error:
        pictures.write(path, smooth() / 2)
    one_line(error, path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == before


def test_write_into_a_file_as_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(pictures.ImageError, match="folder"):
        pictures.write(tmp_path / "file" / "a.png", smooth())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_write_into_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(pictures.ImageError, match="may write"):
            pictures.write(tmp_path / "a.png", smooth())
    finally:
        tmp_path.chmod(0o700)


def test_written_file_has_the_usual_rights(tmp_path):
    pictures.write(tmp_path / "a.png", smooth())
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
