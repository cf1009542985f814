"""The buttons that open a chapter elsewhere, and what they open."""

import re
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
import yaml

from book import notebooks
from book._ext import launch
from lib import paths
from lib.studies import chapters

NAME = "owner/some-book"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "notebooks"
    notebooks.write(NAME, folder)
    return folder


@pytest.mark.parametrize("end", ["", "/", ".git"])
def test_a_repository_is_found_in_its_address(end):
    assert launch.repository(f"https://github.com/{NAME}{end}") == NAME


@pytest.mark.parametrize("address", ["owner/name", "https://gitlab.com/owner/name", "https://github.com/owner"])
def test_another_address_is_refused_by_name(address):
    with pytest.raises(ValueError, match=f"got {address}"):
        launch.repository(address)


@pytest.mark.parametrize("chapter", chapters.chapters())
def test_every_button_opens_a_file_that_is_there(chapter, written):
    binder, colab = (urlsplit(address) for address in launch.addresses(NAME, chapter).values())
    assert (binder.netloc, binder.path) == ("mybinder.org", f"/v2/gh/{NAME}/main")
    (opened,) = parse_qs(binder.query)["urlpath"]
    assert (paths.ROOT / opened.removeprefix("lab/tree/")).is_file()
    place = re.fullmatch(rf"/github/{NAME}/blob/notebooks/(.+)", colab.path)
    assert colab.netloc == "colab.research.google.com"
    assert (written / place[1]).is_file()


@pytest.mark.parametrize(
    ("address", "page", "services"),
    [
        (f"https://github.com/{NAME}", "optics", ["Binder", "Colab"]),
        (f"https://github.com/{NAME}", "notation", []),  # has no cells
        (None, "optics", []),
    ],
)
def test_a_chapter_with_cells_has_buttons_where_the_book_has_an_address(address, page, services, monkeypatch):
    monkeypatch.delenv("BOOK_REPOSITORY", raising=False)
    if address:
        monkeypatch.setenv("BOOK_REPOSITORY", address)
    app = SimpleNamespace(env=SimpleNamespace(metadata={"optics": {"kernelspec": {}}, "notation": {}}))
    context = {"header_buttons": []}
    launch.add_buttons(app, page, "page.html", context, doctree=object())
    assert [button["text"] for group in context["header_buttons"] for button in group["buttons"]] == services


def test_the_notebooks_run_their_setup_first_and_then_the_chapter(written):
    for path in written.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        setup, *cells = notebook.cells
        assert f"https://github.com/{NAME} /content/some-book" in setup.source
        assert f"{NAME}/notebooks/requirements.txt" in setup.source
        chapter = (paths.BOOK / f"{path.stem}.md").read_text()
        assert sum(cell.cell_type == "code" for cell in cells) == chapter.count("```{code-cell}")
        assert not any("outputs" in cell and cell.outputs for cell in cells)
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        assert prose.count("$$") == chapter.count("$$") + 2 * chapter.count("```{math}\n")
        assert "{math}" not in prose


def test_colab_gets_the_lock_without_what_it_runs_on(written):
    def pins(text):
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE | re.IGNORECASE))

    whole, made = (folder.joinpath("requirements.txt").read_text() for folder in (paths.ROOT, written))
    assert set(pins(whole)) - set(pins(made)) == notebooks.COLAB_OWN
    assert pins(made).items() <= pins(whole).items()
    assert {"myst-nb", "tensorflow-cpu", "pymatting"} <= set(pins(made))
    for entry in re.split(r"^(?=[a-z0-9])", made, flags=re.MULTILINE | re.IGNORECASE)[1:]:
        assert "--hash=sha256:" in entry


def test_binder_installs_the_same_as_conda():
    here, binder = (yaml.safe_load((paths.ROOT / folder / "environment.yml").read_text()) for folder in ("", ".binder"))
    here.pop("name")
    here["dependencies"][-1]["pip"] = ["--requirement ../requirements.txt"]
    assert binder == here
    script = paths.ROOT / ".binder" / "postBuild"
    assert script.stat().st_mode & 0o111
    assert "set-default-viewer markdown" in script.read_text()


def test_the_book_and_the_notebooks_are_published_together():
    workflow = yaml.safe_load((paths.ROOT / ".github/workflows/publish.yml").read_text())
    assert "github.repository" in workflow["env"]["BOOK_REPOSITORY"]
    build = " ".join(step.get("run", "") for step in workflow["jobs"]["build"]["steps"])
    assert "make browser" in build
    assert '-m book.notebooks "$BOOK_REPOSITORY"' in build
    assert f"git push --force origin {launch.NOTEBOOKS}" in build
    assert workflow["jobs"]["deploy"]["needs"] == "build"
