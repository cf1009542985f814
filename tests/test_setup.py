"""The set-up: the lock, the environment, the workflow and the book's frame agree with each other."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parent.parent
LOCKS = [ROOT / "requirements.txt", ROOT / "requirements-gpu.txt"]
CHAPTERS = sorted((ROOT / "book").glob("*.md"))
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")


def requirements(text):
    """The requirements of a file, their hashes still attached as text."""
    lines = [
        line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    return [line.split("  # ")[0].strip() for line in lines]


def listed():
    """Files that _toc.yml names, in order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def header(chapter):
    """The YAML header of a chapter, or an empty one."""
    found = re.match(r"---\n(.*?)\n---\n", chapter.read_text(), re.DOTALL)
    return yaml.safe_load(found[1]) if found else {}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_locked_requirement_is_pinned_and_hashed(lock):
    locked = requirements(lock.read_text())
    assert len(locked) > 100
    for line in locked:
        assert re.match(r"[A-Za-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_the_lock_names_no_index_host_or_path(lock):
    places = r"https?:|file:|--(index|extra-index|find-links|trusted)|^-|\s@\s|^[./]"
    assert not re.search(places, lock.read_text(), re.MULTILINE)


def test_the_gpu_lock_differs_by_tensorflow_only():
    plain, gpu = ({line.split(" ")[0] for line in requirements(lock.read_text())} for lock in LOCKS)
    assert {name.split("==")[0] for name in plain - gpu} == {"tensorflow-cpu"}
    assert all(name.startswith("nvidia-") for name in gpu - plain)


@pytest.mark.parametrize("python", ["3.11", "3.12"])
@pytest.mark.parametrize(("platform", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")])
def test_the_lock_holds_what_is_asked_for(python, platform, machine):
    here = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": platform,
            "platform_machine": machine}  # fmt: skip

    def wanted(lines):
        found = [Requirement(line.split(" --hash")[0]) for line in lines]
        return {r.name.lower(): r for r in found if r.marker is None or r.marker.evaluate(here)}

    asked = wanted(requirements((ROOT / "requirements.in").read_text()))
    locked = wanted(requirements(LOCKS[0].read_text()))
    assert sum(name.startswith("tensorflow") and "-" not in name for name in asked) + ("tensorflow-cpu" in asked) == 1
    for name, requirement in asked.items():
        (pin,) = locked[name].specifier
        assert requirement.specifier.contains(pin.version), name


def test_conda_installs_the_lock_on_a_supported_python():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert dependencies[-1] == {"pip": ["--requirement requirements.txt"]}
    assert "python=3.11" in dependencies


def test_the_project_is_installed_and_nothing_sets_an_import_path():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"defocus": "lib.cli:main"}
    assert "pip install --no-deps --no-build-isolation --editable ." in (ROOT / ".binder/postBuild").read_text()
    places = [ROOT / name for name in ("Makefile", "Snakefile", "pyproject.toml", ".binder/postBuild")]
    places += [path for folder in ("lib", "book") for path in (ROOT / folder).rglob("*.py")]
    assert not [path for path in places if re.search(r"sys\.path|PYTHONPATH|pythonpath|\.pth\b", path.read_text())]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_installs_the_lock_with_hashes_and_ci_runs_the_tests():
    recipe = subprocess.run(["make", "-n", "-B", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--require-hashes --requirement requirements.txt" in recipe
    assert "--no-deps --no-build-isolation --editable ." in recipe
    assert "pytest" in recipe
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_the_workflow_tests_and_builds_on_every_supported_python():
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["test-and-build"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    commands = " ".join(step.get("run", "") for step in job["steps"])
    assert ".ci/run" in commands
    assert "make book" in commands


def test_the_gpu_workflow_reproduces_and_proposes_the_results():
    workflow = yaml.safe_load((ROOT / ".github/workflows/reproduce.yml").read_text())
    offered = workflow[True]["workflow_dispatch"]["inputs"]["profile"]["options"]  # YAML reads the key "on" as true
    assert set(offered) == {"quick", "local", "full"}
    job = workflow["jobs"]["reproduce"]
    assert {"self-hosted", "gpu"} <= set(job["runs-on"])
    commands = [step.get("run", "") for step in job["steps"]]
    order = [
        next(k for k, command in enumerate(commands) if part in command)
        for part in ("nvidia-smi", "LOCK=requirements-gpu.txt", "make reproduce", "make adopt", "make record", "gh pr")
    ]
    assert order == sorted(order)
    assert "git add data/results data/weights tests/recorded README.md codecheck.yml" in commands[order[-1]]
    assert "gh pr create" in commands[order[-1]]


def test_the_book_finds_its_contents_through_one_relative_link():
    link = ROOT / "book/_toc.yml"
    assert link.is_symlink()
    assert link.readlink() == Path("../_toc.yml")


def test_the_contents_list_every_chapter_once():
    assert sorted(listed()) == [chapter.stem for chapter in CHAPTERS]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_with_cells_has_a_jupytext_header(chapter):
    runs = "{code-cell}" in chapter.read_text()
    assert header(chapter).get("jupytext", {}).get("text_representation", {}).get("format_name") == (
        "myst" if runs else None
    )


def test_no_two_figures_tables_or_equations_share_a_name():
    label = re.compile(r"^ *:?(?:name|label): *(\S+)$|^\((\S+)\)=$", re.MULTILINE)
    names = [name or target for chapter in CHAPTERS for name, target in label.findall(chapter.read_text())]
    assert len(names) > 20
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_citation_has_its_reference(chapter):
    keys = {key.strip() for cited in CITATION.findall(chapter.read_text()) for key in cited.split(",")}
    assert keys <= set(parse_file(ROOT / "book/references.bib").entries)


def test_all_78_references_of_the_paper_are_there():
    path = ROOT / "book/references.bib"
    pairs = re.findall(r"^% \[(\d+)\] (\w+)$", path.read_text(), re.MULTILINE)
    keys = {int(number): key for number, key in pairs}
    assert sorted(keys) == list(range(1, 79))
    assert len(pairs) == 78
    assert len(set(keys.values())) == 75
    for one, other in ((18, 43), (52, 66), (57, 59)):  # listed twice in the paper
        assert keys[one] == keys[other]
    entries = parse_file(path).entries
    assert set(keys.values()) <= set(entries)
    for key, entry in entries.items():
        family, year = entry.persons["author"][0].last_names[-1], entry.fields["year"]
        assert year in key, key
        assert re.sub(r"\W", "", family).lower() in key, key
