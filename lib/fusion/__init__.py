"""Multi-focus fusion (section 5.3): from frames that are sharp in parts to one that is sharp throughout.

One method a file, each ``fuse(stack, ...) -> image``; ``fuse(stack, method)`` here calls them by name.

========== ==================================================================== ============
defocus    this book's: gradients, and the defocus map where there are none     `ours`
paper      the paper's: the lowest defocus map, eqs. 13 to 16                    `paper`
gff        guided filters over two layers, Li et al. 2013                       `gff`
gff-table3 the same, as the paper must have run it for its Table 3              `gff`
gfdf       guided filters over one decision, Qiu et al. 2019                    `gfdf`
ifgd       in the gradient domain, Paul et al. 2016                             `ifgd`
========== ==================================================================== ============
"""

from lib.fusion import gfdf, gff, ifgd, ours, paper

METHODS = {
    "defocus": ours.fuse,
    "paper": paper.fuse,
    "gff": gff.fuse,
    "gff-table3": gff.fuse_table3,
    "gfdf": gfdf.fuse,
    "ifgd": ifgd.fuse,
}
"""By name."""
WITH_MAPS = ("defocus", "paper")
"""The methods that take the frames' blur maps."""


def fuse(stack, method="defocus", **options):
    """Fuse frames of one scene that are focused at different depths.

    Parameters
    ----------
    stack : sequence of (H, W[, 3]) ndarray
        In [0, 1], two or more, of one shape and aligned.
    method : str
        One of `METHODS`.
    **options
        Of the method; those in `WITH_MAPS` take ``blur_maps``.

    Returns
    -------
    (H, W[, 3]) float32 ndarray
        In [0, 1].

    Raises
    ------
    ValueError
        If the method is unknown, or the stack or an option does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> stack = [np.full((40, 50), 0.5), np.full((40, 50), 0.5)]
    >>> fuse(stack, "gfdf").shape
    (40, 50)
    """
    if method not in METHODS:
        msg = f"Unknown fusion method {method!r}; choose one of {', '.join(METHODS)}."
        raise ValueError(msg)
    return METHODS[method](stack, **options)
