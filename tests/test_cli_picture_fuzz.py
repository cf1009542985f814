"""Damaged files of every kind: the readers read them or say in one line why not; `--fuzz 100000` takes longer."""

import time
from collections import Counter

import numpy as np
import picture_kinds
import pytest
from command_line import run
from PIL import Image

from lib.cli import pictures
from lib.cli.pictures import reading, tiff

KINDS = picture_kinds.every()
SECONDS = 5
"""Of the processor, for the slowest file."""


def mutated(data, rng):
    """A file with some of its bytes changed, lost, doubled or exchanged."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        # Half of the changes hit the first bytes, where headers are; many of the others the directory at the end.
        first = int(rng.integers(min(len(data), [64, len(data)][rng.integers(2)])))
        length = int(rng.integers(1, 16))
        match rng.integers(7):
            case 0:
                data[first] ^= 1 << rng.integers(8)
            case 1:
                data[first : first + length] = rng.bytes(len(data[first : first + length]))
            case 2:
                data[first : first + length] = bytes([rng.choice([0, 255])]) * len(data[first : first + length])
            case 3:
                del data[first : first + length]
            case 4:
                data[first:first] = data[first : first + length]
            case 5:
                other = int(rng.integers(len(data)))
                data[first : first + length] = data[other : other + len(data[first : first + length])]
            case 6:
                del data[max(first, 8) :]
        if not data:
            return b"\0"
    return bytes(data)


@pytest.fixture
def small(monkeypatch):
    """A limit of pixels that keeps the memory of headers that lie small."""
    for module in (reading, tiff):
        monkeypatch.setattr(module, "MAX_PIXELS", 1 << 20)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1 << 20)


def outcome(path, target):
    """Whether a file was "read", and then written, or "refused", in one line; other errors go up."""
    try:
        pictures.write(target, pictures.read(path))
    except pictures.ImageError as error:
        return "refused" if str(error).startswith("Cannot") and "\n" not in str(error) else str(error)
    return "read"


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, small, request, capfd):
    count = request.config.getoption("--fuzz")
    outcomes, slowest = Counter(), 0
    for number in range(count):
        rng = np.random.default_rng(number)
        kind = KINDS[number % len(KINDS)]
        path = tmp_path / f"photo{kind.suffix}"
        path.write_bytes(mutated(kind.data, rng))
        began = time.process_time()
        outcomes[outcome(path, tmp_path / f"out{rng.choice([*pictures.WRITABLE])}")] += 1
        slowest = max(slowest, time.process_time() - began)
    assert set(outcomes) == {"read", "refused"}
    assert min(outcomes.values()) > count / 10
    assert slowest < SECONDS
    assert capfd.readouterr() == ("", "")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_damaged_file_leaves_no_output(tmp_path, small, capfd):
    refused = 0
    for number, kind in enumerate(KINDS[::3]):
        path = tmp_path / f"photo{kind.suffix}"
        path.write_bytes(mutated(kind.data, np.random.default_rng(1000 + number)))
        end = run("enhance", path, "-o", f"{tmp_path}/new/", "--method", "um", "--force", "--quiet")
        if end == 0:
            for written in (tmp_path / "new").iterdir():
                written.unlink()
            (tmp_path / "new").rmdir()
        else:
            error = capfd.readouterr().err
            assert (end, error.count("\n"), error[:7]) == (2, 1, "error: ")
            refused += 1
        assert [each.name for each in tmp_path.iterdir()] == [path.name]
        path.unlink()
    assert refused > 5
