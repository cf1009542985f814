"""Photo sets: bundled ones need no network; registry files are the ones the registry means."""

import http.server
import os
import subprocess
import sys
import threading

import cv2
import numpy as np
import pooch
import pytest
from skimage import data

from lib import images, paths, photos

needs_mirror = pytest.mark.skipif(
    not os.environ.get(photos.MIRROR), reason=f"{photos.MIRROR} names no folder with the photo sets"
)


# Bundled photos


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", photos.BUNDLED)
def test_bundled_photos_need_no_network(name, monkeypatch, tmp_path):
    monkeypatch.setattr("skimage.data._fetchers._image_fetcher.path", tmp_path)  # an empty download cache
    photo = images.check_image(photos.load(name))
    assert photo.ndim == 3
    assert photo.std() > 0.1
    assert list(tmp_path.iterdir()) == []


def test_load_keeps_the_8_bit_values():
    np.testing.assert_array_equal(images.to_uint8(photos.load("coffee")), data.coffee())


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", photos.SHIPPED)
def test_photos_that_come_along_are_those_of_the_registry(name):
    photo = photos.load(name)
    if not name.startswith("pcb"):
        row = photos._registry()[f"gb82/{name}-lossless.png"]
        assert pooch.file_hash(str(paths.DATA / "photos" / photos.SHIPPED[name])) == row["sha256"]
        assert photo.shape == (576, 576, 3)
    elif os.environ.get(photos.MIRROR):
        whole = images.read(photos.file(f"focus_stack_pcb/pcb_00{name[-1]}.jpg"))
        scaled = cv2.resize(whole, (800, 600), interpolation=cv2.INTER_AREA)
        assert np.sqrt(np.mean((photo - scaled) ** 2)) < 0.01  # JPEG


def test_notices_come_along():
    for name in photos.SHIPPED.values():
        notice = (paths.DATA / "photos" / name).with_name("README.md").read_text()
        assert "CC0" in notice or "Permission is hereby granted" in notice


def test_unknown_bundled_photo_is_named():
    with pytest.raises(ValueError, match=r"'fish'.*coffee"):
        photos.load("fish")


def test_importing_photos_stays_light():
    heavy = "import sys, lib.photos; print(sorted({'tensorflow', 'tensorflow_datasets', 'sklearn'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, cwd=paths.ROOT)
    assert out.stdout.strip() == "[]"


# The registry


def test_registry_and_sets_agree():
    rows = photos._registry()
    assert {name.split("/")[0] for name in rows} == set(photos.SETS)
    assert set(photos.TRAINING_SETS) <= set(photos.SETS)
    for row in rows.values():
        assert len(bytes.fromhex(row["sha256"])) == 32
        assert len(bytes.fromhex(row["commit"])) == 20
    for row in photos._rows("photo_sets.tsv").values():
        assert all(row.values())


def test_urls_are_pinned_and_quoted():
    url = photos._downloader().urls["lytro/triples/lytro-01-A.jpg"]
    row = photos._registry()["lytro/triples/lytro-01-A.jpg"]
    assert url.startswith(f"https://raw.githubusercontent.com/{row['repository']}/{row['commit']}/")
    assert url.endswith("/Triple%20Series/lytro-01-A.jpg")


@needs_mirror
@pytest.mark.parametrize("set_name", photos.SETS)
def test_mirror_has_every_set(set_name):
    found = photos.files(set_name)
    assert found == sorted(found)
    assert len(found) == sum(name.startswith(f"{set_name}/") for name in photos._registry())
    images.check_image(images.read(found[0]))


@needs_mirror
def test_training_files_are_660_photos():
    assert len(set(photos.training_files())) == 660


def test_unknown_set_and_file_are_named():
    with pytest.raises(ValueError, match=r"'kodak'.*urban100"):
        photos.files("kodak")
    with pytest.raises(ValueError, match=r"'lytro/x.jpg'.*registry.tsv"):
        photos.file("lytro/x.jpg")


NAME = "tiny/a photo.txt"
CONTENT = b"not really a photo"


@pytest.fixture
def tiny_registry(monkeypatch, tmp_path):
    """A registry of one file, and empty caches."""
    original = tmp_path / "original"
    original.write_bytes(CONTENT)
    row = {
        "file": NAME,
        "sha256": pooch.file_hash(str(original)),
        "bytes": str(len(CONTENT)),
        "repository": "someone/photos",
        "commit": "0" * 40,
        "path": "some folder/a photo.txt",
    }
    monkeypatch.setattr(photos, "_registry", lambda: {NAME: row})
    monkeypatch.setattr(photos, "_cache", lambda: tmp_path / "cache")
    monkeypatch.delenv(photos.MIRROR, raising=False)
    return row


@pytest.mark.usefixtures("tiny_registry", "offline")
def test_mirror_is_read_in_place(monkeypatch, tmp_path):
    (tmp_path / "mirror" / "tiny").mkdir(parents=True)
    mirrored = tmp_path / "mirror" / NAME
    mirrored.write_bytes(CONTENT)
    monkeypatch.setenv(photos.MIRROR, str(tmp_path / "mirror"))
    assert photos.file(NAME) == mirrored


def test_damaged_mirror_file_is_refused(monkeypatch, tmp_path, tiny_registry):
    (tmp_path / "tiny").mkdir()
    monkeypatch.setenv(photos.MIRROR, str(tmp_path))
    mirrored = tmp_path / NAME
    for content in (CONTENT[:-1], b""):  # the second time a file of another time is checked again
        mirrored.write_bytes(content)
        os.utime(mirrored, (len(content), len(content)))
        with pytest.raises(photos.PhotoError, match="damaged") as error:
            photos.file(NAME)
        received = pooch.file_hash(str(mirrored))
        assert all(part in str(error.value) for part in (str(mirrored), tiny_registry["sha256"], received))


@pytest.mark.usefixtures("tiny_registry")
def test_incomplete_mirror_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv(photos.MIRROR, str(tmp_path / "nowhere"))
    with pytest.raises(photos.PhotoError, match=photos.MIRROR) as error:
        photos.file(NAME)
    assert NAME in str(error.value)


@pytest.mark.usefixtures("tiny_registry", "offline")
def test_no_network_and_no_mirror_says_what_to_do(monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    with pytest.raises(photos.PhotoError, match=f"connect to the network, or set {photos.MIRROR}") as error:
        photos.file(NAME)
    assert NAME in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def server(monkeypatch):
    """A host of files on this machine; ``content`` is what it sends, ``asked`` what was asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(self.server.content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as host:
        host.asked, host.content = [], CONTENT
        url = f"http://127.0.0.1:{host.server_port}/{{repository}}/{{commit}}/{{path}}"
        monkeypatch.setattr(photos, "RAW_URL", url)
        threading.Thread(target=host.serve_forever, args=(0.01,), daemon=True).start()
        yield host
        host.shutdown()


@pytest.mark.usefixtures("tiny_registry")
def test_file_is_downloaded_once(server, tmp_path):
    for _ in range(2):
        path = photos.file(NAME)
        assert path == tmp_path / "cache" / NAME
        assert path.read_bytes() == CONTENT
    assert server.asked == [f"/someone/photos/{'0' * 40}/some%20folder/a%20photo.txt"]


@pytest.mark.usefixtures("tiny_registry")
@pytest.mark.parametrize("content", [CONTENT[:9], CONTENT[::-1]], ids=["partial", "other"])
def test_partial_or_other_download_is_not_kept(server, tmp_path, content):
    server.content = content
    with pytest.raises(photos.PhotoError, match="a photo"):
        photos.file(NAME)
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    server.content = CONTENT
    assert photos.file(NAME).read_bytes() == CONTENT
