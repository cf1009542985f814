"""``defocus fuse`` as its user meets it."""

import functools
import subprocess
import sys

import command_line
import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from lib import fusion, images, photos
from lib.cli import pictures

HEIGHT, WIDTH = 120, 160

PAPER = ("--estimator", "paper")


@pytest.fixture(scope="module")
def scene():
    """A sharp photo and two frames of it, sharp at the left and at the right."""
    sharp = photos.load("motorcycle")[200 : 200 + HEIGHT, 300 : 300 + WIDTH]
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3)
    left = (np.arange(WIDTH) < WIDTH // 2)[:, None]
    return sharp, [np.where(left, sharp, blurred), np.where(left, blurred, sharp)]


@pytest.fixture
def frames(tmp_path, scene):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, frame in zip(paths, scene[1], strict=True):
        pictures.write(path, frame)
    return paths


run = functools.partial(command_line.run, "fuse")


@pytest.mark.parametrize("method", ["gff", "gff-table3", "gfdf", "ifgd", "defocus"])
def test_writes_what_the_library_computes(frames, tmp_path, method):
    words = ["--no-map"] if method == "defocus" else []
    assert run(*frames, "-o", tmp_path / "new" / "out.png", "--method", method, *words) == 0
    expected = fusion.fuse([pictures.read(path).pixels for path in frames], method)
    out = pictures.read(tmp_path / "new" / "out.png").pixels
    np.testing.assert_array_equal(images.to_uint8(out), images.to_uint8(expected))


def test_a_method_that_joins_gets_the_maps(frames, tmp_path):
    methods = tmp_path / "methods"
    methods.mkdir()
    code = "def blurs(stack, blur_maps):\n    return np.stack([*blur_maps, blur_maps[0]], -1) / 19\n"
    (methods / "blurs.py").write_text(f"import numpy as np\n{code}METHODS = {{'blurs': blurs}}\n")
    joined = f"from lib import fusion; fusion.__path__.append({str(methods)!r}); from lib import cli; cli.main()"
    words = [*map(str, frames), "-o", str(tmp_path / "out.png"), "--method", "blurs"]
    subprocess.run([sys.executable, "-c", joined, "fuse", *words], check=True)
    first, second, _ = np.moveaxis(pictures.read(tmp_path / "out.png").pixels, -1, 0)
    left = np.arange(WIDTH) < WIDTH // 2
    assert np.median(first[:, left]) < np.median(second[:, left])
    assert np.median(second[:, ~left]) < np.median(first[:, ~left])


def test_a_folder_stands_for_its_photos(frames, tmp_path):
    (tmp_path / "stack").mkdir()
    for frame in frames:
        frame.rename(tmp_path / "stack" / frame.name)
    assert run(tmp_path / "stack", "-o", tmp_path / "out.png", "--no-map") == 0
    assert pictures.read(tmp_path / "out.png").pixels.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["defocus", "paper"])
def test_estimates_the_maps(frames, tmp_path, method, scene):
    assert run(*frames, "-o", tmp_path / "out.png", "--method", method, "--estimator", "paper", "--step", 16) == 0
    error = np.abs(pictures.read(tmp_path / "out.png").pixels - scene[0])
    assert error.mean() < min(np.abs(frame - scene[0]).mean() for frame in scene[1])


def test_16_bit_exif_and_profile_are_kept(tmp_path, scene):
    exif = Image.Exif()
    exif[271] = "A maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    first = pictures.Picture(scene[1][0] / 1.1, None, 16, exif.tobytes(), profile)
    pictures.write(tmp_path / "a.tif", first)
    pictures.write(tmp_path / "b.tif", scene[1][1] / 1.1, bits=16)
    assert run(tmp_path / "a.tif", tmp_path / "b.tif", "-o", tmp_path / "out.tif", "--no-map") == 0
    out = pictures.read(tmp_path / "out.tif")
    assert out.bits == 16
    assert np.abs(out.pixels * 255 - np.rint(out.pixels * 255)).max() > 0.3  # no 8 bit on the way
    assert out.icc_profile == profile
    kept = Image.Exif()
    kept.load(out.exif)
    assert kept[271] == "A maker"


def test_aligned_frames_keep_what_their_own_files_say(tmp_path, scene):
    for number, (name, kind) in enumerate((("a", "tif"), ("b", "png"))):
        exif = Image.Exif()
        exif[271] = name
        frame = pictures.Picture(scene[1][number], None, 16 if kind == "tif" else 8, exif.tobytes())
        pictures.write(tmp_path / f"{name}.{kind}", frame)
    assert run(tmp_path / "a.tif", tmp_path / "b.png", "-o", tmp_path / "out", "--align-only") == 0
    for name, bits in (("a.tif", 16), ("b.png", 8)):
        written, kept = pictures.read(tmp_path / "out" / name), Image.Exif()
        kept.load(written.exif)
        assert (kept[271], written.bits) == (name[0], bits)


@pytest.mark.parametrize("hidden", [(1, 0, 0), (0, 1, 0)])
def test_what_is_transparent_in_one_frame_comes_from_the_other(tmp_path, scene, hidden):
    sharp, (left, right) = scene
    alpha = np.ones((HEIGHT, WIDTH), np.float32)
    alpha[:, :40] = 0  # of the frame that is sharp at the left
    left = np.where(alpha[..., None] > 0, left, np.float32(hidden))
    nowhere = alpha.copy()
    nowhere[:, 20:] = 1  # of the other frame: less is hidden
    pictures.write(tmp_path / "a.png", pictures.Picture(left, alpha))
    pictures.write(tmp_path / "b.png", pictures.Picture(right, nowhere))
    assert run(tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out.png", "--no-map") == 0
    out = pictures.read(tmp_path / "out.png")
    np.testing.assert_array_equal(out.alpha, nowhere)
    assert np.abs(out.pixels - right)[:, 25:35].max() < 0.01
    assert np.abs(out.pixels - sharp)[:, 120:].max() < 0.01


def test_a_stack_held_by_hand_is_aligned(tmp_path):
    sharp = photos.load("motorcycle")[100:400, 200:600]
    shift = np.float32([[1.006, 0.002, -7.4], [-0.002, 1.006, 4.3]])
    far = cv2.warpAffine(sharp, shift, (400, 300), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    near, far = sharp.copy(), np.clip(far, 0, 1)
    near[:, 200:] = cv2.GaussianBlur(near, (0, 0), 3)[:, 200:]
    far[:, :200] = cv2.GaussianBlur(far, (0, 0), 3)[:, :200]
    pictures.write(tmp_path / "near.png", near)
    pictures.write(tmp_path / "far.png", far)
    errors = []
    for words in ([], ["--align", "--keep-size"]):
        assert run(tmp_path / "near.png", tmp_path / "far.png", "-o", tmp_path / "out.png", "--no-map", *words) == 0
        errors.append(np.abs(pictures.read(tmp_path / "out.png").pixels - sharp)[20:-20, 20:-20].mean())
    assert errors[1] < 0.4 * errors[0]
    border = np.abs(pictures.read(tmp_path / "out.png").pixels - sharp)[:, -6:]
    assert border.max() < 0.6  # the black beyond the frame is nowhere
    assert run(tmp_path / "near.png", tmp_path / "far.png", "-o", tmp_path / "cut.png", "--no-map", "--align") == 0
    height, width = pictures.read(tmp_path / "cut.png").pixels.shape[:2]
    assert 285 < height < 300
    assert 385 < width < 400
    assert run(tmp_path / "near.png", tmp_path / "far.png", "-o", tmp_path / "frames", "--align-only") == 0
    assert pictures.read(tmp_path / "frames" / "far.png").pixels.shape == (height, width, 3)


def test_frames_of_other_exposure_leave_no_seam(frames, tmp_path, scene):
    pictures.write(frames[1], np.clip(pictures.read(frames[1]).pixels ** 2.2 * [1.2, 1.1, 0.9], 0, 1) ** (1 / 2.2))
    right = np.arange(WIDTH) > WIDTH // 2 + 15
    for words, fits in ((["--no-match"], False), ([], True)):
        assert run(*frames, "-o", tmp_path / "out.png", "--no-map", "--force", *words) == 0
        difference = 255 * (pictures.read(tmp_path / "out.png").pixels - scene[0])[:, right].mean(axis=(0, 1))
        assert (np.abs(difference).max() < 1) == fits


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.png"], "two or more frames"),
        (["a.png", "other.png"], "160x110 color, not 160x120 color"),
        (["a.png", "gray.png"], "160x120 gray, not 160x120 color"),
        (["a.png", "none.png"], "no such file"),
        (["a.png", "cut.png"], "damaged or cut off"),
        (["a.png", "b.png", "--method", "best"], "best"),
        (["a.png", "b.png", "--method", "paper", "--no-map"], "The method paper needs the defocus maps"),
        (["a.png", "b.png", *PAPER, "--step", "99"], "99 is not in the range 1<=x<=32"),
        (["a.png", "b.png", *PAPER, "--step", "0"], "0 is not in the range 1<=x<=32"),
        (["a.png", "b.png", *PAPER, "--model", "nowhere.keras"], "nowhere"),
        (["a.png", "noise.png", "--align"], "Cannot align"),
        (["a.png", "b.png", "--keep-size"], "--keep-size means nothing without --align"),
    ],
)
def test_mistakes_end_in_one_line_and_write_nothing(frames, tmp_path, scene, capsys, monkeypatch, words, message):
    pictures.write(tmp_path / "other.png", scene[0][:110])
    pictures.write(tmp_path / "gray.png", images.to_gray(scene[0]))
    pictures.write(tmp_path / "noise.png", np.random.default_rng(0).random(scene[0].shape))
    (tmp_path / "cut.png").write_bytes((tmp_path / "b.png").read_bytes()[:9000])
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    assert run(*words, "-o", "new/out.png") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_that_is_a_frame_is_refused(frames, tmp_path, capsys):
    before = frames[0].read_bytes()
    assert run(*frames, "-o", tmp_path) == 2
    assert "one of the frames" in capsys.readouterr().err
    assert frames[0].read_bytes() == before


def test_an_output_that_cannot_be_written_is_refused_first(frames, tmp_path, capsys):
    assert run(*frames, "-o", frames[1] / "out.png") == 2
    assert "no folder" in capsys.readouterr().err
    assert run(*frames, "-o", tmp_path / "out.xyz", "--no-map") == 0
    assert (tmp_path / "out.xyz.png").exists()
