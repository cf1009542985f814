"""The register and its runner: what a record tells of, what is stale, and what a killed run leaves."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lib import classifiers, cli, paths, storage
from lib.cli import pictures
from lib.studies import adopt, chapters, div2k, fingerprint, profiles, records, register, run


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A register of our own, with a training and a study that uses its network, in folders of our own."""
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "data" / "results")
    monkeypatch.setattr(records, "commit", lambda: "0123456789ab")
    monkeypatch.setenv(paths.PROFILE, "quick")
    entries = {}
    monkeypatch.setattr(register, "studies", lambda: entries)

    def add(name, function, **more):
        entries[name] = register.Study(name, function, {}, dict.fromkeys(register.PROFILES, 1), "-", **more)

    monkeypatch.setattr(fingerprint, "of_function", lambda function, options, files: function.code)
    training.code, measuring.code, apart.code = "t1", "m1", "a1"
    training.weights = "first"
    add("train_tiny", training, makes="tiny.keras", card=lambda record: f"# tiny {record['result']['weights']}")
    add("error", measuring, needs=("train_*",))
    add("apart", apart)
    return tmp_path


def training(job):
    with storage.whole(paths.weights() / "tiny.keras") as file:
        file.write_text(training.weights)
    return {"weights": training.weights}


def measuring(job):
    job.data = {"seed": job.seed}
    return {"of": (paths.weights() / "tiny.keras").read_text(), "samples": job.count(1000), "some": job.some("abcdef")}


def apart(job):
    return {"done": True}


def run_all(**options):
    for name in register.studies():
        run.run(name, "quick", **options)


def states():
    return {name: records.state(name) for name in register.studies()}


def test_a_run_records_what_its_code_and_networks_were(project):
    run_all(seed=3)
    record = records.read("error")
    assert record["result"] == {"of": "first", "samples": 1000, "some": list("abcdef")}
    assert (record["study"], record["code"], record["seed"], record["data"]) == ("error", "m1", 3, {"seed": 3})
    assert record["networks"] == records.read("train_tiny")["networks"]
    assert (paths.weights() / "tiny.md").read_text() == "# tiny first"
    assert set(states().values()) == {records.FRESH}
    assert "stale" not in records.provenance(record)


def test_a_study_that_holds_is_not_run_again_and_one_that_does_not_is(project):
    run_all()
    first = records.path("error").read_text()
    run_all()
    assert records.path("error").read_text() == first
    training.code, training.weights = "t2", "second"
    assert states() == {"train_tiny": records.STALE, "error": records.FRESH, "apart": records.FRESH}
    run.run("train_tiny", "quick")
    assert states() == {"train_tiny": records.FRESH, "error": records.STALE, "apart": records.FRESH}
    assert "stale" in records.provenance(records.read("error"))
    run_all()
    assert records.read("error")["result"]["of"] == "second"
    assert set(states().values()) == {records.FRESH}


def test_a_study_waits_for_the_networks_that_it_needs(project):
    with pytest.raises(FileNotFoundError, match="defocus study train_tiny --profile quick"):
        run.run("error", "quick")


def test_what_a_killed_run_has_kept_serves_the_same_code_only(project):
    made = []

    def dies(job):
        first = job.kept("first", lambda: made.append(dies.code) or {"by": dies.code})
        if dies.killed:
            raise KeyboardInterrupt
        return first

    dies.code, dies.killed = "d1", True
    register.studies()["dies"] = register.Study("dies", dies, {}, {}, "-")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run.run("dies", "quick")
    dies.code, dies.killed = "d2", False
    run.run("dies", "quick")
    assert made == ["d1", "d2"]
    dies.code = "d1"
    run.run("dies", "quick")  # what it had left is still there
    assert made == ["d1", "d2"]
    assert records.read("dies")["result"] == {"by": "d1"}


def test_what_a_killed_run_has_kept_took_its_time(project, monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(run.time, "monotonic", lambda: next(clock))
    tries = []

    def dies(job):
        job.kept("first", dict)
        tries.append(job)
        if len(tries) == 1:
            raise KeyboardInterrupt
        return {}

    dies.code = "d1"
    register.studies()["dies"] = register.Study("dies", dies, {}, {}, "-")
    with pytest.raises(KeyboardInterrupt):
        run.run("dies", "quick")
    run.run("dies", "quick")
    assert records.read("dies")["seconds"] == 10 + 10


def test_a_record_of_another_seed_or_scale_is_kept(project):
    run_all()
    before = records.path("error").read_text()
    for options in ({"seed": 1}, {"scale": 0.1}):
        with pytest.raises(ValueError, match="is of seed 0 and scale 1: move"):
            run.run("error", "quick", **options)
    assert records.path("error").read_text() == before


def test_a_record_of_a_changed_tree_is_made_anew_when_the_tree_is_clean(project):
    run_all()
    edit("apart", commit="0123456789ab+changes")
    run.run("apart", "quick")
    assert records.read("apart")["commit"] == "0123456789ab"


def test_a_scaled_run_cuts_the_counts_and_is_not_adopted(project):
    run_all(scale=0.01)
    assert records.read("error")["result"]["samples"] == 10
    assert records.read("error")["result"]["some"] == ["a"]
    with pytest.raises(adopt.AdoptionError, match="error has cut counts"):
        adopt.adopt("quick")
    assert not paths.DATA.exists()


def test_a_run_is_adopted_whole(project, monkeypatch):
    (paths.DATA / "weights").mkdir(parents=True)
    (paths.DATA / "weights" / "former.keras").write_text("")
    larger = paths.RESULTS / "local" / "error.json"
    records.write(larger, {"of": "former"}, profile="local", data="-", seed=0, seconds=1)
    run_all()
    folders = adopt.adopt("quick")
    assert folders == [paths.DATA / "weights", paths.RESULTS / "quick", paths.RESULTS / "local"]
    assert {path.name for path in (paths.DATA / "weights").iterdir()} == {"tiny.keras", "tiny.md"}
    assert not larger.exists()
    assert sorted(path.stem for path in (paths.RESULTS / "quick").iterdir()) == ["apart", "error", "train_tiny"]
    monkeypatch.setenv(paths.PROFILE, "")
    assert records.read("error")["profile"] == "quick"
    assert set(states().values()) == {records.FRESH}
    assert not [path for path in project.rglob("*") if "adopted" in path.name or "replaced" in path.name]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda: records.path("apart").unlink(), "apart is not run"),
        (lambda: setattr(apart, "code", "a2"), "apart is stale"),
        (lambda: edit("apart", commit="0123456789ab+changes"), "apart was made on a changed tree"),
        (lambda: (paths.weights() / "tiny.keras").write_text("another"), "tiny.keras is not the network of train_tiny"),
        (lambda: shutil.rmtree(paths.RUNS), "There is no run at"),
    ],
)
def test_a_run_that_is_not_whole_is_refused_and_nothing_changes(project, spoil, why):
    run_all()
    spoil()
    with pytest.raises(adopt.AdoptionError, match=why):
        adopt.adopt("quick")
    assert not paths.DATA.exists()


def edit(name, **changes):
    storage.write_json(records.path(name), records.read(name) | changes)


def test_an_adoption_that_fails_half_way_leaves_all_as_it_was(project, monkeypatch):
    run_all()
    adopt.adopt("quick")
    before = {path: path.read_bytes() for path in paths.DATA.rglob("*") if path.is_file()}
    training.weights, training.code = "second", "t2"
    run_all()
    copied = []

    def disk_full(source, target, **options):
        if copied:
            msg = "No space left on device"
            raise OSError(msg)
        copied.append(target)
        return copytree(source, target, **options)

    copytree = shutil.copytree
    monkeypatch.setattr(shutil, "copytree", disk_full)
    with pytest.raises(OSError, match="No space"):
        adopt.adopt("quick")
    assert {path: path.read_bytes() for path in paths.DATA.rglob("*") if path.is_file()} == before


def test_what_git_does_not_hold_is_not_replaced(project, monkeypatch):
    run_all()
    monkeypatch.setattr(paths, "ROOT", project)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    own = paths.DATA / "weights" / "my own.keras"
    own.parent.mkdir(parents=True)
    own.write_text("weeks")
    with pytest.raises(adopt.AdoptionError, match=r"would lose what git does not hold: data/weights/my own\.keras"):
        adopt.adopt("quick")
    assert own.read_text() == "weeks"
    own.unlink()
    adopt.adopt("quick")


def test_what_a_killed_adoption_put_aside_comes_back(project, monkeypatch):
    run_all()
    adopt.adopt("quick")
    before = {path: path.read_bytes() for path in paths.DATA.rglob("*") if path.is_file()}
    for folder in (paths.DATA / "weights", paths.RESULTS / "quick"):
        folder.rename(folder.with_name(f".{folder.name}.replaced"))  # as if killed here

    def disk_full(*_, **__):
        msg = "No space left on device"
        raise OSError(msg)

    monkeypatch.setattr(shutil, "copytree", disk_full)
    with pytest.raises(OSError, match="No space"):
        adopt.adopt("quick")
    assert {path: path.read_bytes() for path in paths.DATA.rglob("*") if path.is_file()} == before


def test_words_that_mean_nothing_are_refused(project, capsys):
    for words in (["adopt", "--keep", "error"], ["study", "--seed", "5"], ["adopt", "--begin", "--keep", "alchemy"]):
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        assert end.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_run_begins_with_what_is_recorded_and_holds(project):
    run_all()
    adopt.adopt("quick")
    shutil.rmtree(paths.RUNS)
    apart.code = "a2"
    assert adopt.begin("quick") == ["train_tiny", "error"]
    assert states() == {"train_tiny": records.FRESH, "error": records.FRESH, "apart": records.NOT_RUN}
    first = records.path("error").read_text()
    run_all()
    assert records.path("error").read_text() == first


def test_what_an_adopted_run_had_kept_begins_the_next_one(project):
    run_all()
    adopt.adopt("quick")
    training.code = "t2"
    for keep in (("train_tiny", "error"), ()):  # what the first run was told to keep, the second knows of
        shutil.rmtree(paths.RUNS)
        assert adopt.begin("quick", keep) == ["train_tiny", "error", "apart"]
        adopt.adopt("quick")
    assert records.read("train_tiny")["kept"] == "t2"
    with pytest.raises(ValueError, match="is of seed 0"):
        run.run("train_tiny", "quick", seed=1)
    training.code = "t3"  # nobody was asked about this
    with pytest.raises(adopt.AdoptionError, match="train_tiny is stale"):
        adopt.adopt("quick")
    shutil.rmtree(paths.RUNS)
    assert "train_tiny" not in adopt.begin("quick")


# Of this project


@pytest.mark.slow
def test_full_runs_small_with_six_photos_in_the_place_of_div2k(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setenv(paths.PROFILE, "full")
    monkeypatch.setenv(div2k.STAND_IN, str(tmp_path / "six"))
    (tmp_path / "six").mkdir()
    rng = np.random.default_rng(0)
    for k in range(6):
        pictures.write(tmp_path / "six" / f"{k}.png", rng.random((96, 128, 3), np.float32))
    for name in ("patches", "train_spectrum_net-lens"):
        run.run(name, "full", scale=0.001)
    record = records.read("train_spectrum_net-lens")
    assert (record["profile"], record["scale"], record["data"]["photos"]) == ("full", 0.001, 6)
    assert record["result"]["samples_seen"] < 0.1 * 100 * record["data"]["samples"]["train"]
    assert records.provenance(record).startswith("profile full, ")
    assert classifiers.load("spectrum_net-lens").output_shape == (None, 20)
    with pytest.raises(ValueError, match="in a scaled run only"):
        run.run("photos", "full")


def test_the_command_lists_the_studies_and_refuses_others(capsys, monkeypatch):
    monkeypatch.setattr(records, "state", lambda name, profile: f"{profile} state")
    cli.main(["study"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(register.studies())
    assert "quick state; local" in lines[0]
    assert lines[0].endswith("full state")
    with pytest.raises(SystemExit) as end:
        cli.main(["study", "alchemy"])
    assert end.value.code == 2
    assert "Unknown study 'alchemy': `defocus study` lists them." in capsys.readouterr().err


def test_every_study_is_documented_and_runs_at_every_profile():
    for study in register.studies().values():
        assert study.function.__doc__, study.name
        assert tuple(study.minutes) == profiles.PROFILES == cli.options.PROFILES
        assert all(minutes > 0 for minutes in study.minutes.values()), study.name
        assert study.makes is None or study.card, study.name
        assert not [need for need in study.needs if "*" not in need and need not in register.studies()], study.name


def test_no_record_was_made_on_a_changed_tree():
    commits = {path: json.loads(path.read_text())["commit"] for path in paths.RESULTS.glob("*/*.json")}
    assert commits
    assert not {path for path, commit in commits.items() if "+" in commit}


STATES = """
import json
from lib.studies import chapters, register
print(json.dumps({"studies": {name: study.code for name, study in register.studies().items()},
                  "chapters": {name: chapters.inputs_hash(name) for name in chapters.chapters()}}))
"""


def hashes(tree):
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run([sys.executable, "-c", STATES], cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_edit_makes_stale_what_reaches_it_and_nothing_else(tmp_path):
    """In a copy of the tree: of one study's code; of a comment and a docstring; of a function of the method."""
    tree = tmp_path / "project"
    ignore = shutil.ignore_patterns("__pycache__", "chapters", "_static", "_vendor")
    for folder in ("lib", "book", "data"):
        shutil.copytree(paths.ROOT / folder, tree / folder, ignore=ignore, symlinks=False)
    freshen(tree)
    before = hashes(tree)

    def changed(file, old, new):
        path = tree / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        now = hashes(tree)
        path.write_text(text)
        return [{name for name, code in now[kind].items() if code != before[kind][name]} for kind in now]

    # The scoreboard reads all records.
    scoreboard = {name for name in chapters.chapters() if "scoreboard" in (paths.BOOK / f"{name}.md").read_text()}
    studies, pages = changed("lib/studies/models.py", "samples=153_600", "samples=153_601")
    assert studies == {"ablation"}
    assert pages == {name for name in chapters.chapters() if "ablation" in chapters.reads(name)} | scoreboard
    studies, pages = changed("lib/studies/enfuse.py", '"--hard-mask"', '"--soft-mask"')
    assert studies == {"fusion_benchmark", "fusion_truth"}  # which run enfuse
    assert pages == {"fusion", "fusion_metrics"} | scoreboard
    words = "What each part of SpectrumNet is good for"
    assert changed("lib/studies/models.py", words, "What its parts are good for") == [set(), set()]
    head = "import numpy as np\n"
    assert changed("lib/fusion/gfdf.py", head, head + "\n# A comment.\n") == [set(), set()]
    studies, _ = changed("lib/fusion/gfdf.py", "np.float64(chosen)", "np.float32(chosen)")
    assert studies >= {"table3", "fusion_lytro", "fusion_rendered"}
    assert not studies & {"ablation", "robustness", "comparison_scenes", "train_mobilenet_v2-lens"}


def freshen(tree):
    """Give a copy a record of each study, of the code that is there."""
    for name, code in hashes(tree)["studies"].items():
        entry = register.studies()[name]
        networks = {training.makes: "-" for training in [*entry.before, entry] if training.makes}
        record = {"result": {}, "profile": "local", "study": name, "code": code, "networks": networks}
        (tree / "data" / "results" / "local" / f"{name}.json").write_text(json.dumps(record))
