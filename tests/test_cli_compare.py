"""``defocus compare`` as its user meets it."""

import csv
import functools
from dataclasses import replace

import command_line
import numpy as np
import pytest

from lib import estimators
from lib.cli import compare, pictures
from lib.cli.options import PAPER

METHODS = "entropy,fdm"


run = functools.partial(command_line.run, "compare")


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def rows(folder):
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_maps_sheet_and_tables_are_written(photo, tmp_path):
    out = tmp_path / "new" / "out"
    assert run(photo, "-o", out, "--methods", METHODS) == 0
    assert files(out) == ["photo.png", "photo/entropy.npy", "photo/fdm.npy", "table.csv", "table.md"]
    np.testing.assert_array_equal(
        np.load(out / "photo" / "fdm.npy"), estimators.get("fdm")(pictures.read(photo).pixels)
    )
    assert pictures.read(out / "photo.png").pixels.shape[1] > 600
    assert [(row["photo"], row["method"], row["unit"]) for row in rows(out)] == [
        ("photo", "entropy", "score"),
        ("photo", "fdm", "sigma"),
    ]
    markdown = (out / "table.md").read_text().splitlines()
    assert markdown[0] == "| " + " | ".join(rows(out)[0]) + " |"
    assert len(markdown) == 4


def test_a_new_method_is_run_by_default(photo, tmp_path, monkeypatch):
    methods = tmp_path / "methods"
    methods.mkdir()
    monkeypatch.setattr(estimators, "__path__", [str(methods)])
    assert run(photo, "-o", tmp_path / "out") == 2
    code = "from lib.images import to_gray\ndef estimate(image):\n    return 1 - to_gray(image)\n"
    (methods / "darkness.py").write_text(code)
    assert run(photo, "-o", tmp_path / "out") == 0
    assert [row["method"] for row in rows(tmp_path / "out")] == ["darkness"]


def test_a_method_whose_packages_are_missing_is_left_out_and_says_so(photo, tmp_path, monkeypatch, capsys):
    methods = tmp_path / "methods"
    methods.mkdir()
    (methods / "a_lacking.py").write_text("import no_such_package\n")
    (methods / "brightness.py").write_text("from lib.images import to_gray\nestimate = to_gray\n")
    monkeypatch.setattr(estimators, "__path__", [str(methods)])
    assert run(photo, "-o", tmp_path / "out") == 0
    assert [row["method"] for row in rows(tmp_path / "out")] == ["brightness"]
    assert "note: a_lacking cannot run here and is left out: --methods a_lacking says why" in capsys.readouterr().err
    assert run(photo, "-o", tmp_path / "out", "--methods", "a_lacking") == 2
    assert "a_lacking cannot run here: No module named 'no_such_package'" in capsys.readouterr().err


def test_a_map_of_other_options_is_not_kept(monkeypatch):
    codes = []
    for labels in ("hard", "expected"):
        monkeypatch.setitem(estimators.get(PAPER).method.variants[PAPER], "labels", labels)
        estimators.get.cache_clear()
        codes.append(compare._code.__wrapped__(PAPER))
    estimators.get.cache_clear()
    assert codes[0] != codes[1]


def test_the_paper_goes_by_its_name(photo, tmp_path, monkeypatch):
    known = estimators.get

    def stands_in(name):
        return replace(known(name), estimate=known("entropy").estimate) if name == PAPER else known(name)

    monkeypatch.setattr(estimators, "get", stands_in)
    assert run(photo, "-o", tmp_path / "out", "--methods", f"paper, entropy,{PAPER}") == 0
    assert [row["method"] for row in rows(tmp_path / "out")] == [PAPER, "entropy"]


def test_true_sigma_is_judged(photo, crop, tmp_path):
    truth = tmp_path / "sigma.npy"
    np.save(truth, estimators.get("fdm")(pictures.read(photo).pixels) + 1)
    assert run(photo, "-o", tmp_path / "out", "--methods", METHODS, "--truth", truth) == 0
    entropy, fdm = rows(tmp_path / "out")
    assert (float(fdm["mae"]), float(fdm["rmse"]), float(fdm["spearman"])) == pytest.approx((1, 1, 1), abs=1e-3)
    assert entropy["mae"] == ""
    assert -1 <= float(entropy["spearman"]) <= 1


def test_a_mask_is_judged(photo, crop, tmp_path):
    blur = estimators.get("entropy").blur(estimators.get("entropy")(pictures.read(photo).pixels))
    (tmp_path / "masks").mkdir()
    pictures.write(tmp_path / "masks" / "photo.png", (blur > np.median(blur)).astype(np.float32))
    assert run(photo, "-o", tmp_path / "out", "--methods", METHODS, "--truth", tmp_path / "masks") == 0
    entropy, fdm = rows(tmp_path / "out")
    assert float(entropy["auc"]) == 1
    assert 0 <= float(fdm["f_measure"]) <= 1


def test_a_killed_run_goes_on(photo, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run(photo, "-o", out, "--methods", "entropy") == 0
    kept = np.full((70, 110), 2.5, np.float32)
    np.save(out / "photo" / "entropy.npy", kept)
    (out / "photo" / "fdm.npy").write_bytes(b"\x93NUMPY cut off")
    before = rows(out)[0]["seconds"]
    assert run(photo, "-o", out, "--methods", METHODS) == 0
    np.testing.assert_array_equal(np.load(out / "photo" / "entropy.npy"), kept)
    assert np.load(out / "photo" / "fdm.npy").shape == (70, 110)
    assert rows(out)[0]["seconds"] == before
    assert float(rows(out)[0]["mean"]) == 2.5


def test_a_photo_that_fails_does_not_lose_the_others(photo, tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    pictures.write(tmp_path / "tiny.png", np.zeros((20, 200)))
    out = tmp_path / "out"
    assert run(tmp_path / "broken.png", photo, tmp_path / "tiny.png", "-o", out, "--methods", "entropy") == 2
    assert files(out) == ["photo.png", "photo/entropy.npy", "table.csv", "table.md"]
    lines = capsys.readouterr().err.splitlines()
    assert "broken.png" in lines[0]
    assert "32x32" in lines[1]
    assert "2 of 3 photos failed" in lines[2]


def test_a_method_that_fails_does_not_lose_the_others(photo, tmp_path, monkeypatch, capsys):
    def fail(image):
        msg = "out of luck"
        raise ValueError(msg)

    monkeypatch.setattr("lib.estimators.fdm.estimate", fail)
    estimators.get.cache_clear()
    assert run(photo, "-o", tmp_path / "out", "--methods", "fdm,entropy") == 2
    estimators.get.cache_clear()
    assert files(tmp_path / "out") == ["photo.png", "photo/entropy.npy", "table.csv", "table.md"]
    assert "out of luck" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "entropy,focus"], "'focus'"),
        (["--methods", "entropy", "--truth", "nowhere.npy"], "No truth for"),
        (["--methods", "entropy", "-o", "FILE"], "needs a folder"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(photo, tmp_path, words, message, capsys):
    (tmp_path / "file").write_text("")
    words = [tmp_path / "file" if word == "FILE" else word for word in words]
    before = files(tmp_path)
    assert run(photo, *(() if "-o" in words else ("-o", tmp_path / "out")), *words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert files(tmp_path) == before


def test_a_photo_that_is_not_there_is_named(tmp_path, capsys):
    assert run(tmp_path / "none.png", "-o", tmp_path / "out", "--methods", "entropy") == 2
    assert "No such photo" in capsys.readouterr().err
    assert files(tmp_path) == []
