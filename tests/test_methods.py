"""Methods join by one file."""

import command_line
import numpy as np
import pytest

from lib import enhancement, fusion, metrics

PHOTO = np.full((6, 8), 0.25, np.float32)


@pytest.fixture
def join(tmp_path, monkeypatch):
    """Put one more file into a package."""

    def join(package, text):
        (tmp_path / f"{tmp_path.name}.py").write_text(text)  # a name of its own: modules are imported once
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])

    return join


def test_a_file_is_all_that_a_sharpener_takes(join):
    before = list(enhancement.METHODS)
    assert before[:4] == ["adaptive", "um", "gum", "cas"]
    join(enhancement, "def twice(image, times=2):\n    return image * times\n\n\nMETHODS = {'twice': twice}\n")
    assert "twice" in list(enhancement.METHODS)[4:]
    assert [name for name in enhancement.METHODS if name != "twice"] == before
    np.testing.assert_array_equal(enhancement.enhance(PHOTO, "twice", times=3), 3 * PHOTO)


def test_one_that_takes_a_map_needs_it(join):
    join(enhancement, "def by_map(image, sigma_map):\n    return image * sigma_map\n\n\nMETHODS = {'by_map': by_map}\n")
    np.testing.assert_array_equal(enhancement.enhance(PHOTO, "by_map", 2 * PHOTO), 2 * PHOTO**2)
    with pytest.raises(ValueError, match=r"sigma_map.*'by_map'"):
        enhancement.enhance(PHOTO, "by_map")


def test_a_file_is_all_that_a_fusion_method_takes(join):
    before = fusion.METHODS.taking("blur_maps")
    assert before[:2] == ("defocus", "paper")
    join(fusion, "def first(stack, blur_maps=None):\n    return stack[0]\n\n\nMETHODS = {'first': first}\n")
    assert fusion.fuse([PHOTO, 2 * PHOTO], "first") is PHOTO
    after = fusion.METHODS.taking("blur_maps")
    assert "first" in after[2:]
    assert tuple(name for name in after if name != "first") == before


def test_a_file_is_all_that_a_metric_takes(join):
    before = list(metrics.METRICS)
    assert before[:5] == list(metrics.FUSION_METRICS)
    join(metrics, "METHODS = {'same': lambda a, b, fused: float((a == fused).all() and (b == fused).all())}\n")
    assert {*metrics.METRICS} == {*before, "same"}
    assert metrics.METRICS["same"](PHOTO, PHOTO, PHOTO) == 1
    assert metrics.METRICS["same"](PHOTO, PHOTO, PHOTO + 1) == 0


def test_two_files_do_not_give_one_name(join):
    join(enhancement, "METHODS = {'um': abs}\n")
    with pytest.raises(ValueError, match=r"'um'.*rename one"):
        enhancement.METHODS.choose("um")


def test_a_method_that_needs_a_map_is_told_from_one_that_takes_it(join):
    assert fusion.METHODS.taking("blur_maps", needed=True) == ("paper",)
    join(fusion, "def first(stack, blur_maps):\n    return stack[0]\n\n\nMETHODS = {'first': first}\n")
    assert fusion.METHODS.taking("blur_maps", needed=True) == ("paper", "first")


def test_unknown_names_are_told_the_known():
    with pytest.raises(ValueError, match=r"'blur'.*adaptive, um, gum, cas"):
        enhancement.METHODS.choose("blur")


def test_a_broken_file_stops_no_other_command(join, capsys):
    join(enhancement, "METHODS = {'um': abs}\n")
    assert command_line.run("map", "--help") == 0
    capsys.readouterr()
    assert command_line.run("enhance", "photo.jpg", "-o", "sharper.jpg") == 2
    assert "rename one" in capsys.readouterr().err
