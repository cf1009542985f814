"""The plots that chapters share."""

import math

import matplotlib.pyplot as plt
import numpy as np


def show(pictures, titles=None, columns=None, vmax=None, size=3.2):
    """Draw pictures and maps side by side.

    Parameters
    ----------
    pictures : sequence of (H, W[, 3]) ndarray
        Color pictures in [0, 1]. Gray arrays within [0, 1] are drawn as gray pictures unless `vmax`
        is given; other 2-D arrays are maps and get a color bar.
    titles : sequence of str, optional
    columns : int, optional
        Pictures in a row; all of them by default.
    vmax : float, optional
        Upper end of the maps' color scale (the lower end is 0). Each map's own maximum by default.
    size : float
        Width of one picture, inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = columns or len(pictures)
    rows = math.ceil(len(pictures) / columns)
    height, width = pictures[0].shape[:2]
    fig, axes = plt.subplots(
        rows,
        columns,
        figsize=(size * columns, rows * (size * height / width + 0.35)),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, title in zip(axes.flat, pictures, titles or [""] * len(pictures), strict=False):
        is_map = picture.ndim == 2 and (vmax is not None or picture.min() < 0 or picture.max() > 1)
        if is_map:
            drawn = axis.imshow(picture, cmap="magma", vmin=0, vmax=vmax)
            fig.colorbar(drawn, ax=axis, shrink=0.8)
        else:
            axis.imshow(np.clip(picture, 0, 1), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=10)
    return fig


def contact_sheet(image, maps, truth=None, common_scale=True, columns=4, size=3.0):
    """Draw a photo and its maps, dark where sharp.

    Parameters
    ----------
    image : (H, W[, 3]) ndarray
        In [0, 1].
    maps : sequence of (Estimator, (H, W) ndarray)
        An entry of `lib.estimators` and its map, as it returns it.
    truth : (H, W) ndarray, optional
        Sigma in pixels, drawn too.
    common_scale : bool
        Whether maps in sigma share one color scale. Scores never do: a map with a scale of its own runs from its 1st to
        its 99th percentile, which the title tells.
    columns : int
    size : float
        Width of one picture, inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    known = {} if truth is None else {"true sigma": truth}
    in_sigma = [values for estimator, values in maps if estimator.method.unit == "sigma"]
    top = max((float(np.percentile(values, 99.5)) for values in [*in_sigma, *known.values()]), default=1.0)
    count = 1 + len(known) + len(maps)
    columns = min(columns, count)
    rows = -(-count // columns)
    figsize = size * columns, (size * image.shape[0] / image.shape[1] + 0.4) * rows
    fig, axes = plt.subplots(rows, columns, figsize=figsize, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    axes.flat[0].imshow(image, cmap="gray", vmin=0, vmax=1)
    axes.flat[0].set_title("photo", fontsize=9)
    shared = None
    for axis, (drawn, values) in zip(axes.flat[1:], [*known.items(), *maps], strict=False):
        if isinstance(drawn, str) or (common_scale and drawn.method.unit == "sigma"):
            shared = axis.imshow(values, cmap="magma", vmin=0, vmax=max(top, 1e-3))
            axis.set_title(drawn if isinstance(drawn, str) else drawn.title, fontsize=9)
        else:
            _draw_by_itself(axis, drawn, values)
    if shared:
        fig.colorbar(shared, ax=axes, location="right", shrink=0.6, label=r"$\sigma$ (pixels)")
    return fig


def _draw_by_itself(axis, estimator, values):
    """Draw a map in a scale of its own."""
    low, high = np.percentile(values, (1, 99))
    limits = sorted(estimator.blur(np.array([low, high])))
    axis.imshow(estimator.blur(values), cmap="magma", vmin=limits[0], vmax=limits[1])
    unit = "px" if estimator.method.unit == "sigma" else "score"
    axis.set_title(f"{estimator.title}\n{low:.3g} to {high:.3g} {unit}", fontsize=9)


def markdown(means, headings, sort_by=None, largest=(), title=str):
    """Write a table, the best of each column in bold.

    Parameters
    ----------
    means : dict of dict
        From `table`.
    headings : dict of str
        Columns: heading by key.
    sort_by : str, optional
        Key of the column that the rows are sorted by, the best first.
    largest : collection of str
        Keys for which large is good.
    title : callable
        What the table calls a row, by its name.

    Returns
    -------
    str

    Examples
    --------
    >>> print(markdown({"fdm": {"mae": 2.0}, "lbp": {"mae": 1.0}}, {"mae": "error"}, sort_by="mae"))
    | Method | error |
    |---|---:|
    | lbp | **1.000** |
    | fdm | 2.000 |
    """
    best = {
        key: (max if key in largest else min)(row[key] for row in means.values() if row[key] is not None)
        for key in headings
    }
    names = sorted(means, key=lambda name: means[name][sort_by], reverse=sort_by in largest) if sort_by else means
    lines = ["| Method | " + " | ".join(headings.values()) + " |", "|---|" + "---:|" * len(headings)]
    for name in names:
        cells = ("-" if value is None else f"{value:.3f}" for value in means[name].values())
        bold = (means[name][key] == best[key] for key in headings)
        marked = (f"**{cell}**" if is_best else cell for cell, is_best in zip(cells, bold, strict=True))
        lines.append(f"| {title(name)} | " + " | ".join(marked) + " |")
    return "\n".join(lines)
