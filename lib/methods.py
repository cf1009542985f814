"""Methods that join by one file: what the modules of a package offer, by name."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping


class Methods(Mapping):
    """The methods of a package, by its dotted name, read from its files at each look: a file that comes has joined.

    A module takes part that has a constant ``METHODS``, a dict of functions by name. Files whose names begin with an
    underscore are helpers. The names in `first` come first, the others in the order of their files. A look raises a
    ValueError where two files give the same name.

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
        for file in modules(self.package):
            methods = getattr(importlib.import_module(f"{self.package}.{file}"), "METHODS", {})
            for name in methods.keys() & found.keys():
                msg = f"{self.package}.{file} has a method {name!r}, and so has another file there: rename one."
                raise ValueError(msg)
            found |= methods
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

    def taking(self, parameter, needed=False):
        """Names of the methods whose function takes a parameter of this name, or needs it, as a tuple."""
        found = {name: inspect.signature(method).parameters.get(parameter) for name, method in self.items()}
        return tuple(name for name, each in found.items() if each and not (needed and each.default is not each.empty))


def modules(package):
    """Names of the modules of a package, without helpers, sorted."""
    folders = importlib.import_module(package).__path__
    return sorted(file.name for file in pkgutil.iter_modules(folders) if file.name[0] != "_")
