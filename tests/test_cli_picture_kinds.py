"""Every kind of file is read right, edited at zero strength, and written back with what it held."""

import cv2
import numpy as np
import picture_kinds
import pytest
import tifffile
from command_line import run
from PIL import Image

from lib.cli import pictures

KINDS = picture_kinds.every()


def close(got, kind, alpha=None):
    """Whether pixels are right, within half a step of the file's depth or what the container can keep."""
    assert got.shape == kind.pixels.shape
    difference = np.abs(got - kind.pixels)
    if kind.levels is None:  # colors that were multiplied by alpha are known to half a step of their product
        opacity = kind.alpha if kind.pixels.ndim == 2 else kind.alpha[..., None]
        return (difference * opacity).max() * picture_kinds.PEAK[kind.bits] < 1.01
    return difference.max() * picture_kinds.PEAK[kind.bits] < kind.levels + 0.01


def test_there_are_many_kinds():
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 60


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_survives_an_edit_of_zero_strength(kind, tmp_path, capfd):
    path = tmp_path / f"photo{kind.suffix}"
    path.write_bytes(kind.data)
    picture = pictures.read(path)
    assert picture.bits == kind.bits
    assert close(picture.pixels, kind)
    assert (picture.alpha is None) == (kind.alpha is None)
    if kind.alpha is not None:
        np.testing.assert_array_equal(np.rint(picture.alpha * 65535), np.rint(kind.alpha * 65535))
    (tmp_path / "out").mkdir()
    assert run("enhance", path, "-o", tmp_path / "out", "--method", "um", "--strength", 0) == 0
    (written,) = (tmp_path / "out").iterdir()
    again = independent(written, kind)
    assert again.dtype == (np.uint16 if kind.bits == 16 else np.uint8)
    if kind.alpha is not None:
        np.testing.assert_array_equal(again[..., -1], np.rint(kind.alpha * picture_kinds.PEAK[kind.bits]))
        again = again[..., 0] if kind.pixels.ndim == 2 else again[..., :3]
    assert close(again / picture_kinds.PEAK[kind.bits], kind)
    if kind.exif:
        data = written.read_bytes()
        assert picture_kinds.COPYRIGHT in data
        with Image.open(written) as other:
            assert other.getexif().get(274, 1) == 1
    assert capfd.readouterr().err == ""


def independent(path, kind):
    """The samples of a file by another decoder, channels R, G, B, A."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    if path.suffix == ".png":
        samples = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if samples.ndim == 3 and kind.pixels.ndim == 2:
            return samples[..., [0, 3]]
        return samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]
    with Image.open(path) as other:
        return np.asarray(other)
