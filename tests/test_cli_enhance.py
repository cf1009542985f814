"""`defocus enhance`: what it writes, what it keeps of a file, and what it refuses."""

import functools
import inspect
import os
from dataclasses import replace

import command_line
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from lib import blur_map, classifiers, enhancement, images, photos, refinement
from lib.cli import pictures
from lib.cli.enhance import enhance_command, options_of


@pytest.fixture(scope="module")
def crop():
    return photos.load("coffee")[100:190, 180:290]


@pytest.fixture
def map_file(tmp_path, crop):
    path = tmp_path / "photo.npy"
    np.save(path, sigma_map(crop))
    return path


def sigma_map(pixels):
    return np.tile(np.linspace(0, 12, pixels.shape[1], dtype=np.float32), (len(pixels), 1))


run = functools.partial(command_line.run, "enhance")


def written(path):
    return images.to_uint8(pictures.read(path).pixels)


def test_adaptive_writes_what_the_library_computes(photo, map_file, tmp_path):
    assert run(photo, "-o", tmp_path / "new" / "out.png", "--map", map_file) == 0
    pixels = pictures.read(photo).pixels
    expected = enhancement.adaptive(pixels, sigma_map(pixels))
    np.testing.assert_array_equal(written(tmp_path / "new" / "out.png"), images.to_uint8(expected))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.png"]


def test_map_is_estimated_if_there_is_none(photo, tmp_path, monkeypatch):
    network = classifiers.load("mobilenet_v2-lens")
    monkeypatch.setattr(classifiers, "load", {"mobilenet_v2-lens": network}.get)  # it takes a while
    assert run(photo, "-o", tmp_path / "out.png", "--estimator", "paper", "--step", 32, "--strength", 3) == 0
    pixels = pictures.read(photo).pixels
    sigma = refinement.refine(blur_map.estimate(pixels, network, 32), pixels)
    expected = enhancement.adaptive(pixels, sigma, replace(enhancement.FIGURE_11, strength=3))
    np.testing.assert_array_equal(written(tmp_path / "out.png"), images.to_uint8(expected))


@pytest.mark.parametrize(
    ("method", "words", "options"),
    [
        ("um", ("--strength", 1, "--sigma", 2), {"strength": 1, "sigma": 2}),
        ("um", ("--color", "channels"), {"color": "channels"}),
        ("gum", ("--strength", 3, "--contrast", 0.01), {"strength": 3, "contrast": 0.01}),
        (
            "cas",
            ("--strength", 0.2, "--color", "green", "--no-diagonals", "--linear"),
            {"strength": 0.2, "color": "green", "diagonals": False, "linear": True},
        ),
    ],
)
def test_other_methods_need_no_map(photo, tmp_path, monkeypatch, method, words, options):
    monkeypatch.setattr(blur_map, "estimate", None)  # would fail
    assert run(photo, "-o", tmp_path / "out.png", "--method", method, *words) == 0
    expected = enhancement.enhance(pictures.read(photo).pixels, method, **options)
    np.testing.assert_array_equal(written(tmp_path / "out.png"), images.to_uint8(expected))


def test_curve_reaches_the_library(photo, map_file, tmp_path):
    words = ("--alpha1", 50, "--beta1", 0.1, "--alpha2", 25, "--beta2", 0.5, "--strength", 1)
    assert run(photo, "-o", tmp_path / "out.png", "--map", map_file, *words) == 0
    pixels = pictures.read(photo).pixels
    expected = enhancement.adaptive(pixels, sigma_map(pixels), enhancement.FIGURE_10)
    np.testing.assert_array_equal(written(tmp_path / "out.png"), images.to_uint8(expected))


@pytest.mark.parametrize("method", enhancement.METHODS)
@pytest.mark.parametrize("bits", [8, 16])
def test_strength_zero_keeps_every_value(tmp_path, map_file, crop, method, bits):
    path = tmp_path / "photo.tif"
    pictures.write(path, crop * 0.99, bits=bits)
    words = ("--map", map_file) if method == "adaptive" else ()
    assert run(path, "-o", tmp_path / "out.tif", "--method", method, "--strength", 0, *words) == 0
    before, after = pictures.read(path), pictures.read(tmp_path / "out.tif")
    assert after.bits == bits
    np.testing.assert_array_equal(after.pixels, before.pixels)


def test_16_bit_stays_16_bit(tmp_path):
    ramp = np.tile(np.linspace(0.3, 0.7, 500), (80, 1))
    pictures.write(tmp_path / "ramp.png", ramp, bits=16)
    for method in ("um", "gum", "cas"):
        assert run(tmp_path / "ramp.png", "-o", tmp_path / "out.png", "--method", method) == 0
        out = pictures.read(tmp_path / "out.png")
        assert out.bits == 16
        assert len(np.unique(out.pixels[40])) > 450  # 8 bit would have 102


def test_exif_and_profile_are_carried_over(tmp_path, crop):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A. Photographer"
    exif[ExifTags.Base.Orientation] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(images.to_uint8(crop)).save(tmp_path / "in.jpg", exif=exif, icc_profile=profile)
    assert run(tmp_path / "in.jpg", "-o", tmp_path / "out.jpg", "--method", "cas") == 0
    with Image.open(tmp_path / "out.jpg") as out:
        assert out.size == crop.shape[:2]  # turned upright
        assert out.getexif()[ExifTags.Base.Artist] == "A. Photographer"
        assert out.getexif()[ExifTags.Base.Orientation] == 1
        assert out.info["icc_profile"] == profile


def test_alpha_stays_and_hidden_colors_make_no_halo(tmp_path, crop):
    alpha = np.ones(crop.shape[:2], np.float32)
    alpha[:, 60:], alpha[:, 50:60] = 0, 0.6
    flat = np.full_like(crop, 0.4)
    flat[:, 60:] = 0
    pictures.write(tmp_path / "in.png", pictures.Picture(flat, alpha))
    assert run(tmp_path / "in.png", "-o", tmp_path / "out.png", "--method", "um") == 0
    before, after = pictures.read(tmp_path / "in.png"), pictures.read(tmp_path / "out.png")
    np.testing.assert_array_equal(after.alpha, before.alpha)
    np.testing.assert_array_equal(after.pixels, before.pixels)


def test_a_folder_with_one_bad_photo(tmp_path, crop, capsys):
    (tmp_path / "in").mkdir()
    pictures.write(tmp_path / "in" / "a.png", crop)
    pictures.write(tmp_path / "in" / "b.jpg", crop)
    (tmp_path / "in" / "c.jpg").write_text("no picture")
    assert run(tmp_path / "in", "-o", tmp_path / "out", "--method", "um") == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.jpg"]
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[1] == "error: 1 of 3 photos failed: c.jpg."


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--method", "blur"), "'blur' is not one of 'adaptive'"),
        (
            ("--method", "um", "--contrast", 0.1),
            "--contrast means nothing to --method um, which takes --color, --sigma",
        ),
        (("--strength", -1), "strength to be finite and not negative"),
        (("--alpha1", "nan"), "'--alpha1': 'nan' is not a finite number"),
        (("--sigma", -1), "sigma to be finite"),
        (("--color", "green"), "color to be one of"),
        (("--method", "cas", "--strength", 1), "a strength of 0 to 0.2"),
        (("--method", "gum", "--strength", 0.5), "would blur"),
        (("--map", "gone.npy"), "Cannot read the map gone.npy"),
        (("--estimator", "paper", "--step", 0), "0 is not in the range 1<=x<=32"),
        (("--estimator", "paper", "--model", "resnet"), "Unknown model 'resnet'"),
    ],
)
def test_bad_options_end_in_one_line(photo, tmp_path, capsys, words, part):
    assert run(photo, "-o", tmp_path / "out" / "x.png", *words) == 2
    message = capsys.readouterr().err
    assert part in message
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("--sigma", -1), ("--strength", "inf"), ("--color", "green")])
def test_bad_parameters_are_refused_before_the_work(photo, tmp_path, monkeypatch, words):
    monkeypatch.setattr(pictures, "read", None)  # would fail
    assert run(photo, "-o", tmp_path / "x.png", *words) == 2


def test_bad_photos_end_in_one_line(tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("hello")
    for name, part in (("gone.jpg", "No such photo"), ("text.jpg", "it is no PNG")):
        assert run(tmp_path / name, "-o", tmp_path / "out" / "x.png", "--method", "um") == 2
        message = capsys.readouterr().err
        assert part in message
        assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_map_of_another_photo_is_refused(photo, tmp_path, capsys):
    np.save(tmp_path / "other.npy", np.ones((3, 4)))
    assert run(photo, "-o", tmp_path / "out.png", "--map", tmp_path / "other.npy") == 2
    assert "does not fit" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_the_photo_itself_is_never_replaced(photo, tmp_path, capsys):
    before = photo.read_bytes()
    for output in (photo, tmp_path):
        assert run(photo, "-o", output, "--method", "um") == 2
        assert "is the photo itself" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_nothing_is_left_where_writing_fails(photo, tmp_path, monkeypatch):
    def fail(*_):
        msg = "disk full"
        raise OSError(msg)

    monkeypatch.setattr(os, "replace", fail)
    assert run(photo, "-o", tmp_path / "out.png", "--method", "um") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


def test_options_are_the_parameters_of_the_functions():
    offered = {option.name for option in enhance_command.params}
    for method, function in enhancement.METHODS.items():
        taken = set(inspect.signature(function).parameters) - {"image", "sigma_map", "curve"}
        curve = vars(enhancement.FIGURE_11).keys() if method == "adaptive" else set()
        assert options_of(method) == taken | curve
        assert options_of(method) <= offered
