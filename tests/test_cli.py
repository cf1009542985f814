"""The command line as its user meets it: files in, files out, one line for a mistake."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from PIL import Image

from lib import blur_map, classifiers, estimators, images, one_pass, refinement
from lib.cli import jobs, map_files, pictures
from lib.cli.map_files import write_maps

ROOT = Path(__file__).resolve().parent.parent
LENS = "mobilenet_v2-lens"
PAPER = ("--estimator", "paper")
INSTALLED = Path(sys.executable).with_name("defocus")


@pytest.mark.skipif(not INSTALLED.exists(), reason="the project is not installed: make .venv")
def test_the_installed_command_works_where_another_lib_lies(photo, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("raise RuntimeError")
    words = [INSTALLED, "map", photo.name, "-o", "map"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "map.npy").exists()


@pytest.mark.parametrize("command", [["-m", "lib"], ["-c", "from lib import cli; cli.main()"]])
def test_the_command_goes_by_its_name(command):
    done = subprocess.run([sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("Usage: defocus ")


def outputs(folder, photo):
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path != photo)


def test_map_writes_what_the_library_computes(photo, crop, tmp_path):
    assert run("map", photo, "-o", tmp_path / "new" / "map", *PAPER, "--step", 16) == 0
    assert outputs(tmp_path, photo) == ["map.npy", "map.png"]
    sigma = np.load(tmp_path / "new" / "map.npy")
    pixels = pictures.read(photo).pixels
    expected = refinement.refine(blur_map.estimate(pixels, classifiers.load(LENS), step=16), pixels)
    assert sigma.dtype == np.float32
    np.testing.assert_array_equal(sigma, expected)


def test_map_options_reach_the_library(photo, tmp_path):
    assert (
        run("map", photo, "-o", tmp_path / "raw.npy", *PAPER, "--no-refine", "--labels", "expected", "--step", 32) == 0
    )
    pixels = pictures.read(photo).pixels
    expected = blur_map.estimate(pixels, classifiers.load(LENS), step=32, labels="expected")
    np.testing.assert_array_equal(np.load(tmp_path / "raw.npy"), expected)
    assert run("map", photo, "-o", tmp_path / "released", *PAPER, "--variant", "released", "--step", 32) == 0
    released = refinement.refine(blur_map.estimate(pixels, classifiers.load(LENS), step=32), pixels, "released")
    np.testing.assert_array_equal(np.load(tmp_path / "released.npy"), released)


def test_map_on_another_engine_is_the_same_map(photo, tmp_path):
    assert run("map", photo, "-o", tmp_path / "onnx.npy", *PAPER, "--no-refine", "--step", 16, "--engine", "onnx") == 0
    expected = blur_map.estimate(pictures.read(photo).pixels, LENS, step=16, engine="onnx")
    np.testing.assert_array_equal(np.load(tmp_path / "onnx.npy"), expected)


def test_the_default_is_one_pass_with_its_interval_on_request(photo, tmp_path):
    assert run("map", photo, "-o", tmp_path / "map", "--interval") == 0
    expected = one_pass.estimate(pictures.read(photo).pixels, interval=True)
    for end, values in zip(("", "_low", "_high"), expected, strict=True):
        np.testing.assert_array_equal(np.load(tmp_path / f"map{end}.npy"), values)
    assert run("map", photo, "-o", tmp_path / "alone") == 0
    assert [path.name for path in sorted(tmp_path.glob("alone*"))] == ["alone.npy", "alone.png"]
    np.testing.assert_array_equal(np.load(tmp_path / "alone.npy"), expected[0])


def test_another_estimator_is_named(photo, tmp_path, capsys):
    assert run("map", photo, "-o", tmp_path / "edges", "--estimator", "zhuo_sim") == 0
    expected = estimators.get("zhuo_sim")(pictures.read(photo).pixels)
    np.testing.assert_array_equal(np.load(tmp_path / "edges.npy"), expected)
    assert run("map", photo, "-o", tmp_path / "score", "--estimator", "lbp") == 2
    assert "gives a score and no sigma" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), *((*PAPER, "--step", "32", "--engine", e) for e in ("onnx", "openvino"))])
def test_an_engine_with_a_shipped_file_does_without_tensorflow(photo, tmp_path, options):
    words = ["map", str(photo), "-o", str(tmp_path / "map"), *options]
    code = f"import sys; from lib import cli; cli.main({words}); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    assert (tmp_path / "map.npy").exists()


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_picture_of_the_map_has_16_bits_and_says_its_scale(tmp_path, ending):
    sigma = np.linspace(-0.2, 19, 12, dtype=np.float32).reshape(3, 4)
    write_maps({tmp_path / f"map{ending}": sigma})
    with Image.open(tmp_path / f"map{ending}") as stored:
        values = np.asarray(stored).astype(float)
        text = stored.text["Description"] if ending == ".png" else stored.tag_v2[270]
    assert text == "Defocus blur: sigma in pixels = value / 65535 * 19"
    np.testing.assert_allclose(values / 65535 * 19, np.clip(sigma, 0, 19), atol=19 / 65535)


def test_a_turned_photo_gets_an_upright_map(tmp_path, crop):
    turned = Image.fromarray(images.to_uint8(crop))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert run("map", tmp_path / "turned.jpg", "-o", tmp_path / "map") == 0
    assert np.load(tmp_path / "map.npy").shape == crop.shape[1::-1]


def test_a_folder_maps_what_it_can_and_names_the_rest(tmp_path, crop, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.jpg", "a.jpg"):
        pictures.write(folder / name, crop)
    (folder / "c.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("not looked at")
    assert run("map", folder, "-o", tmp_path / "out") == 2
    assert outputs(tmp_path / "out", None) == ["a.jpg.npy", "a.jpg.png", "a.png.npy", "a.png.png", "b.npy", "b.png"]
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert "c.jpg" in lines[0]
    assert lines[1] == "error: 1 of 4 photos failed: c.jpg."


def test_outputs_are_paired_with_photos(tmp_path):
    one, two = tmp_path / "one.JPG", tmp_path / "two.bmp"
    assert jobs.pair([one], tmp_path / "x") == [(one, tmp_path / "x.jpg")]
    assert jobs.pair([one], tmp_path / "x.png") == [(one, tmp_path / "x.png")]
    assert jobs.pair([two], tmp_path) == [(two, tmp_path / "two.png")]
    both = jobs.pair([one, two], tmp_path / "out", suffix=".tif")
    assert both == [(one, tmp_path / "out/one.tif"), (two, tmp_path / "out/two.tif")]


def test_a_map_never_replaces_its_photo(photo, tmp_path, capsys):
    before = photo.read_bytes()
    assert run("map", photo, "-o", tmp_path) == 2
    assert "is the photo itself: name another" in capsys.readouterr().err
    assert photo.read_bytes() == before
    assert outputs(tmp_path, photo) == []


def bad_photo(name, content):
    def make(folder):
        path = folder / name
        path.write_bytes(content)
        return [path]

    return make


def truncated(folder):
    path = folder / "cut.jpg"
    pictures.write(path, np.random.default_rng(0).random((64, 64)))
    path.write_bytes(path.read_bytes()[:900])
    return [path]


def same_names(folder):
    for place in ("one", "two"):
        (folder / place).mkdir()
        pictures.write(folder / place / "same.png", np.zeros((8, 8)))
    return [folder / "one" / "same.png", folder / "two" / "same.png"]


def empty_folder(folder):
    (folder / "empty").mkdir()
    return [folder / "empty"]


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda folder: [folder / "gone.jpg"], "No such photo: "),
        (bad_photo("text.jpg", b"hello"), "text.jpg: it is no PNG"),
        (bad_photo("empty.png", b""), "empty.png: the file is empty"),
        (truncated, "cut.jpg: it is damaged or cut off"),
        (same_names, "Several photos are named same.png: give them output folders of their own"),
        (empty_folder, "has no photos: expected files that end in .png"),
    ],
)
def test_bad_photos_end_in_one_line(tmp_path, capsys, make, part):
    words = make(tmp_path)
    assert run("map", *words, "-o", tmp_path / "out" / "x") == 2
    message = capsys.readouterr().err
    assert part in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bad_options_end_in_one_line(photo, tmp_path, capsys):
    (tmp_path / "damaged.keras").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "file").write_text("in the way")
    cases = [
        ((*PAPER, "--step", 0), "0 is not in the range 1<=x<=32"),
        ((*PAPER, "--step", 33), "33 is not in the range 1<=x<=32"),
        ((*PAPER, "--model", "resnet"), "Unknown model 'resnet': expected one of mobilenet_v2-lens"),
        ((*PAPER, "--model", tmp_path / "damaged.keras"), "damaged.keras cannot be read"),
        (("--engine", "tpu"), "'tpu' is not one of 'keras', 'onnx', 'openvino'"),
        (
            (*PAPER, "--engine", "onnx", "--model", "resnet"),
            "Unknown model 'resnet': expected one of mobilenet_v2-lens",
        ),
        (("--step", 4), "--step means nothing with --estimator one_pass, only with --estimator paper"),
        (("--variant", "paper"), "--variant means nothing with --estimator one_pass"),
        ((*PAPER, "--interval"), "--interval means nothing with --estimator paper"),
        (("--variant", "other"), "'other' is not one of 'paper', 'released', 'filled'"),
        (("-o", tmp_path / "file" / "map"), "is no folder that you may write to"),
    ]
    for words, part in cases:
        assert run("map", photo, "-o", tmp_path / "out" / "map", *words) == 2
        message = capsys.readouterr().err
        assert part in message
        assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_may_not_be_written_to_is_refused_before_the_work(photo, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # as for a user who is not root
    monkeypatch.setattr(pictures, "read", None)  # would fail
    assert run("map", photo, "-o", tmp_path / "map") == 2
    assert "name another with --output" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"text", "expected the .npy file"),
        (np.zeros((3, 4), np.float32), r"expected numbers of shape (4, 3), as the photo, got ((3, 4)"),
        (np.full((4, 3), np.nan), "holds NaN"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(tmp_path, content, part):
    path = tmp_path / "map.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(pictures.ImageError) as error:
        map_files.read_map(path, (4, 3))
    assert part in str(error.value)


def test_train_refuses_an_unknown_network(tmp_path, capsys):
    assert run("train", "vgg", "-o", tmp_path / "run") == 2
    assert "Unknown network 'vgg': expected one of mobilenet_v2" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_process_of_its_own_prints_what_it_wrote_or_the_error(photo, tmp_path):
    def process(*words):
        command = [sys.executable, "-m", "lib", "map", str(photo), "-o", str(tmp_path / "map"), *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    done = process()
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"wrote {tmp_path / 'map.png'}, {tmp_path / 'map.npy'}\n",
        "",
    )
    quiet = process("--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    failed = process(*PAPER, "--model", "resnet")
    assert failed.returncode == 2
    assert failed.stdout == ""
    assert failed.stderr.startswith("error: Unknown model 'resnet'")
    assert failed.stderr.count("\n") == 1
