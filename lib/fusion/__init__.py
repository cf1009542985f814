"""Multi-focus fusion (section 5.3): from frames that are sharp in parts to one that is sharp throughout.

A method joins by one file, with a function and its name in a constant ``METHODS``; ``fuse(stack, method)`` calls them
by name. The function takes a stack, whose frames it goes through one at a time, and returns what `fuse` does; where the
stack is none (`stack.frames`) or an option does not fit, it raises a ValueError. Those that take ``blur_maps`` use the
frames' blur maps.
"""

from lib.fusion import gfdf, gff, ifgd, ours, paper, pyramid
from lib.methods import Methods

__all__ = ["METHODS", "fuse", "gfdf", "gff", "ifgd", "ours", "paper", "pyramid"]

METHODS = Methods(__name__, first=("defocus", "paper", "gff", "gff-table3", "gfdf", "ifgd", "pyramid"))
"""By name: the ``METHODS`` of each file of this package."""


def fuse(stack, method="defocus", **options):
    """Fuse frames of one scene that are focused at different depths.

    Parameters
    ----------
    stack : sequence of (H, W[, 3]) ndarray
        In [0, 1], two or more, of one shape and aligned.
    method : str
        A key of `METHODS`.
    **options
        Of the method, such as ``blur_maps``.

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
    return METHODS.choose(method)(stack, **options)
