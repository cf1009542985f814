"""The tables that chapters share."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from markdown_it import MarkdownIt

from lib import estimators, figures

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


@pytest.fixture(params=["show", "contact_sheet"])
def drawn(request):
    """A figure of seven pictures."""
    image = np.random.default_rng(0).random((60, 80, 3))
    maps = [(estimators.get("ours"), 9 * image[..., 0]), (estimators.get("entropy"), image[..., 1])] * 3
    if request.param == "show":
        fig = figures.show([image, *(values for _, values in maps)], ["a picture"] * 7)
    else:
        fig = figures.contact_sheet(image, maps)
    yield fig
    plt.close(fig)


def test_pictures_can_be_told_apart_at_the_width_of_the_text(drawn):
    pixels = 700 / drawn.get_figwidth() / 72  # of a point, where the figure is 700 wide
    titles = [axis.title for axis in drawn.axes if axis.images and axis.title.get_text()]
    assert len(titles) == 7
    assert min(title.get_fontsize() for title in titles) * pixels >= 9
    assert max(axis.get_subplotspec().get_gridspec().ncols for axis in drawn.axes if axis.images) == 4
    drawn.draw_without_rendering()
    assert all(axis.get_position().width > 0.15 for axis in drawn.axes if axis.images)


def test_more_than_four_pictures_in_a_row_are_refused():
    with pytest.raises(ValueError, match="Expected at most 4 pictures in a row, got 5"):
        figures.show([np.zeros((8, 8))] * 5, columns=5)


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="Expected 3 cells in a row \\(Method, area, error\\), got 2"):
        figures.table(COLUMNS, [("LBP", 1)])
