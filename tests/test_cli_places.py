"""Places and neighbours: full disks, folders that cannot be written, two at once, kills; and nobody is told."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from command_line import run
from PIL import Image
from skimage import data

from lib import engines, one_pass, storage
from lib.cli import map_files, pictures

ROOT = Path(__file__).resolve().parent.parent
METHODS = "entropy,laplacian_variance"

AUDITED = """
import sys
CALLS = []
sys.addaudithook(lambda event, args: event.startswith("socket.") and CALLS.append((event, repr(args))))
from lib import cli
try:
    cli.main(sys.argv[2:])
finally:
    import json, pathlib
    pathlib.Path(sys.argv[1]).write_text(json.dumps(CALLS))
"""
SLOW = """
import signal, sys, time
import numpy as np
from lib import cli, one_pass
def estimate(pixels, *_, **__):
    print("asked", flush=True)
    time.sleep(60 if estimate.asked else 0)
    estimate.asked = True
    return np.zeros(pixels.shape[:2], np.float32)
estimate.asked = False
one_pass.estimate = estimate
cli.main(sys.argv[1:])
"""


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(data.astronaut()[:64, 100:196]).save(path)
    return path


@pytest.fixture
def estimate(monkeypatch):
    """An estimator that answers at once."""
    monkeypatch.setattr(one_pass, "estimate", lambda pixels, *_, **__: np.full(pixels.shape[:2], 3, np.float32))


def environment(home, **more):
    """Of a user with an own home and temporary folder."""
    kept = {name: os.environ[name] for name in ("PATH", "TF_CPP_MIN_LOG_LEVEL") if name in os.environ}
    return kept | {"HOME": str(home), "PYTHONPATH": str(ROOT)} | more


def rows(folder):
    with (folder / "table.csv").open(newline="") as file:
        return {(row["photo"], row["method"]): row for row in csv.DictReader(file)}


# Privacy


def audited(tmp_path, *words):
    """Run a command in a process and a home of its own; what it asked of the network, and what it left at home."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-c", AUDITED, str(tmp_path / "calls.json"), *map(str, words)]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    calls = json.loads((tmp_path / "calls.json").read_text())
    asked = [call for call in calls if call[0] in ("socket.connect", "socket.getaddrinfo", "socket.sendto")]
    return asked, [path.relative_to(home) for path in home.rglob("*")]


@pytest.mark.slow
@pytest.mark.parametrize("engine", [*engines.ENGINES, "of one_pass"])
def test_no_engine_tells_anybody(photo, tmp_path, engine):
    words = ("--quiet",)
    if engine != "of one_pass":
        words = ("--estimator", "paper", "--step", 32, "--engine", engine, "--quiet")
        try:
            engines.start("mobilenet_v2-lens", engine)
        except engines.EngineError as error:
            pytest.skip(str(error))
    assert audited(tmp_path, "map", photo, "-o", tmp_path / "map.png", *words) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("enhance", "photo.png", "--method", "um"),
        ("blur", "photo.png", "--map", "map.npy"),
        ("fuse", "photo.png", "photo.png", "--no-map"),
        ("compare", "photo.png", "--methods", METHODS),
    ],
    ids=lambda words: words[0],
)
def test_no_command_tells_anybody(photo, tmp_path, words):
    np.save(tmp_path / "map.npy", np.full((64, 96), 3.0))
    assert audited(tmp_path, *words, "-o", "out", "--quiet") == ([], [])


# Full disks


@pytest.fixture
def full_disk(monkeypatch):
    """Writing an array or a picture finds no space."""

    def no_space(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", no_space)
    monkeypatch.setattr(Path, "write_bytes", no_space)


@pytest.mark.parametrize(
    "words",
    [("map",), ("enhance", "--method", "um"), ("compare", "--methods", "entropy")],
    ids=lambda words: words[0],
)
def test_a_full_disk_is_named_by_its_folder_and_nothing_is_left(photo, tmp_path, capsys, estimate, full_disk, words):
    command, *more = words
    assert run(command, photo, "-o", f"{tmp_path}/new/deep/", *more) == 2
    message = capsys.readouterr().err
    assert f"No space left on device: {tmp_path / 'new' / 'deep'}" in message
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".npy", ".png")] == [photo]
    if command != "compare":  # its table of rows that are done stays
        assert sorted(tmp_path.iterdir()) == [photo]


def test_a_full_temporary_folder_is_named(photo, tmp_path, capsys, estimate, full_disk, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert run("fuse", photo, photo, "-o", tmp_path / "out.png") == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: No space left on device: {tmp_path / 'tmp'}")
    assert message.count("\n") == 1
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_the_error_of_a_disk_that_is_really_full_has_its_number(tmp_path):
    with pytest.raises(
        OSError, match="No space"
    ) as error:  # NumPy's own writing would say "262144 requested and 0 written"
        map_files.save_array("/dev/full", np.zeros(1 << 16))
    assert error.value.errno == errno.ENOSPC


# Places that cannot be written


def test_fusing_without_maps_needs_no_temporary_folder(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    assert run("fuse", photo, photo, "-o", tmp_path / "out.png", "--no-map") == 0


def test_a_network_is_exported_where_the_checkout_cannot_be_written(tmp_path, monkeypatch):
    onnx = pytest.importorskip("lib.engines.onnx")

    class Model:
        name, input_shape, output_shape = "tiny", (None, 32, 32, 1), (None, 20)

        def get_weights(self):
            return [np.ones(3)]

    monkeypatch.setattr(onnx, "export", lambda model, path: path.write_bytes(b"network"))
    monkeypatch.setattr(storage, "is_writable", lambda folder: False)
    path = onnx.cached(Model())
    assert path.read_bytes() == b"network"
    assert path.parent == storage.scratch()


def test_a_method_that_needs_no_numba_does_not_import_it(photo, tmp_path):
    code = "import sys; from lib import cli; cli.main(sys.argv[1:]); sys.exit('numba' in sys.modules)"
    words = ["compare", str(photo), "-o", str(tmp_path / "out"), "--methods", "entropy"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# Neighbours


def test_two_compare_at_once_lose_no_rows(tmp_path):
    folder = tmp_path / "out"
    running = []
    for number in (1, 2, 3):
        Image.fromarray(data.coffee()[:64, 50 * number : 50 * number + 64]).save(tmp_path / f"p{number}.png")
        words = [sys.executable, "-m", "lib", "compare", f"p{number}.png", "-o", str(folder), "--methods", METHODS]
        running.append(subprocess.Popen(words, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.DEVNULL))
    assert [process.wait() for process in running] == [0, 0, 0]
    assert set(rows(folder)) == {(f"p{number}", method) for number in (1, 2, 3) for method in METHODS.split(",")}


@pytest.mark.parametrize("content", [b"name,price\nx,1\n", b"\xff\xfe\0", b"photo,method\na,b\n", b""])
def test_a_foreign_table_is_refused_in_one_line_and_stays(photo, tmp_path, capsys, content):
    own = tmp_path / "own"
    own.mkdir()
    (own / "table.csv").write_bytes(content)
    assert run("compare", photo, "-o", own, "--methods", "entropy") == 2
    message = capsys.readouterr().err
    assert "table.csv is there and is no table of this program" in message
    assert message.count("\n") == 1
    assert [path.read_bytes() for path in own.iterdir()] == [content]


@pytest.mark.parametrize("there", ["table.md", "photo.png", "photo/entropy.npy"])
def test_compare_replaces_nothing_foreign(photo, tmp_path, there):
    foreign = tmp_path / "own" / there
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"the user's own")
    words = ("compare", photo, "-o", tmp_path / "own", "--methods", "entropy")
    assert run(*words) == 2
    assert foreign.read_bytes() == b"the user's own"
    assert run(*words, "--force") == 0
    assert foreign.read_bytes() != b"the user's own"
    assert run(*words) == 0


def test_compare_shows_the_map_of_this_photo_and_not_of_another_of_its_name(tmp_path):
    sharp = Image.fromarray(data.astronaut()[100:260, 150:350])
    paths = [tmp_path / name / "DSC_0001.png" for name in ("d1", "d2")]
    for path, sigma in zip(paths, (0, 6), strict=True):
        path.parent.mkdir()
        sharp_or_not = sharp if not sigma else Image.fromarray(blurred(np.asarray(sharp), sigma))
        sharp_or_not.save(path)
        os.utime(path, (1, 1))  # older than every map
    means = []
    for path in (*paths, paths[0]):
        assert run("compare", path, "-o", tmp_path / "o", "--methods", METHODS) == 0
        means.append(float(rows(tmp_path / "o")["DSC_0001", "laplacian_variance"]["mean"]))
    assert means[1] < means[0] / 100
    assert means[2] == means[0]
    assert run("compare", paths[1], "-o", tmp_path / "o", "--methods", "entropy") == 0
    assert set(rows(tmp_path / "o")) == {("DSC_0001", "entropy")}  # nothing is left of the other photo


def blurred(pixels, sigma):
    from scipy import ndimage

    return ndimage.gaussian_filter(pixels, (sigma, sigma, 0))


def test_its_contact_sheets_are_no_photos(photo, tmp_path, capsys):
    shots = tmp_path / "shots"
    shots.mkdir()
    pictures.write(shots / "a.jpg", pictures.read(photo))
    assert run("compare", shots, "-o", shots, "--methods", "entropy") == 0
    capsys.readouterr()
    assert run("compare", shots, "-o", shots, "--methods", "entropy") == 0
    assert f"{shots}/a.png" in capsys.readouterr().out
    assert set(rows(shots)) == {("a", "entropy")}


# Kills


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_killed_process_leaves_no_files(photo, tmp_path, number, code):
    Image.fromarray(data.astronaut()[:64, 104:200]).save(tmp_path / "other.png")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = [sys.executable, "-c", SLOW, "fuse", "photo.png", "other.png", "-o", "new/out.png"]
    process = subprocess.Popen(
        words,
        env=environment(tmp_path, TMPDIR=str(temporary)),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "asked\n"
    assert process.stdout.readline() == "asked\n"  # the first map is in the temporary folder
    assert list(temporary.glob("fuse-*/*.npy"))
    time.sleep(0.2)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    assert not list(temporary.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.png", "photo.png", "tmp"]


@pytest.mark.slow
def test_an_interrupted_openvino_does_not_abort(tmp_path):
    pytest.importorskip("openvino")
    Image.fromarray(np.tile(data.astronaut(), (4, 4, 1))).save(tmp_path / "large.png")
    words = [
        sys.executable,
        "-m",
        "lib",
        "map",
        "large.png",
        "-o",
        "map",
        "--estimator",
        "paper",
        "--engine",
        "openvino",
        "--step",
        "2",
    ]
    process = subprocess.Popen(words, env=environment(tmp_path), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    working = psutil.Process(process.pid)
    while process.poll() is None and sum(working.cpu_times()[:2]) < 12:  # past the start, far from the end
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.strip().endswith("interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["large.png"]
