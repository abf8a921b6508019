"""The code a step consists of: its module, and every module of the same owner that it imports.

A module belongs to a step's owner if it is in the same package, beside the same local file, or
outside the folders of installed packages. Any other module counts by the version of its package.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import marshal
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from blake3 import blake3

from flowrun.store.database import Database
from flowrun.store.file_digests import stamp_of
from flowrun.store.files import file_digest
from flowrun.values.digests import parts_digest

_CORE = "flowrun"  # counts by its version, installed or not: no step depends on how it is built


class Code(msgspec.Struct):
    """The code on which a step's result may depend.

    modules: the digest of each module's text, by the module's name.
    packages: the version of each package that these import.
    paths: the files of the modules.
    """

    modules: dict[str, str] = {}
    packages: dict[str, str] = {}
    paths: dict[str, Path] = {}


class _Module(msgspec.Struct, frozen=True):
    name: str
    path: Path


class CodeIndex:
    """The code of functions, each module looked at once a process and read once a change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read: dict[Path, tuple[str, list[str]]] = {}
        self._closures: dict[str, Code] = {}

    def of_step(self, function: Callable[..., Any]) -> Code:
        """The code of a step: that of its module, or its own if the module has no file."""
        function = inspect.unwrap(function)
        code = self.of_module(function.__module__)
        if not code.modules:
            name = f"{function.__module__}.{function.__qualname__}"
            return Code({name: blake3(marshal.dumps(function.__code__)).hexdigest()})
        return code

    def of_module(self, name: str) -> Code:
        """The code of a whole module, by its name, and of the modules it imports."""
        if name not in self._closures:
            file = getattr(sys.modules.get(name), "__file__", None)
            code = Code()
            if file is not None:
                path = Path(file)
                digest, imports = self._of_file(path, name)
                self._add(code, _Module(_shown_name(name, path), path), digest)
                self._follow(code, imports, _Home(name, path))
            self._closures[name] = code
        return self._closures[name]

    def of_function(self, function: Callable[..., Any]) -> Code:
        """The code of a function or method: the definitions it reaches, not their neighbours.

        For hooks: the module of a plugin may import all that the plugin has.
        """
        function = inspect.unwrap(function)
        module = sys.modules.get(function.__module__)
        file = getattr(module, "__file__", None)
        code = Code()
        if file is None:
            return code
        path = Path(file)
        own = function.__qualname__.rpartition("<locals>.")[2]
        text, imports = definition_imports(
            path.read_text(encoding="utf-8"), own, _package(function.__module__, path)
        )
        name = f"{_shown_name(function.__module__, path)}:{own}"
        code.modules[name] = parts_digest(text)
        self._follow(code, imports, _Home(function.__module__, path))
        return code

    @property
    def files(self) -> list[Path]:
        """Every file looked at."""
        return list(self._read)

    def text(self, digest: str) -> str | None:
        """The text of a module that has been looked at, by its digest."""
        path = next((path for path, (found, _) in self._read.items() if found == digest), None)
        return None if path is None else path.read_text(encoding="utf-8", errors="replace")

    def of_functions(self, *functions: Callable[..., Any] | None) -> str:
        """One digest of the modules of several functions."""
        codes = [self.of_module(one.__module__) for one in functions if one is not None]
        return parts_digest([[code.modules, code.packages] for code in codes])

    def _follow(self, code: Code, imports: list[str], home: _Home) -> None:
        for name in imports:
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names:
                continue
            module = None if top == _CORE else home.own_module(name)
            if module is None:
                if not home.is_own(top):
                    code.packages[top] = package_version(top)
            elif module.name not in code.modules:
                digest, inner = self._of_file(module.path, name)
                self._add(code, module, digest)
                self._follow(code, inner, _Home(name, module.path))

    def _add(self, code: Code, module: _Module, digest: str) -> None:
        code.modules[module.name] = digest
        code.paths[module.name] = module.path

    def _of_file(self, path: Path, name: str) -> tuple[str, list[str]]:
        """The digest of a module's text and its imports, from the database if it is known."""
        if path not in self._read:
            self._read[path] = self._looked_up(path, _package(name, path))
        return self._read[path]

    def _looked_up(self, path: Path, package: str) -> tuple[str, list[str]]:
        stamp = stamp_of(path)
        if stamp is None:  # the file has gone since it was imported
            return "", []
        known = self._database.row(
            "select digest, imports from modules where path = ? and size = ? and mtime = ? "
            "and inode = ?",
            (str(path), stamp.size, stamp.mtime, stamp.inode),
        )
        if known is not None:
            return str(known[0]), str(known[1]).split()
        digest = file_digest(path)
        imports: Imports = []
        if path.suffix == ".py":
            imports = module_imports(path.read_text(encoding="utf-8"), package)
        if stamp.is_settled:
            row = (str(path), stamp.size, stamp.mtime, stamp.inode, digest, " ".join(imports))
            self._database.write("insert or replace into modules values (?, ?, ?, ?, ?, ?)", [row])
        return digest, imports


class _Home(msgspec.Struct, frozen=True):
    """The module whose imports are followed, with all that belongs to the same owner."""

    name: str
    path: Path

    def is_own(self, top: str) -> bool:
        return top == self.name.partition(".")[0]

    def own_module(self, name: str) -> _Module | None:
        """The file of an imported module if it has the same owner, else None."""
        parts = name.split(".")
        for folder in self._roots(parts[0]):
            base = folder.joinpath(*parts[1:])
            for path in (base.with_suffix(".py") if len(parts) > 1 else None, base / "__init__.py"):
                if path is not None and path.is_file():
                    return _Module(name, path)
        if len(parts) == 1:
            return self._single_file(name)
        return None

    def _roots(self, top: str) -> list[Path]:
        """The folders of a package of the same owner."""
        package = sys.modules.get(top)
        places = [Path(place) for place in getattr(package, "__path__", ())]
        if top == self.name.partition(".")[0]:
            return places
        if not places and (self.path.parent / top).is_dir():
            places = [self.path.parent / top]
        return [place for place in places if not _is_installed(place)]

    def _single_file(self, name: str) -> _Module | None:
        file = getattr(sys.modules.get(name), "__file__", None)
        path = Path(file) if file else self.path.parent / f"{name}.py"
        return _Module(name, path) if path.is_file() and not _is_installed(path) else None


def _package(name: str, path: Path) -> str:
    """The package in which a module's relative imports start."""
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def _shown_name(name: str, path: Path) -> str:
    """A module's name; for a local file its own name, without its folder."""
    return path.name if name.startswith("flowrun_local_") else name


def _is_installed(path: Path) -> bool:
    return bool({"site-packages", "dist-packages"} & set(path.parts))


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
    """What a method `Class.method` reaches by `self`, as `Class.other`."""
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
