"""The house: what may import what. The rooms are those of CONTRIBUTING.md, in its order."""

import ast

import pytest

from lib import paths

ROOMS = (
    "paths",
    "storage",
    "images",
    "region_fill",
    "pictures",
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


def uses(path):
    """The rooms that a module imports from, wherever in the module it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (room(name.split(".")) for name in names if name.split(".")[0] == "lib")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(paths.ROOT).as_posix())
def test_a_room_uses_only_rooms_before_it(path):
    own = room(path.relative_to(paths.ROOT).with_suffix("").parts)
    if own in ("__init__", "__main__"):
        return
    assert own in ROOMS
    assert not [other for other in uses(path) if ROOMS.index(other) > ROOMS.index(own)]


def test_no_room_is_missing():
    found = {path.relative_to(paths.ROOT / "lib").with_suffix("").parts[0] for path in MODULES}
    assert found - {"__init__", "__main__"} <= set(ROOMS)
