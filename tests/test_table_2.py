"""The studies of Table 2: what is theirs beside the training."""

import numpy as np
import pytest
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


def trained(samples, *accuracies, several=False):
    """A record of a training, or of several that differ in the seed."""
    rows = [
        {"seed": seed, "history": [{"samples": samples}], "test": {"accuracy": accuracy}}
        for seed, accuracy in enumerate(accuracies)
    ]
    return {"result": {"rows": rows} if several else rows[0], "seed": 0}


def test_networks_compare_where_they_have_seen_as_many_samples():
    made = [
        ("a", trained(500, 0.5, 0.75, several=True)),
        ("a", trained(1500, 0.9)),
        ("b", trained(500, 0.6, 0.7, several=True)),
        ("b", trained(500, 0.6)),  # seed 0 is the same training
        ("b", trained(3000, 0.95)),
        ("c", None),
    ]
    assert table_2.by_budget(made) == {
        500: {"a": [0.5, 0.75], "b": [0.6, 0.7]},
        1500: {"a": [0.9]},
        3000: {"b": [0.95]},
    }
    assert table_2.at_equal_budgets("a", ["b"], made) == [(0.625, pytest.approx(0.65))]
    assert table_2.at_equal_budgets("a", ["b"], [*made, ("b", trained(1500, 0.8))]) == [(0.9, 0.8)]
    with pytest.raises(LookupError, match="a and c"):
        table_2.at_equal_budgets("a", ["c"], made)


def test_without_records_nothing_is_said():
    assert table_2.by_budget([("a", None)]) == {}
