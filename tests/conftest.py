"""What tests share; a module that needs another crop has its own."""

import socket

import pytest

from lib import paths, photos
from lib.cli import pictures


@pytest.fixture(autouse=True)
def outside_of_a_run(monkeypatch):
    """Commands that begin a run of the reproduction say so in the environment; here it ends with the test."""
    monkeypatch.setenv(paths.PROFILE, "")


@pytest.fixture
def offline(monkeypatch):
    """Any attempt to connect fails."""

    def refuse(*_):
        msg = "no network in this test"
        raise OSError(msg)

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def crop():
    return photos.load("flower")[120:190, 180:290]


@pytest.fixture
def photo(tmp_path, crop):
    path = tmp_path / "photo.png"
    pictures.write(path, crop)
    return path


def pytest_addoption(parser):
    parser.addoption("--fuzz", type=int, default=2000, help="damaged picture files that the readers get")
