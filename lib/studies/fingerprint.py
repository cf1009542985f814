"""What a study's numbers come from, as one hash: the code that it reaches, over all of `lib`, and nothing else.

The code is followed by name, from definition to definition, without running any of it. So an edit of a function is
seen by what calls it, directly or not, and by nothing else; comments and docstrings do not count. Where a package looks
for its modules by itself (with its ``__name__`` or ``__path__``) or the name of one stands in a string, all modules in
it are taken to be reached; where a module is used as a whole, not by a name in it, all its names.
"""

import ast
import functools
import hashlib
import json

from lib import paths

OWN_NAME = {"__name__", "__path__"}
REGISTERS = {"study"}
"""Decorators that say of a study what its code does not depend on."""


def of_function(function, options, files=()):
    """Hash what a function of `lib` comes to.

    Parameters
    ----------
    function : callable
        Defined at the top of a module of `lib`.
    options : dict
        What it is called with.
    files : sequence of str
        Files and folders of the project that it reads.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    texts = _reached_by(function.__module__, function.__name__)
    return _digest(texts, json.dumps(options, sort_keys=True, default=str), files)


@functools.cache
def _reached_by(module, name):
    return reached([(module, name)])


def of_cells(source, files=()):
    """Hash what the cells of a chapter come to: their own code, as written, and what it reaches in `lib`.

    Parameters
    ----------
    source : str
        Python, without magic commands.
    files : sequence of str
        As in `of_function`.

    Returns
    -------
    str
    """
    return _digest(reached_by_cells(source), source, files)


def reached_by_cells(source):
    """The definitions of `lib` that some code reaches: what `reached` returns."""
    tree = ast.parse(source)
    return reached(_uses(tree, _imports(tree), {}, None))


def reached(start):
    """Follow the names.

    Parameters
    ----------
    start : iterable of (str, str or None)
        Module of `lib` and name in it; None for all of it.

    Returns
    -------
    dict of (str, str) to str
        The text of each definition by module and name.
    """
    waiting, seen, found = list(start), set(), {}
    while waiting:
        module, name = waiting.pop()
        if (module, name) in seen:
            continue
        seen.add((module, name))
        code = _module(module)
        if code is None:
            continue
        if name is not None and name not in code.statements and _path(f"{module}.{name}"):
            waiting.append((f"{module}.{name}", None))
            continue
        names = code.statements if name is None or name not in code.statements else [name]
        for each in names:
            for number, (text, uses) in enumerate(code.statements[each]):
                found[module, f"{each}.{number}"] = text
                waiting += uses
    return found


class _Module:
    """The definitions of a module: for each name the texts of the statements that make it, and what they use."""

    def __init__(self, name, path):
        source = path.read_text(encoding="utf-8")
        tree, lines = ast.parse(source), source.splitlines()
        package = name if path.name == "__init__.py" else None
        imported = _imports(tree)
        own = {bound for node in tree.body for bound in _binds(node)}
        self.statements = {}
        for node in tree.body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            uses = _uses(node, imported, {each: name for each in own}, package)
            is_import = isinstance(node, ast.Import | ast.ImportFrom)
            for bound in _binds(node):
                onward = [imported[bound]] if is_import and bound in imported else uses
                self.statements.setdefault(bound, []).append((_text(node, lines), onward))


@functools.cache
def _module(name):
    """The `_Module` of a dotted name, None where there is none: as of the first time that this process asks."""
    return _Module(name, _path(name)) if _path(name) else None


@functools.cache
def _path(name):
    place = paths.ROOT.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _binds(node):
    """The names that a top-level statement makes or changes."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [node.name]
    found = []
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store):
            while not isinstance(each, ast.Name) and hasattr(each, "value"):
                each = each.value
            if isinstance(each, ast.Name):
                found.append(each.id)
        elif isinstance(each, ast.FunctionDef | ast.ClassDef):
            found.append(each.name)
    return list(dict.fromkeys(found))


def _imports(tree):
    """What the imports of `lib` in some code, wherever they stand, call what: names to (module, name in it or None)."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lib":
            for alias in node.names:
                found[alias.asname or alias.name] = (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "lib":
                    found[alias.asname or "lib"] = (alias.name if alias.asname else "lib", None)
    return found


def _uses(tree, imported, own, package):
    """What some code uses of `lib`: (module, name) of each."""
    found = []
    decorators = {d for node in ast.walk(tree) for d in getattr(node, "decorator_list", ()) if _registers(d)}
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node in decorators:
            continue
        if isinstance(node, ast.Attribute | ast.Name):
            found += _resolve(node, imported, own)
        if package and isinstance(node, ast.Name) and node.id in OWN_NAME:
            found += _everything_in(package)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("lib."):
            found += _everything_in(node.value.rstrip("."))
        if not (isinstance(node, ast.Attribute) and _is_chain(node)):
            waiting += ast.iter_child_nodes(node)
    return found


def _everything_in(package):
    """All modules of a package, as uses; of what is none, nothing."""
    folder = paths.ROOT.joinpath(*package.split("."))
    names = [path.relative_to(folder).with_suffix("").as_posix().replace("/", ".") for path in folder.rglob("*.py")]
    return [(f"{package}.{name}".removesuffix(".__init__"), None) for name in names]


def _is_chain(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _resolve(node, imported, own):
    """What a name, or a chain of attributes such as ``classifiers.core.TABLE_2``, stands for in `lib`."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return []
    if node.id in imported:
        module, name = imported[node.id]
        chain = [*filter(None, [name]), *attributes]
        while chain and _path(f"{module}.{chain[0]}"):
            module = f"{module}.{chain.pop(0)}"
        return [(module, chain[0] if chain else None)]
    return [(own[node.id], node.id)] if node.id in own else []


def _registers(decorator):
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Name) and call.id in REGISTERS


def _text(node, lines):
    """The source of a statement without comments, docstrings and what registers a study."""
    drop = set()
    for each in ast.walk(node):
        body = getattr(each, "body", None)
        if isinstance(each, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                drop |= set(range(body[0].lineno, body[0].end_lineno + 1))
            for decorator in filter(_registers, each.decorator_list):
                drop |= set(range(decorator.lineno, decorator.end_lineno + 1))
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    kept = [lines[number - 1].rstrip() for number in range(first, node.end_lineno + 1) if number not in drop]
    return "\n".join(line for line in kept if line.strip() and not line.lstrip().startswith("#"))


def _digest(texts, more, files):
    digest = hashlib.sha256(more.encode())
    for (module, name), text in sorted(texts.items()):
        digest.update(f"{module}\0{name}\0{text}\0".encode())
    for path in _files(files):
        digest.update(f"{path.relative_to(paths.ROOT).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _files(files):
    for top in (paths.ROOT / name for name in files):
        for path in sorted([top, *top.rglob("*")]):
            if path.is_file() and path.suffix != ".pyc":
                yield path
