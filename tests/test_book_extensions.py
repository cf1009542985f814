"""The book's own Sphinx extensions: fresh execution, and mended pages."""

import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from docutils.utils import new_document
from jupyter_cache import get_cache
from pybtex.database import parse_string

from book._ext import api, author_year, folds, fresh_execution, pages
from lib import paths


@pytest.fixture
def app(tmp_path):
    config = SimpleNamespace(nb_execution_cache_path="", nb_execution_mode="cache")
    return SimpleNamespace(outdir=tmp_path / "_build" / "html", config=config)


def test_the_cache_loses_the_chapters_whose_inputs_have_changed_and_no_other(app, tmp_path, monkeypatch):
    now = {"optics": "1", "fusion": "1"}
    monkeypatch.setattr(fresh_execution.chapters, "chapters", lambda: list(now))
    monkeypatch.setattr(fresh_execution, "inputs", now.get)

    def kept():
        fresh_execution.drop_outdated(app, app.config)
        return {Path(record.uri).stem for record in get_cache(app.config.nb_execution_cache_path).list_cache_records()}

    assert kept() == set()
    for name in now:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(name)])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
        cache = get_cache(app.config.nb_execution_cache_path)
        cache.cache_notebook_file(tmp_path / f"{name}.ipynb", check_validity=False)
    assert kept() == {"optics", "fusion"}
    now["fusion"] = "2"
    assert kept() == {"optics"}


def test_in_a_run_a_page_is_not_run_again(app, tmp_path, monkeypatch):
    monkeypatch.setattr(fresh_execution.paths, "BOOK", tmp_path)
    monkeypatch.setattr(fresh_execution.chapters, "chapters", lambda: ["optics", "fusion"])
    monkeypatch.setattr(fresh_execution, "inputs", lambda name: "1")
    shown = nbformat.v4.new_output("execute_result", {"text/plain": "43"}, execution_count=1)
    monkeypatch.setattr(fresh_execution.chapters, "ran", {"optics": [[shown]]}.get)
    cell = "```{code-cell} ipython3\n:tags: [hide-input]\n\n6 * 7\n```\n"
    page = f"---\nkernelspec:\n  name: python3\n---\n\n# A page\n\n{cell}"
    (tmp_path / "optics.md").write_text(page)
    fresh_execution.drop_outdated(app, app.config)
    cache = get_cache(app.config.nb_execution_cache_path)
    assert [Path(record.uri).stem for record in cache.list_cache_records()] == ["optics"]
    _, merged = cache.merge_match_into_notebook(fresh_execution.read_myst_markdown_notebook(page))
    assert merged.cells[1].outputs[0].data["text/plain"] == "43"


def test_the_notebook_to_download_has_the_outputs_of_the_cache(app, tmp_path):
    app.config.nb_execution_cache_path = str(tmp_path / "cache")
    executed = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6 * 7", id="a")])
    app.outdir.mkdir(parents=True)
    made = app.outdir.parent / "jupyter_execute" / "optics.ipynb"
    made.parent.mkdir()
    nbformat.write(executed, made)
    executed.cells[0].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "42"}, execution_count=1)]
    nbformat.write(executed, tmp_path / "executed.ipynb")
    get_cache(app.config.nb_execution_cache_path).cache_notebook_file(tmp_path / "executed.ipynb", check_validity=False)
    context = {}
    pages.offer_notebook(app, "optics", "page.html", context, doctree=object())
    assert context == {"ipynb_source": "optics.ipynb"}
    offered = nbformat.read(app.outdir / "_sources" / "optics.ipynb", as_version=4)
    assert offered.cells[0].outputs[0].data["text/plain"] == "42"


def test_a_page_without_cells_offers_no_notebook(app):
    context = {}
    pages.offer_notebook(app, "notation", "page.html", context, doctree=object())
    assert context == {}


def test_the_entries_of_the_bibliography_are_items_of_its_list():
    context = {"body": '<div role="list"><div role="doc-biblioentry">A</div></div>'}
    pages.mend_roles(None, "bibliography", "page.html", context, None)
    assert context["body"] == '<div role="list"><div role="listitem">A</div></div>'


def test_the_page_of_the_library_has_every_public_module_of_the_method_once():
    listed = [name for rooms in api.ROOMS.values() for room in rooms for name in api.modules(room)]
    files = [path.relative_to(paths.ROOT).with_suffix("").parts for path in (paths.ROOT / "lib").rglob("*.py")]
    names = [".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in files]
    left_out = re.compile(r"lib$|lib\.(__main__|studies|cli)\b|.*\._\w+$")
    assert sorted(listed) == sorted(name for name in names if not left_out.match(name))


def cell(code, shown=None, hide_mode="input"):
    """A code cell as MyST-NB makes it."""
    source = nodes.container("", nodes.literal_block(text=code), nb_element="cell_code_source")
    made = nodes.container("", source, nb_element="cell_code", hide_mode=hide_mode)
    if shown:
        made += nodes.container("", nodes.paragraph(text=shown), nb_element="cell_code_output")
    return made


def test_folded_cells_that_follow_each_other_have_one_fold():
    page = new_document("page")
    read, draw, alone = cell("read"), cell("draw", "a figure"), cell("alone", "a table")
    page += [cell("lesson", hide_mode=""), read, draw, cell("list", "a list"), nodes.paragraph(text="prose"), alone]
    folds.OneFold(page).run()
    code = [[block.astext() for block in each.findall(nodes.literal_block)] for each in page.children]
    assert code == [["lesson"], ["read", "draw", "list"], [], [], [], ["alone"]]
    assert [each.astext() for each in page.findall(nodes.paragraph)] == ["a figure", "a list", "prose", "a table"]


def test_labels_name_authors_and_year_and_tell_works_apart():
    entries = "".join(
        f"@misc{{key{number}, author = {{{authors}}}, title = {{T{number}}}, year = {year}}}"
        for number, (authors, year) in enumerate(
            [
                ("Petrovi{\\'c}, Vladimir", 2000),
                ("van der Walt, Stefan and Xue, Feng", 2014),
                ("Shi, J. and Xu, L. and Jia, J.", 2015),
                ("Shi, J. and Tao, X. and Xu, L.", 2015),
                ("{AMD}", 2019),
            ]
        )
    )
    entries = parse_string(entries, "bibtex").entries.values()
    labels = ["Petrović, 2000", "van der Walt and Xue, 2014", "Shi et al., 2015a", "Shi et al., 2015b", "AMD, 2019"]
    assert list(author_year.Style().format_labels(list(entries))) == labels
