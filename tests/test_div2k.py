"""DIV2K: the paper's photos, by TensorFlow Datasets."""

import cv2
import numpy as np
import pytest

from lib.photos import PhotoError
from lib.studies import div2k


def test_unknown_split_of_div2k_is_named():
    with pytest.raises(ValueError, match="'test'"):
        next(div2k.photos("test"))


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_div2k_without_network_is_one_error(tmp_path):
    with pytest.raises(PhotoError, match="Cannot prepare DIV2K") as error:
        next(div2k.photos(folder=tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_div2k_gives_the_photos_one_at_a_time(monkeypatch, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    rng = np.random.default_rng(0)
    sharp = [rng.integers(0, 256, (8 + 8 * k, 16, 3), np.uint8) for k in range(3)]
    downloads = {}  # as the archives unpack, with three photos each
    for split in ("train", "valid"):
        high, low = tmp_path / split / f"DIV2K_{split}_HR", tmp_path / split / f"DIV2K_{split}_LR_x8"
        for k, photo in enumerate(sharp):
            for folder, suffix, pixels in ((high, "", photo), (low, "x8", photo[::8, ::8])):
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / f"{k:04d}{suffix}.png"), pixels[..., ::-1])
        downloads |= {f"{split}_hr_url": str(high.parent), f"{split}_lr_url": str(low)}
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", lambda *_: downloads)
    monkeypatch.setattr(div2k.requests, "head", lambda *_, **__: None)

    prepared = tmp_path / "prepared"
    first, second = list(div2k.photos("train", prepared)), list(div2k.photos("train", prepared))
    assert [name for name, _ in first] == [name for name, _ in second]
    assert len({name for name, _ in first}) == 3
    found = sorted((photo for _, photo in first), key=len)
    for photo, expected in zip(found, sharp, strict=True):
        np.testing.assert_array_equal(photo, expected)
    assert len(list(div2k.photos("validation", prepared))) == 3
