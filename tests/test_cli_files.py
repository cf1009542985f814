"""A photographer's files: nothing lost, no answer for another photo, nothing left behind."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from command_line import run
from PIL import Image
from skimage import data

from lib import cli, images, one_pass
from lib.cli import map_files, pictures

ROOT = Path(__file__).resolve().parent.parent
UM = ("--method", "um")


@pytest.fixture(autouse=True)
def estimate(monkeypatch):
    """An estimator that answers at once: bright is blurred."""
    monkeypatch.setattr(one_pass, "estimate", lambda pixels, *_, **__: 19 * images.to_gray(pixels))


@pytest.fixture
def shots(tmp_path):
    folder = tmp_path / "shots"
    folder.mkdir()
    for name, make in {"one.jpg": data.astronaut, "two.png": data.coffee}.items():
        Image.fromarray(make()[:64, :96]).save(folder / name)
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def one_line(capsys, *parts):
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for part in parts:
        assert part in message
    return message


# Nothing of the user's is overwritten


@pytest.mark.parametrize(
    "words",
    [("map", "one.jpg"), ("enhance", "one.jpg", *UM), ("blur", "one.jpg"), ("fuse", "one.jpg", "two.png", "--no-map")],
)
@pytest.mark.parametrize("there", ["one.png", "one.npy"])
def test_outputs_never_replace_what_this_program_did_not_write_unless_forced(shots, tmp_path, capsys, words, there):
    if there == "one.npy" and words[0] != "map":
        pytest.skip("only map writes arrays")
    command, *files = words
    files = [shots / file if (shots / file).is_file() else file for file in files]
    out = tmp_path / "out"
    out.mkdir()
    (out / there).write_bytes(b"the user's own")
    target = out / "one.png"
    assert run(command, *files, "-o", target) == 2
    one_line(capsys, str(out / there), "--force")
    assert contents(out) == {out / there: b"the user's own"}
    assert run(command, *files, "-o", target, "--force") == 0
    assert pictures.is_own(target)
    assert run(command, *files, "-o", target) == 0  # our own output is replaced
    touched = bytearray(target.read_bytes())
    touched[-20] ^= 1
    target.write_bytes(touched)
    assert run(command, *files, "-o", target) == 2  # somebody has changed it


def test_a_photo_is_not_lost_to_a_map_of_the_same_stem(tmp_path, capsys):
    Image.fromarray(data.coffee()[:64, :64]).save(tmp_path / "a.png")
    Image.fromarray(data.astronaut()[:64, :64]).save(tmp_path / "a.jpg")
    before = contents(tmp_path)
    assert run("map", tmp_path / "a.jpg", "-o", tmp_path) == 2
    one_line(capsys, "a.png")
    assert contents(tmp_path) == before


def test_a_second_run_does_not_map_its_own_maps(shots, capsys):
    assert run("map", shots / "one.jpg", "-o", shots) == 0
    assert run("map", shots, "-o", shots / "maps") == 0
    assert names(shots / "maps") == ["one.npy", "one.png", "two.npy", "two.png"]
    assert "skipped, no photos: " in (said := capsys.readouterr().out)
    assert str(shots / "one.png") in said
    assert run("map", shots / "one.png", "-o", shots / "x") == 2
    one_line(capsys, "one.png is a map that this program wrote")


def test_a_link_as_output_is_followed(shots, tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "disk" / "real.png")
    assert run("enhance", shots / "one.jpg", "-o", link, *UM) == 0
    assert link.is_symlink()
    assert pictures.is_own(tmp_path / "disk" / "real.png")
    photo = tmp_path / "photo.png"
    photo.symlink_to(shots / "two.png")
    assert run("enhance", shots / "two.png", "-o", photo, *UM) == 2  # the photo itself, by another name


def test_each_command_says_in_one_line_what_it_wrote(shots, tmp_path, capsys):
    assert run("enhance", shots / "one.jpg", "-o", tmp_path / "a", *UM) == 0
    assert capsys.readouterr() == (f"wrote {tmp_path / 'a.jpg'}\n", "")
    assert run("map", shots / "one.jpg", "-o", tmp_path / "m") == 0
    assert capsys.readouterr() == (f"wrote {tmp_path / 'm.png'}, {tmp_path / 'm.npy'}\n", "")
    assert run("map", shots / "one.jpg", "-o", tmp_path / "m", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_what_a_file_cannot_take_along_is_said_in_one_line(tmp_path, capsys):
    first, second = (Image.fromarray(make()[:64, :64]) for make in (data.astronaut, data.coffee))
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[second])
    assert run("enhance", tmp_path / "pages.tif", "-o", tmp_path / "out.jpg", *UM) == 0
    _wrote, left_out = capsys.readouterr().out.splitlines()
    assert left_out == f"{tmp_path / 'pages.tif'}: left out: 1 further page"


# Names of outputs


def test_a_slash_at_the_end_makes_a_folder(shots, tmp_path):
    assert run("enhance", shots / "one.jpg", "-o", f"{tmp_path}/new/", *UM) == 0
    assert names(tmp_path / "new") == ["one.jpg"]


@pytest.mark.parametrize("ending", [".bmp", ".gif", ".heic", ".dng", ".npy", ".jp2", ".PSD"])
def test_an_ending_that_cannot_be_written_is_refused(shots, tmp_path, capsys, ending):
    assert run("enhance", shots / "one.jpg", "-o", tmp_path / f"out{ending}", *UM) == 2
    one_line(capsys, f"out{ending}", ".png, .jpg")
    assert names(tmp_path) == ["one.jpg", "two.png"]


def test_the_name_of_a_file_is_refused_for_several_photos(shots, tmp_path, capsys):
    assert run("enhance", shots, "-o", tmp_path / "out.jpg", *UM) == 2
    one_line(capsys, "out.jpg is the name of a file")


@pytest.mark.parametrize("command", ["map", "enhance"])
def test_something_that_is_no_file_is_not_replaced(shots, tmp_path, capsys, command):
    os.mkfifo(tmp_path / "pipe.png")
    assert run(command, shots / "one.jpg", "-o", tmp_path / "pipe.png", "--force") == 2
    one_line(capsys, "no file")


# Folders


def test_hidden_files_are_no_photos_and_others_are_named(shots, tmp_path, capsys):
    (shots / "._one.jpg").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4072))
    (shots / "clip.mov").write_bytes(b"moving")
    (shots / "photo.heic").write_bytes(b"other")
    (shots / "inner.jpg").mkdir()
    assert run("enhance", shots, "-o", tmp_path / "out", *UM) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"skipped, no photos: {shots}/clip.mov, {shots}/inner.jpg, {shots}/photo.heic"
    assert names(tmp_path / "out") == ["one.jpg", "two.png"]
    assert run("fuse", shots, "-o", tmp_path / "fused.png", "--no-map") == 0


# A map serves its own photo


def save_map(path, values):
    np.save(path, np.broadcast_to(np.float32(values), (64, 96)))
    return path


def test_one_map_does_not_serve_several_photos(shots, tmp_path, capsys):
    file = save_map(tmp_path / "a.npy", 9)
    for photos in ([shots], [shots / "one.jpg", shots / "two.png"]):
        assert run("blur", *photos, "-o", tmp_path / "out", "--map", file) == 2
        one_line(capsys, "a.npy is the map of one photo", "folder of maps")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_maps_serves_photos_by_name(shots, tmp_path, capsys):
    maps = tmp_path / "maps"
    maps.mkdir()
    save_map(maps / "one.npy", 0)
    assert run("blur", shots, "-o", tmp_path / "out", "--map", maps) == 2
    one_line(capsys, "No map of two.png")
    save_map(maps / "two.png.npy", 9)
    assert run("blur", shots, "-o", tmp_path / "out", "--map", maps) == 0
    changes = [
        np.abs(pictures.read(tmp_path / "out" / name).pixels - pictures.read(shots / name).pixels).mean()
        for name in ("one.jpg", "two.png")
    ]
    assert changes[0] < 0.01 < changes[1]
    Image.fromarray(data.coffee()[:64, :96]).save(shots / "one.png")
    assert run("blur", shots, "-o", tmp_path / "both", "--map", maps) == 2
    one_line(capsys, "one.npy would be the map of several photos")


@pytest.mark.parametrize("values", [np.linspace(0, 1, 96), np.linspace(0, 255, 96), np.linspace(-5, 5, 96), 1])
def test_a_map_of_another_scale_is_refused(shots, tmp_path, capsys, values):
    file = save_map(tmp_path / "m.npy", values)
    assert run("blur", shots / "one.jpg", "-o", tmp_path / "out.png", "--map", file) == 2
    one_line(capsys, "m.npy goes from", "--map-scale")
    np.save(tmp_path / "bytes.npy", np.full((64, 96), 200, np.uint8))
    assert run("blur", shots / "one.jpg", "-o", tmp_path / "out.png", "--map", tmp_path / "bytes.npy") == 2


def test_the_scale_of_a_map_can_be_given(shots, tmp_path):
    one, nine = (save_map(tmp_path / f"{name}.npy", value) for name, value in (("one", 0.5), ("nine", 4.5)))
    Image.fromarray(np.full((64, 96), 128, np.uint8)).save(tmp_path / "picture.png")
    words = ("blur", shots / "two.png", "--quiet")
    assert run(*words, "-o", tmp_path / "a.png", "--map", nine) == 0
    assert run(*words, "-o", tmp_path / "b.png", "--map", one, "--map-scale", 9) == 0
    assert run(*words, "-o", tmp_path / "c.png", "--map", tmp_path / "picture.png", "--map-scale", 4.5 * 255 / 128) == 0
    a, b, c = (pictures.read(tmp_path / f"{name}.png").pixels for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() < 0.01


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_the_picture_of_a_map_is_a_map(shots, tmp_path, ending):
    photo = shots / "two.png"
    assert run("map", photo, "-o", tmp_path / f"map{ending}") == 0
    for number, file in enumerate((f"map{ending}", "map.npy")):
        assert run("blur", photo, "-o", tmp_path / f"{number}.png", "--map", tmp_path / file) == 0
    first, second = (pictures.read(tmp_path / f"{number}.png").pixels for number in (0, 1))
    assert np.abs(first - second).max() <= 2 / 255


def test_our_own_map_of_a_sharp_photo_is_taken_though_it_ends_below_1(shots, tmp_path):
    map_files.write_maps({tmp_path / "map.png": np.full((64, 96), 0.5, np.float32)})
    assert run("blur", shots / "two.png", "-o", tmp_path / "out.png", "--map", tmp_path / "map.npy") == 0


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 and no more",
        b"\x93NUMPY\x01\x00\x08\x00{'descr'",
        b"\x93NUMPY\x01\x00v\x00" + b"{(" * 59,
        b"",
        b"\0" * 99,
    ],
)
def test_a_damaged_map_is_refused_in_one_line(shots, tmp_path, capsys, data):
    (tmp_path / "m.npy").write_bytes(data)
    assert run("blur", shots / "one.jpg", "-o", tmp_path / "out.png", "--map", tmp_path / "m.npy") == 2
    one_line(capsys, "Cannot read the map", "m.npy")
    assert run("map", shots / "one.jpg", "-o", tmp_path / "map") == 0
    (tmp_path / "map.npy").write_bytes(data)
    assert run("map", shots / "one.jpg", "-o", tmp_path / "map") == 2
    one_line(capsys, "map.npy is there and is no map")
    assert (tmp_path / "map.npy").read_bytes() == data


def test_a_map_does_not_see_what_is_hidden_under_transparent_pixels(shots, tmp_path):
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, 60:] = 0
    for name, hidden in (("black", 0), ("white", 255)):
        pixels = np.where(alpha[..., None] > 0, data.coffee()[:64, :96], np.uint8(hidden))
        Image.fromarray(np.dstack([pixels, alpha])).save(shots / f"{name}.png")
        assert run("map", shots / f"{name}.png", "-o", tmp_path / name) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "black.npy"), np.load(tmp_path / "white.npy"))


def test_a_map_and_its_interval_are_written_all_or_none(shots, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(one_pass, "estimate", lambda pixels, *_, **__: [images.to_gray(pixels)] * 3)
    written, write = [], pictures.write

    def full(path, *words, **options):
        written.append(path)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, *words, **options)

    monkeypatch.setattr(pictures, "write", full)
    assert run("map", shots / "one.jpg", "-o", tmp_path / "out" / "map", "--interval") == 2
    one_line(capsys, "No space left", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert run("map", shots / "one.jpg", "-o", tmp_path / "out" / "map", "--interval") == 0
    assert names(tmp_path / "out") == sorted(
        f"map{end}{kind}" for end in ("", "_low", "_high") for kind in (".npy", ".png")
    )


def test_a_photo_that_the_memory_does_not_hold_does_not_lose_the_others(shots, tmp_path, capsys, monkeypatch):
    answer, shown = one_pass.estimate, pictures.read(shots / "two.png").pixels

    def too_large(pixels, *words, **options):
        if np.array_equal(pixels, shown):
            msg = "BFCArena: Failed to allocate memory for requested buffer of size 1"
            raise RuntimeError(msg)
        return answer(pixels)

    monkeypatch.setattr(one_pass, "estimate", too_large)
    assert run("map", shots, "-o", tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert "Not enough memory for" in message
    assert "1 of 2 photos failed: two.png" in message
    assert names(tmp_path / "out") == ["one.npy", "one.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_a_folder_is_no_photo(shots, tmp_path, capsys):
    os.mkfifo(shots / "pipe.png")
    assert run("map", shots, "-o", tmp_path / "out") == 0
    assert "skipped, no photos:" in capsys.readouterr().out


def test_a_name_that_is_no_text_is_told_all_the_same(shots, tmp_path):
    os.rename(shots / "one.jpg", os.fsencode(shots) + b"/caf\xe9.jpg")
    words = ["enhance", str(shots), "-o", str(tmp_path / "out"), *UM]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([sys.executable, "-m", "lib", *words], cwd=ROOT, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"caf\\udce9.jpg" in done.stdout


# Options that mean nothing


@pytest.mark.parametrize(
    "words", [("blur", "--c0", "nan"), ("enhance", "--sigma", "-inf"), ("blur", "--map-scale", "nan")]
)
def test_a_number_that_is_none_is_refused(shots, tmp_path, capsys, words):
    assert run(*words, shots / "one.jpg", "-o", tmp_path / "out.png") == 2
    one_line(capsys, words[1], "is not a finite number")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("enhance", *UM, "--map", "m.npy"), "--map"),
        (("enhance", *UM, "--step", 8), "--step"),
        (("enhance", "--method", "cas", "--model", "x"), "--model"),
        (("enhance", "--map", "m.npy", "--engine", "onnx"), "--engine"),
        (("enhance", "--map-scale", 3), "--map-scale"),
        (("blur", "--map", "m.npy", "--step", 8), "--step"),
        (("blur", "--variant", "paper", "--f-number", 2), "--f-number"),
        (("map", "--estimator", "paper", "--no-refine", "--variant", "paper"), "--variant"),
        (("fuse", "two.png", "--no-map", "--step", 8), "--step"),
        (("fuse", "two.png", "--no-map", "--model", "x"), "--model"),
        (("fuse", "two.png", "--method", "gff", "--engine", "onnx"), "--engine"),
        (("fuse", "two.png", "--method", "gff", "--no-map"), "--no-map"),
        (("fuse", "two.png", "--align-only", "--method", "gff"), "--method"),
        (("fuse", "two.png", "--align-only", "--step", 8), "--step"),
    ],
)
def test_options_that_mean_nothing_are_refused(shots, monkeypatch, capsys, words, option):
    save_map(shots / "m.npy", 2)
    monkeypatch.chdir(shots)
    before = names(shots)
    command, *rest = words
    assert run(command, "one.jpg", *rest, "-o", "out.png") == 2
    one_line(capsys, f"{option} means nothing")
    assert names(shots) == before


@pytest.mark.parametrize(
    "command",
    [command for command in cli.COMMANDS if command.name in ("map", "enhance", "blur", "fuse", "compare")],
    ids=lambda command: command.name,
)
def test_the_help_says_what_is_kept_refused_and_the_default(command):
    text = command.get_help(click.Context(command, info_name=command.name))
    assert "--force" in text
    assert "--quiet" in text
    assert re.search(r"\[default: ", text)
    assert re.search(r"refuse", text)
    whole = cli.cli.get_help(click.Context(cli.cli, info_name="defocus"))
    for word in ("Kept", "Refused", "default"):
        assert word in whole


def test_the_promises_of_the_readme_are_tests():
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Your files")[1].split("\n## ")[0]
    promises = [
        re.sub(r"[^a-z0-9]+", "_", " ".join(text.split()).lower()).strip("_")
        for text in re.findall(r"\*\*(.+?)\*\*", section, re.DOTALL)
    ]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    assert len(promises) > 15
    assert not [promise for promise in promises if f"def test_{promise}(" not in tests]


def test_a_map_replaces_no_edited_photo_nor_the_other_way_round(shots, tmp_path, capsys):
    assert run("enhance", shots / "two.png", "-o", f"{tmp_path}/out/", *UM) == 0
    before = contents(tmp_path / "out")
    assert run("map", shots / "two.png", "-o", tmp_path / "out") == 2
    one_line(capsys, "two.png is there and is no map")
    assert contents(tmp_path / "out") == before
    assert run("map", shots / "two.png", "-o", f"{tmp_path}/maps/") == 0
    assert run("enhance", shots / "two.png", "-o", tmp_path / "maps", *UM) == 2
    one_line(capsys, "two.png is there and is no picture")


@pytest.mark.parametrize(
    "name", ["x" * 245, "é" * 100, "new\nline", " space ", "p%s{}[x]*", "a.b.c", "-dash", ".hidden"]
)
def test_photos_have_any_name(shots, tmp_path, name):
    photo = (shots / "two.png").rename(shots / f"{name}.png")
    assert run("map", photo, "-o", tmp_path / "out" / name) == 0
    assert run("enhance", photo, "-o", f"{tmp_path}/new/", *UM) == 0
    assert names(tmp_path / "out") == [f"{name}.npy", f"{name}.png"]
    assert names(tmp_path / "new") == [f"{name}.png"]
