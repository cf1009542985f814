"""Writing whole or not at all, and one process at a time."""

import subprocess
import sys
import threading

import pytest

from lib import paths, storage

KILLED = """
import os, signal, sys
from lib import storage
with storage.whole(sys.argv[1]) as file:
    file.write_text("cut o")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_vanishes_at_the_next_try(tmp_path):
    target = tmp_path / "map.csv"
    target.write_text("before")
    killed = subprocess.run([sys.executable, "-c", KILLED, target], cwd=paths.ROOT)
    assert killed.returncode == -9
    assert target.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2
    with storage.whole(tmp_path / "other.csv") as file:
        file.write_text("another")
    assert len(list(tmp_path.iterdir())) == 3
    with storage.whole(target) as file:
        file.write_text("all of it")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.csv", "other.csv"]
    assert target.read_text() == "all of it"


def test_two_writers_do_not_meet(tmp_path):
    target = tmp_path / "map.csv"
    with storage.whole(target) as file:
        file.write_text("mine")
        other = 'import sys; from lib import storage\nwith storage.whole(sys.argv[1]) as f: f.write_text("theirs")'
        subprocess.run([sys.executable, "-c", other, target], cwd=paths.ROOT, check=True)
        assert target.read_text() == "theirs"
    assert target.read_text() == "mine"


def fail(target):
    with storage.whole(target) as file:
        file.write_text("cut o")
        raise RuntimeError


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        fail(tmp_path / "map.csv")
    assert not list(tmp_path.iterdir())


def test_one_at_a_time(tmp_path):
    order = []

    def second():
        with storage.alone(tmp_path / "run"):
            order.append("second")

    with storage.alone(tmp_path / "run"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
        with storage.alone(tmp_path / "another run"):
            order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
