"""The tables that chapters share."""

import json

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from markdown_it import MarkdownIt

from lib import figures

COLUMNS = {"Method": "", "area": ".2f", "error": ".1f"}
ROWS = [("FDM", np.float32(0.25), 3), ("LBP", 0.5, float("nan")), ("constant", None, 2.0)]


def cells(table):
    """What a reader of the Markdown sees: rows of text and whether it is bold."""
    tokens = MarkdownIt().enable("table").parse(str(table))
    shown = [token for token in tokens if token.type == "inline"]
    bold = [any(part.type == "strong_open" for part in token.children) for token in shown]
    text = ["".join(part.content for part in token.children) for token in shown]
    return list(zip(text, bold, strict=True))


def test_a_table_is_markdown_with_the_best_in_bold():
    found = cells(figures.table(COLUMNS, ROWS, largest=["area"], smallest=["error"]))
    assert [text for text, _ in found] == [
        *COLUMNS, "FDM", "0.25", "3.0", "LBP", "0.50", "NaN", "constant", "-", "2.0",
    ]  # fmt: skip
    assert [text for text, bold in found if bold] == ["0.50", "2.0"]


def test_a_notebook_gets_the_data_beside_the_markdown():
    shown, metadata = DisplayFormatter().format(figures.table(COLUMNS, ROWS, note="*a note*"))
    assert shown["text/markdown"].endswith("|\n\n*a note*")
    data = json.loads(json.dumps(metadata["table"], allow_nan=False))
    assert data == [list(COLUMNS), ["FDM", 0.25, 3], ["LBP", 0.5, None], ["constant", None, 2.0]]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="Expected 3 cells in a row \\(Method, area, error\\), got 2"):
        figures.table(COLUMNS, [("LBP", 1)])
