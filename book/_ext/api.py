"""Sphinx extension: the directive `library`, what the docstrings of `lib` say, room by room.

A module that comes is on the page with the next build. What makes the recorded numbers (`lib.studies`) and the command
line (`lib.cli`) are left out: they are used, not called.
"""

import html
import importlib
import inspect
import pkgutil

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

import lib

ROOMS = {
    "Pictures and places": ("paths", "storage", "methods", "images", "region_fill", "figures"),
    "Optics and scenes": ("optics", "photos", "scenes"),
    "Patches and networks": ("patches", "dataset", "classifiers", "training", "engines"),
    "From patches to a map": ("guided_filter", "matting", "filling", "blur_map", "refinement", "one_pass"),
    "Estimators": ("estimators",),
    "Applications": ("enhancement", "shallow_focus", "fusion"),
    "Measures": ("metrics",),
}
"""The rooms of the method, in the order of the paper, under the headings of the page."""

OPTIONS = ("   :members:", "   :ignore-module-all:", "   :member-order: bysource", "   :no-value:")


def modules(room):
    """Names of a room's public modules, the room itself first.

    Parameters
    ----------
    room : str

    Returns
    -------
    list of str
    """
    path = [f"{folder}/{room}" for folder in lib.__path__]
    inner = sorted(name for _, name, _ in pkgutil.walk_packages(path, f"lib.{room}."))
    return [f"lib.{room}", *(name for name in inner if not name.rsplit(".", 1)[1].startswith("_"))]


class Library(SphinxDirective):
    """A section for each heading of `ROOMS`, with a fold for each module."""

    def run(self):
        """Called by Sphinx."""
        sections = []
        for heading, rooms in ROOMS.items():
            section = nodes.section("", nodes.title(text=heading), ids=[nodes.make_id(heading)])
            for name in (name for room in rooms for name in modules(room)):
                section += self.fold(name)
            sections.append(section)
        return sections

    def fold(self, name):
        """A module: its name and the first line of its docstring, and all it documents to unfold."""
        module = importlib.import_module(name)
        about = html.escape(inspect.getdoc(module).splitlines()[0].replace("`", ""))
        lines = [f".. automodule:: {name}", *OPTIONS]
        for offered in getattr(module, "__all__", ()):
            if "._" in getattr(getattr(module, offered), "__module__", ""):  # a helper's file, which has no fold
                lines += ["", f".. autoclass:: {name}.{offered}"]
        part = nodes.container()
        self.state.nested_parse(StringList(lines, source=name), 0, part)
        opening = f'<details class="module"><summary><code>{name}</code> {about}</summary>'
        return [nodes.raw("", opening, format="html"), part, nodes.raw("", "</details>", format="html")]


def leave_plain(app, env, node, contnode):
    """Show a type that is no link, such as `ndarray`, as it is written."""
    return contnode if node.get("refdomain") == "py" else None


def setup(app):
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.config.napoleon_use_param = app.config.napoleon_use_rtype = False
    app.add_directive("library", Library)
    app.connect("missing-reference", leave_plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
