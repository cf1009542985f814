"""Arrays that are images: from files that others wrote, what is refused, gray, 8 bit."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from skimage.util import img_as_ubyte

from lib import images


@pytest.mark.parametrize("ending", ["tif", "png", "pnm"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(9, 14, 3), (9, 14)])
def test_read_gives_the_samples_that_others_wrote(tmp_path, ending, kind, shape):
    samples, path = np.random.default_rng(0).integers(0, np.iinfo(kind).max + 1, shape, kind), tmp_path / f"a.{ending}"
    if ending == "tif":
        tifffile.imwrite(path, samples)
    else:
        cv2.imwrite(str(path), samples if samples.ndim == 2 else samples[..., ::-1])
    image = images.read(path)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, np.float32(samples) / np.float32(np.iinfo(kind).max))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_turns_a_photo_upright_as_pillow_does(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)).save(path, exif=exif)
    with Image.open(path) as file:
        np.testing.assert_array_equal(images.to_uint8(images.read(path)), np.asarray(ImageOps.exif_transpose(file)))


def test_read_leaves_transparency_out(tmp_path):
    samples = np.random.default_rng(0).integers(0, 256, (9, 14, 4), np.uint8)
    Image.fromarray(samples).save(tmp_path / "a.png")
    np.testing.assert_array_equal(images.to_uint8(images.read(tmp_path / "a.png")), samples[..., :3])


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_read_refuses_what_is_no_whole_picture_in_one_line(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    for damaged in (None, b"", b"no picture"):
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(images.ImageError, match=r"^Cannot read .*a\.\w+ \(.*\): expected a whole picture.*\.$"):
            images.read(path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(images.ImageError):
        images.read(path)


@pytest.mark.parametrize(
    ("image", "part"),
    [
        (np.zeros(5), "shape"),
        (np.zeros((5, 5, 4)), "shape"),
        (np.zeros((0, 5)), "shape"),
        (np.zeros((5, 5), np.uint8), "divide 8 bit values by 255"),
        (np.array([[0, np.nan]]), "NaN"),
        (np.array([[0, np.inf]]), "infinity"),
        (np.array([[0, 1.5]]), "from 0 to 1.5"),
        (np.array([[-0.5, 1]]), "from -0.5 to 1"),
    ],
)
def test_check_image_names_the_trouble(image, part):
    with pytest.raises(ValueError, match=part) as error:
        images.check_image(image, "guide")
    assert "guide" in str(error.value)
    assert "\n" not in str(error.value)


def test_check_image_gives_float32():
    assert images.check_image(np.random.default_rng(0).random((3, 4, 3))).dtype == np.float32


def test_to_gray_is_rec_601_luma():
    rgb = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.float32) / 255
    np.testing.assert_allclose(images.to_gray(rgb), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), atol=1e-4)
    assert images.to_gray(np.ones((9, 9, 3))).max() <= 1
    gray = rgb[..., 0]
    np.testing.assert_array_equal(images.to_gray(gray), gray)


def test_to_uint8_rounds_and_clips():
    picture = np.random.default_rng(0).random((30, 40))
    np.testing.assert_array_equal(images.to_uint8(picture), img_as_ubyte(picture))
    np.testing.assert_array_equal(images.to_uint8(np.array([[-1, 2.0]])), [[0, 255]])
