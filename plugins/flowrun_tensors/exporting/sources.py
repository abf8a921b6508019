"""Modules as source text: their statements, and the names that these bind."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from flowrun_tensors.exporting.scopes import Bound, Import, bound_by


@dataclass(frozen=True, slots=True)
class Imported:
    """What one name of an import stands for.

    module: the module's full name. name: what of it, None for the module itself. bound: the name
    it is given. is_dotted: whether it is `import a.b`, which binds `a`. for_types: whether only
    type checkers import it.
    """

    module: str
    name: str | None
    bound: str
    is_dotted: bool = False
    for_types: bool = False

    @property
    def meant(self) -> str:
        """The full name of what is bound."""
        if self.name is not None:
            return f"{self.module}.{self.name}"
        return self.bound if self.is_dotted else self.module


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the top of a module, and the names it binds there."""

    node: ast.stmt
    index: int
    binds: frozenset[str]


@dataclass(eq=False)
class Module:
    """A module as text."""

    name: str
    package: str
    path: Path
    text: bytes
    statements: list[Statement] = field(default_factory=list)
    imports: dict[str, list[Imported]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the statements; raises SyntaxError."""
        for node, is_kept in _flat(ast.parse(self.text).body):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._add_import(node, for_types=not is_kept)
            elif is_kept and not _does_nothing(node):
                bound = Bound([node])
                names = {bound_by(alias) for each in bound.imports for alias in each.names}
                binds = frozenset(bound.names | names)
                self.statements.append(Statement(node, len(self.statements), binds))
        self._settle_lazy()

    def _settle_lazy(self) -> None:
        """Import what is imported for type checkers and made at run time, as `lazy` does it."""
        made = {name for statement in self.statements for name in statement.binds}
        for name in made & self.imports.keys():
            if all(found.for_types for found in self.imports[name]):
                self.imports[name] = [
                    replace(found, for_types=False) for found in self.imports[name]
                ]
                self.statements = [item for item in self.statements if name not in item.binds]

    def _add_import(self, node: Import, *, for_types: bool) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(self.imported_module(node))
            elif self.imported_module(node) != "__future__":
                found = replace(self.imported(node, alias), for_types=for_types)
                self.imports.setdefault(found.bound, []).append(found)

    def imported(self, node: Import, alias: ast.alias) -> Imported:
        """What one name of an import in this module stands for."""
        if isinstance(node, ast.Import):
            is_dotted = alias.asname is None and "." in alias.name
            return Imported(alias.name, None, bound_by(alias), is_dotted)
        return Imported(self.imported_module(node), alias.name, bound_by(alias))

    def imported_module(self, node: Import) -> str:
        """The full name of the module that `from ... import` names; nothing for `import`."""
        if isinstance(node, ast.Import):
            return ""
        relative = "." * node.level + (node.module or "")
        return importlib.util.resolve_name(relative, self.package or None)

    def giving(self, name: str) -> list[Statement]:
        """The statements that bind a name, in order."""
        return [statement for statement in self.statements if name in statement.binds]

    def place(self, node: ast.AST) -> str:
        """`file:line` of a part of the module."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def offset(self, line: int, column: int = 0) -> int:
        """The byte at a line (counted from 1) and a column (in bytes, from 0), as ast has them."""
        return self._line_starts[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The bytes from where a node begins to where it ends."""
        lineno, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        end, end_column = getattr(node, "end_lineno", 1), getattr(node, "end_col_offset", 0)
        return self.offset(lineno, column), self.offset(end, end_column)


def _flat(body: Iterable[ast.stmt]) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements of a module, those in `if TYPE_CHECKING:` among them and marked False."""
    for node in body:
        test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
        if isinstance(node, ast.If) and test.rpartition(".")[2] == "TYPE_CHECKING":
            yield from ((inner, False) for inner in node.body)
            yield from _flat(node.orelse)
        else:
            yield node, True


def _does_nothing(node: ast.stmt) -> bool:
    """Whether a statement has no effect where its module is imported: a docstring, `__main__`."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Compare) and ast.unparse(node.test.left) == "__name__"
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


_INSTALLED = ("site-packages", "dist-packages")  # what lies there is no part of one plugin


class Library:
    """The modules that become part of the script: those named, their packages', those beside them.

    templates: modules that stand for others, by the others' names: for a whole package (`flowrun`)
        or for one module in it.
    """

    def __init__(self, names: Iterable[str], templates: dict[str, str]) -> None:
        self._templates = templates
        self._modules: dict[Path | str, Module] = {}
        self._file_of = cache(_file_of)
        self._folder_of = cache(_folder_of)
        self._roots = {name.partition(".")[0] for name in names} - {""}
        folders = [folder for root in self._roots if (folder := self._folder_of(root)) is not None]
        self._folders = {folder for folder in folders if folder.name not in _INSTALLED}

    def add(self, module: Module) -> None:
        """Take in a module that is text alone."""
        self._modules[module.name] = module
        self._roots.add(module.name)

    def holds(self, name: str) -> bool:
        """Whether the code of a module becomes part of the script, so that its imports go."""
        root = name.partition(".")[0]
        if root in self._templates or root in self._roots:
            return True
        if root in sys.stdlib_module_names:
            return False
        return self._folder_of(root) in self._folders

    def find(self, name: str) -> Module | None:
        """The text of a module; None where there is no such module, or it is not Python's text."""
        name = self._template_of(name) or name
        if name in self._modules:
            return self._modules[name]
        path, package = self._file_of(name)
        if path is None or not ((path.suffix == ".py" and path.is_file()) or path.is_dir()):
            return None
        if path not in self._modules:
            text = "" if path.is_dir() else importlib.util.decode_source(path.read_bytes())
            self._modules[path] = Module(name, package, path, text.encode())
        return self._modules[path]

    def is_template(self, module: Module) -> bool:
        """Whether a module stands for another."""
        return module.name in self._templates.values()

    def stands_for_another(self, name: str) -> bool:
        """Whether a template takes the place of a module, or of the package it is in."""
        return self._template_of(name) is not None

    def _template_of(self, name: str) -> str | None:
        return self._templates.get(name) or self._templates.get(name.partition(".")[0])


def _file_of(name: str) -> tuple[Path | None, str]:
    """The file of a module, and the package it is in; nothing is imported for it but packages.

    A package without `__init__.py` is its folder.
    """
    loaded = sys.modules.get(name)
    spec = getattr(loaded, "__spec__", None)
    if spec is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None, ""
    if spec is None:
        return None, ""
    is_package = spec.submodule_search_locations is not None
    if not spec.has_location:
        places = list(spec.submodule_search_locations or ())
        return (Path(places[0]).resolve() if places else None), name
    assert spec.origin is not None
    return Path(spec.origin).resolve(), name if is_package else name.rpartition(".")[0]


def _folder_of(root: str) -> Path | None:
    """The folder in which a top-level module or package lies."""
    try:
        spec = getattr(sys.modules.get(root), "__spec__", None) or importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations is not None:
        places = [Path(place).resolve().parent for place in spec.submodule_search_locations]
        return places[0] if places else None
    return Path(spec.origin).resolve().parent if spec.origin and spec.has_location else None
