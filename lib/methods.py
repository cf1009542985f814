"""Methods that join by one file: what the modules of a package offer, by name."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Mapping


class Methods(Mapping):
    """The methods of a package, read from its files at each look: a file that comes has joined.

    A module takes part that has a constant ``METHODS``, a dict of functions by name. Files whose names begin with an
    underscore are helpers.

    Parameters
    ----------
    package : str
    first : sequence of str
        Names in front of the others, which follow in the order of their files.

    Examples
    --------
    >>> [name for name in Methods("lib.enhancement", first=("um",)) if name in {"adaptive", "cas", "gum", "um"}]
    ['um', 'adaptive', 'cas', 'gum']
    """

    def __init__(self, package, first=()):
        self.package = package
        self.first = first

    def _read(self):
        found = {}
        for name in modules(self.package):
            found |= getattr(importlib.import_module(f"{self.package}.{name}"), "METHODS", {})
        return {name: found[name] for name in dict.fromkeys((*self.first, *found)) if name in found}

    def __getitem__(self, name):
        return self._read()[name]

    def __iter__(self):
        return iter(self._read())

    def __len__(self):
        return len(self._read())

    def choose(self, name):
        """The function of a name; a ValueError lists the names if there is none."""
        if name not in self:
            msg = f"Unknown method {name!r} of {self.package}: expected one of {', '.join(self)}."
            raise ValueError(msg)
        return self[name]

    def taking(self, parameter):
        """Names of the methods whose function takes a parameter of this name, as a tuple."""
        return tuple(name for name, method in self.items() if parameter in inspect.signature(method).parameters)


def modules(package):
    """Names of the modules of a package, without helpers, sorted."""
    return sorted(file.name for file in pkgutil.iter_modules(sys.modules[package].__path__) if file.name[0] != "_")
