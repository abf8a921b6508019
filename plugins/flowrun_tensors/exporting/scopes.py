"""Python's scopes: which names statements bind, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterable

Import = ast.Import | ast.ImportFrom
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class RefusedError(Exception):
    """Code that cannot become part of a script: why, and where."""

    def __init__(self, message: str, node: ast.AST) -> None:
        self.message = message
        self.line = int(getattr(node, "lineno", 0))
        super().__init__(message)


class Bound:
    """The names that statements bind in their own scope, leaving out the scopes inside them.

    Those that imports bind are kept apart, in `imports`.
    """

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.names: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.imports: list[Import] = []
        for node in nodes:
            self._read(node)

    def _read(self, node: ast.AST) -> None:
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                self.names.add(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.names.add(node.name)  # what is inside is bound inside
            case ast.Lambda():
                pass
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # Its targets are its own; only `:=` binds outside of it.
                inner = [one for one in ast.walk(node) if isinstance(one, ast.NamedExpr)]
                self.names.update(one.target.id for one in inner)
            case ast.Import() | ast.ImportFrom():
                self.imports.append(node)
            case ast.Global():
                self.globals.update(node.names)
            case ast.Nonlocal():
                self.nonlocals.update(node.names)
            case _:
                self.names.update(_bound_as_text(node))
                for child in ast.iter_child_nodes(node):
                    self._read(child)


def _bound_as_text(node: ast.AST) -> list[str]:
    """The names that `except ... as name` and the patterns of `match` bind."""
    match node:
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            return [name]
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return [name]
    return []


def bound_by(alias: ast.alias) -> str:
    """The name that one part of an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """The names of a function's parameters, and of its types' (Python 3.12)."""
    return {argument.arg for argument in all_arguments(node.args)} | type_parameters(node)


def all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter of a function."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*found, *(item for item in (arguments.vararg, arguments.kwarg) if item is not None)]


def type_parameters(node: ast.AST) -> set[str]:
    """The names in brackets after a function's or class's name (Python 3.12)."""
    return {parameter.name for parameter in getattr(node, "type_params", [])}
