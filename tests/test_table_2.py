"""The studies of Table 2: what is theirs beside the training."""

import numpy as np
import pytest
from scipy import ndimage

from lib import dataset, patches, paths
from lib.studies import profiles, records, table_2


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


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A folder of records of our own: write(name, samples, accuracy of each seed)."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path)

    def write(name, samples, *accuracies):
        rows = [
            {"seed": seed, "history": [{"samples": samples}], "test": {"accuracy": accuracy}}
            for seed, accuracy in enumerate(accuracies)
        ]
        result = {"rows": rows} if name.startswith("seeds") else rows[0]
        records.write(tmp_path / "local" / f"{name}.json", result, profile="local", data={}, seed=0, seconds=1)

    return write


def test_networks_compare_where_they_have_seen_as_many_samples(trained):
    trained("table_2_a", 1500, 0.9)
    trained("seeds_a", 500, 0.5, 0.75)
    trained("table_2_b", 500, 0.6)
    trained("seeds_b", 500, 0.6, 0.7)  # seed 0 is the same training
    trained("train_b-paper", 3000, 0.95)
    assert table_2.by_budget(["a", "b", "c"]) == {
        500: {"a": [0.5, 0.75], "b": [0.6, 0.7]},
        1500: {"a": [0.9]},
        3000: {"b": [0.95]},
    }
    assert table_2.at_equal_budgets("a", ["b"], "local") == [(0.625, pytest.approx(0.65))]
    trained("table_2_b", 1500, 0.8)
    assert table_2.at_equal_budgets("a", ["b"], "local") == [(0.9, 0.8)]
    with pytest.raises(LookupError, match="a and c"):
        table_2.at_equal_budgets("a", ["c"])


def test_without_records_nothing_is_said(trained):
    assert table_2.by_budget(["a"]) == {}
    assert records.recorded("table_2_a") is None
