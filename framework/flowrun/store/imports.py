"""The imports of a module, at any place in its text, and the versions of imported packages."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from flowrun.store.file_digests import stamp_of

Imports = list[str]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NAME = re.compile(r"(.+?)-([^-]+)(?:-.*)?\.(?:dist|egg)-info")


def module_imports(text: str, package: str) -> Imports:
    """The names of all modules that a text may import; of `from a import b` both `a` and `a.b`.

    package: the package in which its relative imports start.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    return _unique(_imported(_statements(tree), package))


def definition_imports(text: str, name: str, package: str) -> tuple[str, Imports]:
    """The text of one definition and of those it reaches in its module, and their imports.

    name: that of a function or class, or `Class.method`, which reaches methods by `self` alone.
    An import at the module's top counts if one of the definitions uses a name that it binds.
    """
    tree = ast.parse(text)
    definitions: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, _DEFINITIONS):
            definitions[node.name] = node
        if isinstance(node, ast.ClassDef):
            methods = (one for one in node.body if isinstance(one, _DEFINITIONS))
            definitions |= {f"{node.name}.{one.name}": one for one in methods}
    reached: dict[str, ast.AST] = {}
    names: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in reached or current not in definitions:
            continue
        reached[current] = definitions[current]
        used = {node.id for node in ast.walk(reached[current]) if isinstance(node, ast.Name)}
        names |= used
        waiting += sorted(used | _by_self(reached[current], current))
    inside = [node for definition in reached.values() for node in ast.walk(definition)]
    top = [node for node in tree.body if _brings(node) & names]
    pieces = [ast.get_source_segment(text, node) or "" for node in reached.values()]
    return "\n".join(pieces), _unique(_imported([*inside, *top], package))


def _by_self(definition: ast.AST, name: str) -> set[str]:
    """The methods that `Class.method` reaches by `self`, as `Class.other`."""
    owner, _, method = name.partition(".")
    return {
        f"{owner}.{node.attr}"
        for node in ast.walk(definition)
        if method and isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def _brings(node: ast.stmt) -> set[str]:
    """The names that an import statement binds."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return set()
    return {(name.asname or name.name).partition(".")[0] for name in node.names}


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement, wherever it stands; expressions, which are most of a tree, hold none."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, ())
            if isinstance(inner, list):
                yield from inner
                waiting += inner


def _imported(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*filter(None, parents), *([node.module] if node.module else [])])
            if base:
                yield base
                yield from (f"{base}.{name.name}" for name in node.names)


def _unique(names: Iterable[str]) -> Imports:
    return list(dict.fromkeys(names))


@functools.cache
def package_version(top: str) -> str:
    """The version of the package that a module of this name comes from.

    Read from the names of the metadata folders beside it; if its distribution has another
    name, the size and time of its first file stand for a version.
    """
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return "not installed"
    places = list(spec.submodule_search_locations or ())
    origin = Path(places[0] if places else spec.origin or top)
    installed = [folder for folder in sys.path if folder.endswith("-packages")]
    for folder in (str(origin.parent), *installed):  # an editable one lies elsewhere
        if version := _versions(folder).get(_normal(top)):
            return version
    stamp = stamp_of(spec.origin) if spec.origin else None
    return str(origin) if stamp is None else f"{stamp.size} bytes of {stamp.mtime}"


@functools.cache
def _versions(folder: str) -> dict[str, str]:
    """The versions of the distributions in a folder of installed packages, by normal name."""
    try:
        names = [path.name for path in Path(folder).iterdir()]
    except OSError:
        return {}
    found = (_NAME.fullmatch(name) for name in names)
    return {_normal(match[1]): match[2] for match in found if match is not None}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
