"""The house: what may import what. The rooms are those of CONTRIBUTING.md, in its order."""

import ast
import graphlib
import re

import pytest

from lib import paths
from lib.studies import chapters

ROOMS = (
    "paths",
    "storage",
    "methods",
    "images",
    "region_fill",
    "figures",
    "optics",
    "photos",
    "patches",
    "scenes",
    "dataset",
    "classifiers",
    "training",
    "engines",
    "guided_filter",
    "matting",
    "filling",
    "blur_map",
    "refinement",
    "one_pass",
    "estimators",
    "enhancement",
    "shallow_focus",
    "fusion",
    "metrics",
    "studies",
    "cli",
)
"""A room uses only rooms that stand before it."""
MODULES = sorted((paths.ROOT / "lib").rglob("*.py"))


def room(parts):
    """The room of a dotted name below `lib`, None for `lib` itself."""
    return parts[1] if len(parts) > 1 else None


def imported(path):
    """What a module imports of this project, wherever in the module it does: dotted names."""
    yield from imported_by(ast.parse(path.read_text()), path.relative_to(paths.ROOT).parent.parts)


def imported_by(tree, package):
    """What some code imports of this project; `package` is the folder that it stands in, in parts."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            names = [".".join((*above, *filter(None, [node.module]), alias.name)) for alias in node.names]
        elif isinstance(node, ast.Constant) and re.fullmatch(r"(lib|book)(\.\w+)+", str(node.value)):
            names = [node.value]  # for importlib
        yield from (name for name in names if name.split(".")[0] in ("lib", "book", "tests"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(paths.ROOT).as_posix())
def test_a_room_uses_only_rooms_before_it(path):
    own = room(path.relative_to(paths.ROOT).with_suffix("").parts)
    if own in ("__init__", "__main__"):
        return
    assert own in ROOMS
    used = list(imported(path))
    assert not [name for name in used if name.split(".")[0] != "lib"]
    rooms = [room(name.split(".")) for name in used]
    assert not [other for other in rooms if ROOMS.index(other) > ROOMS.index(own)]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from .cli import jobs", ["lib.cli.jobs"]),
        ("from . import cli", ["lib.cli"]),
        ("def f():\n    import lib.cli.jobs", ["lib.cli.jobs"]),
        ("importlib.import_module('lib.cli.jobs')", ["lib.cli.jobs"]),
        ("from book import notebooks", ["book.notebooks"]),
        ("import numpy\nfrom os import path", []),
    ],
)
def test_every_way_to_import_is_seen(code, names):
    assert list(imported_by(ast.parse(code), ("lib",))) == names


def test_a_chapter_uses_the_method_the_records_and_what_is_its_own():
    shared, owners = ("records", "profiles", "scoreboard"), {}
    for chapter in chapters.chapters():
        for name in imported_by(ast.parse("\n".join(cell.source for cell in chapters.cells(chapter))), ()):
            parts = name.split(".")
            assert parts[0] == "lib"
            assert room(parts) != "cli"
            if room(parts) == "studies" and len(parts) > 2 and parts[2] not in shared:
                owners.setdefault(parts[2], set()).add(chapter)
    assert owners
    assert not {study: users for study, users in owners.items() if len(users) > 1}


def test_no_module_imports_itself_by_way_of_others():
    names = {path: ".".join(path.relative_to(paths.ROOT).with_suffix("").parts) for path in MODULES}
    modules = {name.removesuffix(".__init__"): path for path, name in names.items()}
    graph = {
        name: {use if use in modules else use.rpartition(".")[0] for use in imported(path)} - {name}
        for name, path in modules.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises an error that names the cycle


def test_no_room_is_missing():
    found = {path.relative_to(paths.ROOT / "lib").with_suffix("").parts[0] for path in MODULES}
    assert found - {"__init__", "__main__"} <= set(ROOMS)


def test_the_guide_lists_the_rooms_in_this_order():
    guide = (paths.ROOT / "CONTRIBUTING.md").read_text().split("## The house")[1].split("Beside it")[0]
    lines = [line.split(":")[0] for line in guide.splitlines() if line[:1].isdigit()]
    assert tuple(name for line in lines for name in re.findall(r"`(\w+)`", line)) == ROOMS


def test_the_method_is_small_enough_to_walk_through():
    # Those that join by a file of their own are not counted: 3,830 lines as these are written, and all are 9,000.
    others = ("studies", "cli", "estimators", "enhancement", "fusion", "metrics")
    rest = [path for path in MODULES if room(path.relative_to(paths.ROOT).parts) not in others]
    assert sum(len(path.read_text().splitlines()) for path in rest) <= 9000 - 3830


PROSE = [paths.ROOT / "README.md", paths.ROOT / "CONTRIBUTING.md", *sorted((paths.ROOT / "book").glob("*.md"))]


def defined(path):
    """The names that a module defines or imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.fixture(scope="module")
def known():
    """What ``lib.room.module.name`` can be, and all its endings: ``module.name``."""
    found = set()
    for path in MODULES:
        parts = path.relative_to(paths.ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        whole = [".".join(parts), *(".".join((*parts, name)) for name in defined(path))]
        found |= {name.split(".", start)[-1] for name in whole for start in range(name.count(".") + 1)}
    return found


@pytest.mark.parametrize("path", [*MODULES, *PROSE], ids=lambda path: path.relative_to(paths.ROOT).as_posix())
def test_what_is_mentioned_exists(path, known):
    text = path.read_text()
    rooms = {name.split(".")[0] for name in known if "." in name}
    mentioned = re.findall(r"\b(lib\.[a-z]\w*(?:\.\w+)*)", re.sub(r"\w+\.lib\.", "other.", text))
    mentioned += [name for name in re.findall(r"(?<!`)`([a-z]\w*\.\w+)\b[^`]*`", text) if name.split(".")[0] in rooms]
    files = (".py", ".npy", ".npz", ".png", ".md", ".keras", ".onnx")
    assert not [name for name in mentioned if name not in known and not name.endswith(files)]
