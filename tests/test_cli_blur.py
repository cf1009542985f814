"""``defocus blur`` as its user meets it."""

import functools

import command_line
import numpy as np
import pytest
from PIL import Image

from lib import images, photos, shallow_focus
from lib.cli import pictures

HEIGHT, WIDTH = 60, 80


@pytest.fixture(scope="module")
def crop():
    return photos.load("flower")[120 : 120 + HEIGHT, 180 : 180 + WIDTH]


@pytest.fixture
def sigma(tmp_path):
    """A map, in focus at the left and out of focus at the right, and its file."""
    blur = np.tile(np.linspace(0, 9, WIDTH, dtype=np.float32), (HEIGHT, 1))
    np.save(tmp_path / "map.npy", blur)
    return blur


run = functools.partial(command_line.run, "blur")


@pytest.mark.parametrize(
    ("words", "variant", "options"),
    [
        ((), "lens", {}),
        (("--variant", "paper", "--strength", 0.5, "--c0", 2, "--c1", 5), "paper", {"strength": 0.5, "c0": 2, "c1": 5}),
        (("--variant", "released"), "released", {}),
        (("--variant", "lens"), "lens", {}),
        (("--variant", "lens", "--f-number", 4, "--photo-f-number", 11), "lens", {"f_number": 4, "photo_f_number": 11}),
        (("--variant", "lens", "--focus", "70,20"), "lens", {"focus": (70, 20)}),
    ],
)
def test_writes_what_the_library_computes(photo, sigma, tmp_path, words, variant, options):
    assert run(photo, "-o", tmp_path / "new" / "out.png", "--map", tmp_path / "map.npy", *words) == 0
    expected = shallow_focus.render(pictures.read(photo).pixels, sigma, variant, **options)
    np.testing.assert_array_equal(
        images.to_uint8(pictures.read(tmp_path / "new/out.png").pixels), images.to_uint8(expected)
    )


def test_estimates_the_map_where_none_is_given(photo, tmp_path):
    assert (
        run(photo, "-o", tmp_path / "out.png", "--estimator", "paper", "--step", 32, "--model", "mobilenet_v2-lens")
        == 0
    )
    assert pictures.read(tmp_path / "out.png").pixels.shape == (HEIGHT, WIDTH, 3)


def test_the_default_leaves_no_color_of_the_subject_on_the_ground(tmp_path):
    y, x = np.mgrid[:160, :160]
    disc = np.hypot(x - 80, y - 80) < 45
    noise = np.random.default_rng(0).normal(0.5, 0.02, (160, 160, 1)).repeat(3, 2)
    pictures.write(tmp_path / "disc.png", np.where(disc[..., None], [0.9, 0.05, 0.05], noise).astype(np.float32))
    np.save(tmp_path / "map.npy", np.where(disc, 0.0, 4.0).astype(np.float32))
    red = {}
    for variant in ((), ("--variant", "paper")):
        assert run(tmp_path / "disc.png", "-o", tmp_path / "out.png", "--map", tmp_path / "map.npy", *variant) == 0
        out = 255 * pictures.read(tmp_path / "out.png").pixels[~disc]
        red[variant] = (out[:, 0] - out[:, 1]).max()
    assert red[()] < 1
    assert red["--variant", "paper"] > 10


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_16_bit_stays_16_bit(crop, sigma, tmp_path, ending):
    path = tmp_path / f"deep{ending}"
    pictures.write(path, crop / 1.1, bits=16)
    assert run(path, "-o", tmp_path / f"out{ending}", "--map", tmp_path / "map.npy") == 0
    out = pictures.read(tmp_path / f"out{ending}")
    assert out.bits == 16
    assert np.abs(out.pixels * 255 - np.rint(out.pixels * 255)).max() > 0.3  # no 8 bit on the way


def test_alpha_stays_and_hidden_colors_do_not_spread(crop, sigma, tmp_path):
    alpha = np.ones((HEIGHT, WIDTH), np.float32)
    alpha[:, 60:] = 0
    results = []
    for name, hidden in (("red", (1, 0, 0)), ("blue", (0, 0, 1))):
        pixels = np.where(alpha[..., None] > 0, crop, np.float32(hidden))
        pictures.write(tmp_path / f"{name}.png", pictures.Picture(pixels, alpha))
        assert run(tmp_path / f"{name}.png", "-o", tmp_path / "out" / name, "--map", tmp_path / "map.npy") == 0
        out = pictures.read(tmp_path / "out" / f"{name}.png")
        np.testing.assert_array_equal(out.alpha, alpha)
        np.testing.assert_array_equal(out.pixels[:, 60:], pixels[:, 60:])
        results.append(out.pixels[:, :60])
    np.testing.assert_array_equal(*results)
    assert np.abs(results[0] - crop[:, :60]).max() > 0.05


def test_exif_and_profile_are_carried_and_the_f_number_is_read(crop, sigma, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x829D] = 4.0  # FNumber
    profile = b"\0" * 16 + b"RGB " + b"\0" * 108
    path = tmp_path / "photo.png"
    Image.fromarray(images.to_uint8(crop)).save(path, exif=exif, icc_profile=profile)
    words = ("--variant", "lens", "--map", tmp_path / "map.npy")
    assert run(path, "-o", tmp_path / "out.png", "--f-number", 2, *words) == 0
    out = pictures.read(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as stored:
        assert stored.getexif()[0x010F] == "Maker"
    assert out.icc_profile == profile
    expected = shallow_focus.render(pictures.read(path).pixels, sigma, "lens", f_number=2, photo_f_number=4)
    np.testing.assert_array_equal(images.to_uint8(out.pixels), images.to_uint8(expected))
    assert run(path, "-o", tmp_path / "same.png", "--f-number", 4, *words) == 0  # as it was taken
    np.testing.assert_array_equal(pictures.read(tmp_path / "same.png").pixels, pictures.read(path).pixels)


def test_a_folder_blurs_what_it_can_and_names_the_rest(crop, sigma, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    pictures.write(folder / "a.png", crop)
    pictures.write(folder / "b.jpg", crop)
    pictures.write(folder / "small.png", crop[:40])
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in ("a.npy", "b.jpg.npy", "small.npy"):
        np.save(maps / name, sigma)
    words = ("--variant", "lens", "--focus", "10,50", "--map", maps)
    assert run(folder, "-o", tmp_path / "out", *words) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.jpg"]
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert "The focus 10,50 is outside" in lines[0]
    assert "its pixels are 0,0 to 79,39" in lines[0]
    assert lines[1] == "error: 1 of 3 photos failed: small.png."


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--variant", "bokeh"), "'bokeh' is not one of 'paper', 'released', 'lens'"),
        (
            ("--variant", "paper", "--f-number", 2),
            "--f-number means nothing to --variant paper, which takes",
        ),
        (("--variant", "lens", "--strength", 1), "--strength means nothing to --variant lens"),
        (("--variant", "lens", "--f-number", 0), "0.0 is not in the range x>0"),
        (("--variant", "lens", "--focus", "80,3"), "The focus 80,3 is outside"),
        (("--variant", "lens", "--focus", "nan,3"), "is outside"),
        (("--variant", "lens", "--focus", "middle"), "'middle' is no point: expected X,Y, e.g. 640,480"),
        (("--strength", 2), "2.0 is not in the range 0<=x<=1"),
        (("--variant", "paper", "--c0", 8), "Expected c0 < c1 < 10, got c0 = 8.0 and c1 = 7.0"),
        (("--variant", "released", "--c1", 10), "Expected c0 < c1 < 10"),
        (("--map", "gone.npy"), "Cannot read the map gone.npy"),
    ],
)
def test_bad_options_end_in_one_line(photo, sigma, tmp_path, capsys, words, part):
    words = ("--map", tmp_path / "map.npy", *words)
    assert run(photo, "-o", tmp_path / "out" / "x.png", *words) == 2
    message = capsys.readouterr().err
    assert part in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bad_photos_and_outputs_end_in_one_line(photo, sigma, tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("hello")
    before = photo.read_bytes()
    cases = [
        ((tmp_path / "gone.png", "-o", tmp_path / "out" / "x"), "No such photo: "),
        ((tmp_path / "text.jpg", "-o", tmp_path / "out" / "x"), "text.jpg: it is no PNG"),
        ((photo, "-o", photo), "is the photo itself: name another file or folder"),
        ((photo, "-o", tmp_path), "is the photo itself: name another file or folder"),
    ]
    for words, part in cases:
        assert run(*words, "--map", tmp_path / "map.npy") == 2
        message = capsys.readouterr().err
        assert part in message
        assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert photo.read_bytes() == before
