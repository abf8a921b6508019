"""The definitions of a module, and the names that each of them uses, from its text alone.

A definition is digested by its syntax tree, so comments, docstrings and formatting do not count.
"""

from __future__ import annotations

import ast
import builtins
import functools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeGuard

import msgspec
from blake3 import blake3

from flowrun.store.handing import handed_by
from flowrun.store.module_state import Keeping, keeping_of
from flowrun.store.purity import Purity, first_name, last_name

ACTING = ""  # the name of the statements that act when the module is imported
MAIN = "__main__"  # the package of a script: what it does only as a script was done

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
BLIND = frozenset(
    {"exec", "eval", "globals", "vars", "locals", "__import__", "compile", "getmodule"}
)
_IMPORTS = (ast.Import, ast.ImportFrom)
_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__path__"}

_BLIND_ATTRIBUTES = frozenset(
    {"__subclasses__", "__globals__", "f_globals", "modules", "getmodule"}
)


class Import(msgspec.Struct, frozen=True, array_like=True):
    """An import of a module, of a name of a module, or of all its names (`*`)."""

    module: str
    attribute: str | None = None


class Definition(msgspec.Struct, array_like=True):
    """A function, class or variable of a module, or its statements that act.

    digest: of its syntax. uses: the names that it uses, with the attributes asked of them
    (`helper.read`). imports: those inside it. lines: its first and last lines. is_blind: whether it
    may use names that its text does not show. keeping: whether it may keep values from one call to
    the next. is_rebound: whether several statements set it, so that their place matters. given: the
    names it hands on to anything; lent: to libraries alone.
    """

    digest: str
    uses: list[str]
    imports: list[Import]
    lines: list[tuple[int, int]]
    is_blind: bool
    keeping: Keeping = "nothing"
    is_rebound: bool = False
    given: list[str] = []
    lent: list[str] = []


class Syntax(msgspec.Struct, array_like=True):
    """The information in a module's text.

    imports: the imports at its top level, by the name they bind. others: those whose names are not
    bound there (`import a.b` binds `a` alone, `*` any). is_patching: whether it sets attributes of
    modules it imports.
    """

    definitions: dict[str, Definition]
    imports: dict[str, Import]
    others: list[Import]
    is_patching: bool


def syntax_of(text: bytes, package: str) -> Syntax:
    """The definitions of a module; all of a text that is not Python counts as acting.

    package: the package in which its relative imports start.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        acting = Definition(blake3(text).hexdigest(length=16), [], [], [], False)
        return Syntax({ACTING: acting}, {}, [], False)
    return _Reader(package, keeps_docstrings=b"__doc__" in text).read(tree)


@functools.cache
def parsed_syntax(text: bytes) -> Syntax:
    """The definitions of a module that stands alone: its relative imports do not count."""
    return syntax_of(text, "")


class _Reader:
    """Reads one module. package: as above. keeps_docstrings: whether the module looks at them."""

    def __init__(self, package: str, *, keeps_docstrings: bool) -> None:
        self._package = package
        self._keeps_docstrings = keeps_docstrings
        self._nodes: dict[str, list[ast.stmt]] = {ACTING: []}
        self._imports: dict[str, Import] = {}
        self._importing: dict[str, list[tuple[Import, ast.stmt]]] = {}
        self._others: list[Import] = []
        self._known: set[str] = set()

    def read(self, tree: ast.Module) -> Syntax:
        """All of the module's syntax."""
        is_patching = any(self._patches(node) for node in ast.walk(tree))
        self._purity = Purity({name: found.module for name, found in self._imports.items()})
        for node in tree.body:
            self._take(node)
        self._take_rebinding_imports()
        self._known = {*self._nodes, *self._imports, *_BUILTINS}
        definitions = {name: self._definition(name, nodes) for name, nodes in self._nodes.items()}
        return Syntax(definitions, self._imports, self._others, is_patching)

    def _take(self, node: ast.stmt) -> None:
        if isinstance(node, _IMPORTS):
            self._take_import(node, is_last=True)
        elif isinstance(node, _DEFINITIONS):
            self._take_definition(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            self._take_assignment(node)
        elif _is_for_types(node):
            for inner in node.body:  # names that annotations alone use
                for name in _bound(inner):
                    self._nodes.setdefault(name, [])
        elif self._package == MAIN or not _is_idle(node):
            self._take_acting(node)

    def _take_acting(self, node: ast.stmt) -> None:
        self._nodes[ACTING].append(node)
        for name in _bound(node):
            self._nodes.setdefault(name, []).append(node)
        for inner in ast.walk(node):
            if isinstance(inner, _IMPORTS):
                self._take_import(inner)

    def _take_import(self, node: ast.Import | ast.ImportFrom, *, is_last: bool = False) -> None:
        """is_last: whether the names mean this import from now on, whatever they meant before."""
        for name, found in imported(node, self._package):
            if name is None or name == "*":
                self._others.append(found)
            elif is_last:
                self._imports[name] = found
                self._importing.setdefault(name, []).append((found, node))
            elif self._imports.setdefault(name, found) != found:
                self._others.append(found)  # one of two, as in `try`

    def _take_rebinding_imports(self) -> None:
        """Let imports define those of their names that mean something else elsewhere."""
        for name, importing in self._importing.items():
            if self._nodes.get(name) or len({found for found, _ in importing}) > 1:
                nodes = [*self._nodes.get(name, ()), *(node for _, node in importing)]
                self._nodes[name] = sorted(nodes, key=lambda node: node.lineno)

    def _take_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._nodes.setdefault(node.name, []).append(node)
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            owner = first_name(call)
            if owner in self._nodes and owner != node.name:  # `@step_name.on_shapes`
                self._nodes[owner].append(node)
        if not self._purity.is_definition(node):
            self._nodes[ACTING].append(node)

    def _take_assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for name in dict.fromkeys(name for target in targets for name in _stored(target)):
            self._nodes.setdefault(name, []).append(node)
        is_alone = all(map(_binds_alone, targets)) and not self._extends_another(node)
        if not is_alone or not self._purity.is_pure(node.value):
            self._nodes[ACTING].append(node)

    def _extends_another(self, node: ast.stmt) -> bool:
        """Whether `a += b` may extend a value that has another name as well."""
        if not isinstance(node, ast.AugAssign) or not isinstance(node.target, ast.Name):
            return False
        return node.target.id in self._imports or any(
            isinstance(getattr(one, "value", None), (ast.Name, ast.Attribute, ast.Subscript))
            for one in self._nodes.get(node.target.id, ())
            if one is not node
        )

    def _definition(self, name: str, nodes: list[ast.stmt]) -> Definition:
        uses: dict[str, None] = {}
        imports: dict[Import, None] = {}
        quoted: dict[str, None] = {}
        bound: set[str] = set()
        is_blind = False
        for node in nodes:
            inside = list(ast.walk(node))
            bound |= set(_bound_in(inside))
            uses |= dict.fromkeys(_uses(node))
            for inner in inside:
                quoted |= dict.fromkeys(_uses_in_annotation(inner))
                if isinstance(inner, _IMPORTS):
                    imports |= {found: None for _, found in imported(inner, self._package)}
                elif isinstance(inner, ast.Call):
                    found, is_hidden = _dynamic_import(inner)
                    imports |= {} if found is None else {found: None}
                    is_blind |= is_hidden
                elif isinstance(inner, ast.Attribute):
                    is_blind |= inner.attr in _BLIND_ATTRIBUTES
        free = {use.partition(".")[0] for use in uses} - bound
        is_blind |= not free <= self._known or any(found.attribute == "*" for found in imports)
        uses |= {use: None for use in quoted if use.partition(".")[0] in self._known}
        shown = "\n".join(self._dump(node) for node in nodes)
        lines = [(_first_line(node), node.end_lineno or node.lineno) for node in nodes]
        digest = blake3(shown.encode("utf-8", "surrogatepass")).hexdigest(length=16)
        keeping = keeping_of(nodes, self._known, is_pure=self._purity.is_pure)
        is_rebound = name != ACTING and sum(_may_bind(node, name) for node in nodes) > 1
        given, lent = handed_by(nodes, self._purity.is_of_library)
        return Definition(
            digest, list(uses), list(imports), lines, is_blind, keeping, is_rebound, given, lent
        )

    def _dump(self, node: ast.stmt) -> str:
        if not self._keeps_docstrings:
            for inner in ast.walk(node):
                if isinstance(inner, _DEFINITIONS) and _is_docstring(inner.body[0]):
                    inner.body[0] = ast.Pass()
        return ast.dump(node)

    def _patches(self, node: ast.AST) -> bool:
        """Whether a node sets an attribute of something that the module imports."""
        if isinstance(node, _IMPORTS):
            self._take_import(node)  # those inside functions, too, are known from now on
            return False
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            return any(name in self._imports for name in _stored(node))
        if not isinstance(node, ast.Call):
            return False
        name = dotted_name(node.func) or ""
        owners = _stored(node.args[0]) if name == "setattr" and node.args else ()
        is_set = any(owner in self._imports for owner in owners)
        return is_set or "patch" in name.split(".") or name.startswith("monkeypatch.")


def imported(
    node: ast.Import | ast.ImportFrom, package: str
) -> Iterator[tuple[str | None, Import]]:
    """What an import statement imports, each with the name that it binds."""
    if isinstance(node, ast.Import):
        for name in node.names:
            if name.asname is not None or "." not in name.name:
                yield name.asname or name.name, Import(name.name)
            else:
                yield name.name.partition(".")[0], Import(name.name.partition(".")[0])
                yield None, Import(name.name)
        return
    parts = package.split(".")
    parents = parts[: len(parts) - (node.level - 1)] if node.level else []
    base = ".".join([*filter(None, parents), *([node.module] if node.module else [])])
    for name in node.names if base else ():
        yield name.asname or name.name, Import(base, name.name)


def _uses(node: ast.AST) -> Iterator[str]:
    """The names that a statement uses, each with the attributes asked of it."""
    waiting: list[ast.AST] = [node]
    while waiting:
        current = waiting.pop()
        chain = dotted_name(current)
        if chain is not None:
            yield chain
            continue
        if isinstance(current, ast.Global):
            yield from current.names
        waiting += ast.iter_child_nodes(current)


def _uses_in_annotation(node: ast.AST) -> Iterator[str]:
    """The names that texts in an annotation use, as libraries look them up: `list["Item"]`."""
    annotations: list[ast.expr | None] = []
    if isinstance(node, (ast.arg, ast.AnnAssign)):
        annotations.append(node.annotation)
    elif isinstance(node, _FUNCTIONS):
        annotations.append(node.returns)
    for inner in (inner for one in annotations if one is not None for inner in ast.walk(one)):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            with suppress(SyntaxError, ValueError):
                yield from _uses(ast.parse(inner.value.strip(), mode="eval"))


def dotted_name(node: ast.AST) -> str | None:
    """`a.b.c` for such an expression; None for another one."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(names)])


def _dynamic_import(call: ast.Call) -> tuple[Import | None, bool]:
    """The module that a call imports by a literal name; and whether it may use hidden names."""
    name = last_name(call.func)
    if name in ("import_module", "__import__"):
        first = call.args[0] if call.args else None
        text = first.value if isinstance(first, ast.Constant) else None
        if isinstance(text, str) and not text.startswith("."):
            return Import(text), False
        return None, True
    return None, isinstance(call.func, ast.Name) and name in BLIND


def _is_idle(node: ast.stmt) -> bool:
    """Whether a statement does nothing when another module imports this one."""
    if isinstance(node, ast.Pass) or _is_docstring(node):
        return True
    if not isinstance(node, ast.If) or node.orelse:
        return False
    return ast.unparse(node.test) in ("__name__ == '__main__'", "'__main__' == __name__")


def _is_for_types(node: ast.stmt) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and not node.orelse and last_name(node.test) == "TYPE_CHECKING"


def _bound(node: ast.AST) -> Iterator[str]:
    """Every name that a statement binds, in itself or in functions inside it."""
    return _bound_in(ast.walk(node))


def _bound_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for inner in nodes:
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            yield inner.id
        elif isinstance(inner, ast.arg):
            yield inner.arg
        elif isinstance(inner, _DEFINITIONS):
            yield inner.name
        elif isinstance(inner, _IMPORTS):
            yield from ((name.asname or name.name).partition(".")[0] for name in inner.names)
        elif isinstance(inner, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            yield from () if inner.name is None else (inner.name,)
        elif isinstance(inner, ast.MatchMapping):
            yield from () if inner.rest is None else (inner.rest,)


def _stored(target: ast.AST) -> Iterator[str]:
    """The names that an assignment sets, or whose parts it sets."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from _stored(item)
    elif isinstance(target, ast.Starred):
        yield from _stored(target.value)
    else:
        while isinstance(target, (ast.Attribute, ast.Subscript)):
            target = target.value
        if isinstance(target, ast.Name):
            yield target.id


def _binds_alone(target: ast.expr) -> bool:
    """Whether a target of an assignment binds names, and sets no part of anything."""
    stored = (ast.Attribute, ast.Subscript)
    return not any(isinstance(one, stored) for one in ast.walk(target))


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _may_bind(node: ast.stmt, name: str) -> bool:
    """Whether a statement of a name binds it: `@name.on_shapes` stands above another function."""
    return not isinstance(node, _DEFINITIONS) or node.name == name


def _first_line(node: ast.stmt) -> int:
    decorators: Iterable[ast.expr] = getattr(node, "decorator_list", ())
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
