"""The plots that chapters share."""

import math

import matplotlib.pyplot as plt
import numpy as np


def show(pictures, titles=None, columns=None, vmax=None, cmap="magma", size=3.2):
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
    cmap : str
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
            drawn = axis.imshow(picture, cmap=cmap, vmin=0, vmax=vmax)
            fig.colorbar(drawn, ax=axis, shrink=0.8)
        else:
            axis.imshow(np.clip(picture, 0, 1), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=10)
    return fig
