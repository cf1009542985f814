"""The estimators that section 4 compares: each a module of this package with ``estimate(image, ...)`` -> (H, W) map.

The image is (H, W[, 3]) float32 in [0, 1], of 32x32 pixels or more; the map is float32, sigma in pixels or a score. A
ValueError says what is no image, or which option is unknown.

A new method joins by adding one file, ``lib/estimators/NAME.py`` (or a folder), with a function `estimate` and, to say
what its map means, a constant ``METHOD``, a `Method`; without it the map counts as sigma in pixels. Files whose names
begin with an underscore are helpers.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.estimators._method import Method
from lib.methods import modules

__all__ = ["Estimator", "Method", "get", "names", "title", "usable"]


@dataclass(frozen=True)
class Estimator:
    """An entry of the registry: call it with a photo.

    Attributes
    ----------
    name : str
    estimate : callable
        ``estimate(image)`` with the options of this entry.
    method : Method
        Title, unit and direction of its map.
    """

    name: str
    estimate: Callable
    method: Method

    @property
    def title(self):
        """For tables and figures."""
        if self.name not in self.method.variants:
            return self.method.title
        return self.method.titles.get(self.name, f"{self.method.title}, {self.name}")

    def __call__(self, image, **options):
        """The (H, W) float32 map of a photo, gray or color, of 32x32 pixels or more."""
        return self.estimate(image, **options)

    def blur(self, values):
        """The map with its sign such that larger means more blur: sigma, or a score that may be negative."""
        return values if self.method.blurrier == "larger" else -values


def names(variants=False):
    """Names of the estimators.

    Parameters
    ----------
    variants : bool
        Whether to list the variants of each too: parameter sets of the paper's figures, networks.

    Returns
    -------
    list of str

    Examples
    --------
    >>> {"entropy", "fdm", "zhuo_sim"} <= set(names())
    True
    """
    found = modules(__name__)
    if variants:
        found += [variant for name in found for variant in _method(name).variants]
    return found


@functools.cache
def get(name):
    """An estimator by its name or that of a variant.

    Parameters
    ----------
    name : str

    Returns
    -------
    Estimator

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> get("lbp").method.blurrier
    'smaller'
    """
    for module in [name] if name in names() else names():
        method = _method(module)
        if name == module or name in method.variants:
            options = method.variants.get(name, {})
            estimate = functools.partial(_module(module).estimate, **options)
            return Estimator(name, estimate, method)
    msg = f"Unknown estimator {name!r}: expected one of {', '.join(names(variants=True))}."
    raise ValueError(msg)


def title(name):
    """What tables call an estimator, or the constant that comparisons put beside them.

    Examples
    --------
    >>> title("lbp")
    'LBP'
    """
    return "constant" if name == "constant" else get(name).title


def usable(name):
    """Whether an estimator can run here: one whose weights, or whose packages, are not at hand cannot.

    Examples
    --------
    >>> usable("fdm")
    True
    """
    try:
        get(name)(np.zeros((32, 32), np.float32))
    except (ValueError, OSError, ImportError):
        return False
    return True


def _module(name):
    return importlib.import_module(f"{__name__}.{name}")


def _method(name):
    return getattr(_module(name), "METHOD", Method(title=name))
