"""The book's own Sphinx extensions: fresh execution, and mended pages."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_cache import get_cache
from pybtex.database import parse_string

from book._ext import author_year, fresh_execution, pages
from lib.studies import records


@pytest.fixture
def app(tmp_path):
    config = SimpleNamespace(nb_execution_cache_path="", nb_execution_mode="cache")
    return SimpleNamespace(outdir=tmp_path / "_build" / "html", config=config)


@pytest.mark.parametrize("changed", ["lib/optics.py", "data/results/local/table.json", "requirements.txt"])
def test_an_edit_of_what_chapters_use_makes_the_next_build_execute_them(changed, app, tmp_path, monkeypatch):
    for name in ("lib/optics.py", "data/results/local/table.json", "requirements.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    inputs_hash = records.inputs_hash
    monkeypatch.setattr(records, "inputs_hash", lambda: inputs_hash(tmp_path))

    def chosen():
        fresh_execution.choose_cache(app, app.config)
        chosen = Path(app.config.nb_execution_cache_path)
        chosen.mkdir(parents=True, exist_ok=True)  # as a build does
        return chosen

    first = chosen()
    assert chosen() == first
    (tmp_path / changed).write_text("2\n")
    second = chosen()
    assert second != first
    assert list(second.parent.iterdir()) == [second]


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
