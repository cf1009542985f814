"""The plots and tables that chapters share."""

import dataclasses
import math

import matplotlib.pyplot as plt
import numpy as np

WIDTH = 9.6
"""Of a figure, inches: where a window has 1280 pixels the text has 700, so that a point is about a pixel."""
COLUMNS = 4
"""Pictures in a row at most: more would be too small to see anything."""
_DPI = 130  # so that a wide window shows more detail


def show(pictures, titles=None, columns=None, vmax=None):
    """Draw pictures and maps side by side: a Matplotlib figure.

    Parameters
    ----------
    pictures : sequence of (H, W[, 3]) ndarray
        Color pictures in [0, 1]. Gray arrays within [0, 1] are drawn as gray pictures unless `vmax`
        is given; other 2-D arrays are maps and get a color bar.
    titles : sequence of str, optional
    columns : int, optional
        Pictures in a row, 4 at most; by default all of them, where they fit.
    vmax : float, optional
        Upper end of the maps' common color scale (the lower end is 0). By default each has its own, up to its maximum.
    """
    fig, axes = _grid(len(pictures), pictures[0].shape, columns)
    shared = None
    for axis, picture, title in zip(axes.flat, pictures, titles or [""] * len(pictures), strict=False):
        axis.set_title(title, fontsize=10)
        if picture.ndim == 3 or (vmax is None and picture.min() >= 0 and picture.max() <= 1):
            axis.imshow(np.clip(picture, 0, 1), cmap="gray", vmin=0, vmax=1)
            continue
        drawn = axis.imshow(picture, cmap="magma", vmin=0, vmax=vmax)
        if vmax is None:
            fig.colorbar(drawn, ax=axis, shrink=0.8)
        else:
            shared = drawn
    if shared:
        fig.colorbar(shared, ax=axes, shrink=0.8, aspect=20 * len(axes))
    return fig


def contact_sheet(image, maps, truth=None, common_scale=True, columns=COLUMNS):
    """Draw a photo and its maps, dark where sharp: a Matplotlib figure.

    Parameters
    ----------
    image : (H, W[, 3]) ndarray in [0, 1]
    maps : sequence of (Estimator, (H, W) ndarray)
        An entry of `lib.estimators` and its map, as it returns it.
    truth : (H, W) ndarray, optional
        Sigma in pixels, drawn too.
    common_scale : bool
        Whether maps in sigma share one color scale. Scores never do: a map with a scale of its own runs from its 1st to
        its 99th percentile, which the title tells.
    columns : int
        Pictures in a row, 4 at most.
    """
    known = {} if truth is None else {"true sigma": truth}
    in_sigma = [values for estimator, values in maps if estimator.method.unit == "sigma"]
    top = max((float(np.percentile(values, 99.5)) for values in [*in_sigma, *known.values()]), default=1.0)
    count = 1 + len(known) + len(maps)
    fig, axes = _grid(count, image.shape, min(columns, count))
    axes.flat[0].imshow(image, cmap="gray", vmin=0, vmax=1)
    axes.flat[0].set_title("photo", fontsize=10)
    shared = None
    for axis, (drawn, values) in zip(axes.flat[1:], [*known.items(), *maps], strict=False):
        if isinstance(drawn, str) or (common_scale and drawn.method.unit == "sigma"):
            shared = axis.imshow(values, cmap="magma", vmin=0, vmax=max(top, 1e-3))
            axis.set_title(drawn if isinstance(drawn, str) else drawn.title, fontsize=10)
        else:
            _draw_by_itself(axis, drawn, values)
    if shared:
        fig.colorbar(shared, ax=axes, location="right", shrink=0.6, label=r"$\sigma$ (pixels)")
    return fig


def _grid(count, shape, columns=None):
    """A figure with a place for each picture; (figure, places)."""
    columns = columns or min(count, COLUMNS)
    if columns > COLUMNS:
        msg = f"Expected at most {COLUMNS} pictures in a row, got {columns}: ask for fewer columns."
        raise ValueError(msg)
    rows = math.ceil(count / columns)
    figsize = WIDTH, rows * (WIDTH / columns * shape[0] / shape[1] + 0.35)
    fig, axes = plt.subplots(rows, columns, figsize=figsize, dpi=_DPI, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    return fig, axes


def _draw_by_itself(axis, estimator, values):
    """Draw a map in a scale of its own."""
    low, high = np.percentile(values, (1, 99))
    limits = sorted(estimator.blur(np.array([low, high])))
    axis.imshow(estimator.blur(values), cmap="magma", vmin=limits[0], vmax=limits[1])
    unit = "px" if estimator.method.unit == "sigma" else "score"
    axis.set_title(f"{estimator.title}\n{low:.3g} to {high:.3g} {unit}", fontsize=10)


def table(columns, rows, note="", largest=(), smallest=()):
    """A table: data first, markup last.

    Parameters
    ----------
    columns : dict of str to str
        Headings, and how `format` writes the numbers below; an empty one for text.
    rows : iterable of sequence
        Numbers, text, or None where there is nothing.
    note : str
        Markdown for below the table, such as where its numbers come from.
    largest, smallest : collection of str
        Headings of columns whose largest or smallest number is in bold.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        A row has more or fewer cells than there are columns.

    Examples
    --------
    >>> print(table({"Method": "", "error": ".2f"}, [("lbp", 1 / 3), ("fdm", 2), ("gray", None)], smallest=["error"]))
    | Method | error |
    |---|---:|
    | lbp | **0.33** |
    | fdm | 2.00 |
    | gray | - |
    """
    rows = [[value.item() if isinstance(value, np.generic) else value for value in row] for row in rows]
    for row in rows:
        if len(row) != len(columns):
            msg = f"Expected {len(columns)} cells in a row ({', '.join(columns)}), got {len(row)}: {row}."
            raise ValueError(msg)
    return Table(columns, rows, note, {**dict.fromkeys(largest, max), **dict.fromkeys(smallest, min)})


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of `table`. A notebook shows it as Markdown and keeps its data beside that, as metadata of the output.

    Attributes
    ----------
    columns : dict of str to str
    rows : list of list
    note : str
    best : dict of str to callable
        What chooses the number of a column that is in bold.
    """

    columns: dict
    rows: list
    note: str
    best: dict

    def __str__(self):
        cells = zip(*map(self._column, self.columns, zip(*self.rows, strict=True)), strict=True)
        rule = f"|{'|'.join('---:' if form else '---' for form in self.columns.values())}|"
        first, *others = (f"| {' | '.join(line)} |" for line in [tuple(self.columns), *cells])
        text = "\n".join([first, rule, *others])
        return f"{text}\n\n{self.note}" if self.note else text

    def _column(self, heading, values):
        """The cells of a column, as text."""
        numbers = [value for value in values if _is_number(value)]
        best = self.best[heading](numbers) if heading in self.best and numbers else None
        for value in values:
            if value is None:
                yield "-"
            elif not _is_number(value):
                yield str(value).replace("nan", "NaN") if isinstance(value, float) else value
            else:
                text = format(value, self.columns[heading])
                yield f"**{text}**" if value == best else text

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = [[None if value != value else value for value in row] for row in self.rows]
        shown = {"text/markdown": str(self), "text/plain": f"<table of {len(data)} rows>"}
        return shown, {"table": [list(self.columns), *data]}


def _is_number(value):
    return isinstance(value, int | float) and value == value
