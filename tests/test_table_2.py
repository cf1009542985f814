"""The studies of Table 2: what is theirs beside the training."""

import numpy as np
from scipy import ndimage

from lib import dataset, patches
from lib.studies import profiles, table_2


def test_larger_patches_show_the_same_places(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    photos = [(f"photo {k}", rng.integers(0, 256, (96, 128), dtype=np.uint8)) for k in range(6)]
    photos.insert(2, ("flat", np.zeros((64, 64), np.uint8)))  # has no sharp patch
    monkeypatch.setattr(profiles, "training_photos", lambda profile: iter(photos))
    profiles.build(tmp_path / "small", "local", table_2.READING, seed=3)
    table_2.build_larger(tmp_path / "large", "local", seed=3, size=48)
    for name in dataset.SPLITS:
        small, large = dataset.load(tmp_path / "small", name), dataset.load(tmp_path / "large", name)
        assert large.shape == (len(small), patches.LEVELS, 48, 48)
        assert large.dtype == np.uint16
        # A photo has three rows of four patches; those at its border are moved inward by 8 pixels.
        np.testing.assert_array_equal(large[5::12, 0, 8:40, 8:40], small[5::12, 0])
        np.testing.assert_array_equal(large[::12, 0, :32, :32], small[::12, 0])
        np.testing.assert_array_equal(large[11::12, 0, 16:, 16:], small[11::12, 0])
    alone = ndimage.gaussian_filter(large[0, 0].astype(float), 7, mode="reflect", truncate=1)
    np.testing.assert_allclose(large[0, 7], alone, atol=1)
