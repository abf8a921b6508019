"""Which variables a definition hands on, so that what it calls may store values in them.

A variable of a module whose value can change is safe with code that only looks at it: takes an item
of it, compares it, goes through it. Any other use counts, for who is given it may change it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from flowrun.store.purity import first_name, last_name

# Nothing that changes; a list, dictionary or set with items; another object that may change.
Value = Literal["fixed", "items", "object"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FIXED_CALLS = frozenset(
    "int float str bool bytes complex tuple frozenset range len min max sum abs round Path "
    "PurePath compile getLogger TypeVar NewType namedtuple field auto MappingProxyType getenv "
    "device date timedelta datetime Decimal Fraction itemgetter attrgetter get join strip lower "
    "upper format replace read_text read_bytes resolve absolute expanduser object".split()
)
_ITEMS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_ITEM_CALLS = frozenset("list dict set sorted split Meta".split())
_LOOKING = frozenset(
    "get items keys values index count copy issubset issuperset isdisjoint union intersection "
    "difference any all sum mean item tolist to view reshape expand unsqueeze squeeze astype numpy "
    "clone float double size dim numel debug info warning error exception critical log".split()
)
_CHANGING_CALLS = frozenset("setattr setitem heappush heapreplace insort shuffle".split())


def value_of(value: ast.expr | None) -> Value:
    """What may become of a value that is computed by functions known to do nothing else."""
    if isinstance(value, _ITEMS):
        return "items"
    if isinstance(value, ast.Call):
        name = last_name(value.func)
        return "fixed" if name in _FIXED_CALLS else "items" if name in _ITEM_CALLS else "object"
    if isinstance(value, (ast.Tuple, ast.BinOp, ast.BoolOp, ast.IfExp)):
        inner = {value_of(one) for one in ast.iter_child_nodes(value) if isinstance(one, ast.expr)}
        return "object" if "object" in inner else "items" if "items" in inner else "fixed"
    return "fixed"


class Handing:
    """What one definition hands on.

    given: the names, with their attributes, given to anything. lent: those given to functions of
    libraries and to methods, which do not change the items of a list.
    """

    def __init__(self, own: set[str], is_of_library: Callable[[str | None], bool]) -> None:
        self._own = own
        self._is_of_library = is_of_library
        self.given: set[str] = set()
        self.lent: set[str] = set()

    def look_at(self, nodes: Iterable[ast.AST]) -> None:
        """Add what these parts of the syntax hand on."""
        for inner in nodes:
            if isinstance(inner, ast.Call):
                self._look_at_call(inner)
            elif isinstance(inner, (ast.Assign, ast.AnnAssign, ast.Return, ast.NamedExpr)):
                self._add(inner.value, self.given)
            elif isinstance(inner, (ast.Yield, ast.Lambda, ast.withitem)):
                self._add(_content(inner), self.given)
            elif isinstance(inner, ast.arguments):
                for default in (*inner.defaults, *inner.kw_defaults):
                    self._add(default, self.given)

    def _look_at_call(self, call: ast.Call) -> None:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr not in _LOOKING:
            self._add(_without_items(function.value), self.given)
        base = first_name(_without_items(function))
        is_lent = base in self._own or self._is_of_library(base)
        to = self.lent if is_lent and last_name(function) not in _CHANGING_CALLS else self.given
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            self._add(argument, to)

    def _add(self, value: ast.AST | None, to: set[str]) -> None:
        """Add the names that a value may be, or whose objects it holds."""
        if isinstance(value, (ast.Name, ast.Attribute)):
            chain = _chain(value)
            if chain is not None and chain.partition(".")[0] not in self._own:
                to.add(chain)
        elif isinstance(value, (*_ITEMS, ast.Tuple, ast.Starred, ast.BoolOp, ast.IfExp)):
            for inner in ast.iter_child_nodes(value):
                self._add(inner, to)


def handed_by(
    statements: list[ast.stmt], is_of_library: Callable[[str | None], bool]
) -> tuple[list[str], list[str]]:
    """What the functions of a definition hand on: to anything, and to libraries alone."""
    given: set[str] = set()
    lent: set[str] = set()
    for function in (one for statement in statements for one in functions_in(statement)):
        nodes = list(ast.walk(function))
        handing = Handing(names_bound_in(nodes), is_of_library)
        handing.look_at(nodes)
        given |= handing.given
        lent |= handing.lent
    return sorted(given), sorted(lent - given)


def functions_in(statement: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The outermost functions of a statement, and the methods of its classes."""
    waiting = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _FUNCTIONS):
            yield node
        else:
            waiting += ast.iter_child_nodes(node)


def names_bound_in(nodes: Iterable[ast.AST]) -> set[str]:
    """The parameters and variables among the nodes of a function."""
    return {
        one.arg if isinstance(one, ast.arg) else one.id
        for one in nodes
        if isinstance(one, ast.arg)
        or (isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load))
    }


def _content(node: ast.Yield | ast.Lambda | ast.withitem) -> ast.expr | None:
    if isinstance(node, ast.withitem):
        return node.context_expr
    return node.body if isinstance(node, ast.Lambda) else node.value


def _without_items(node: ast.expr) -> ast.expr:
    """`a.b` of `a.b[c]`, and of `a.b[c].d`."""
    found = node
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        found = node.value if isinstance(node, ast.Subscript) else found
        node = node.value
    return found


def _chain(node: ast.AST) -> str | None:
    """`a.b.c` for such an expression, as the uses of a definition are written."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else None
