"""Whether code keeps values in its module that a later call may use: caches and variables."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Literal

from flowrun.store.handing import functions_in, names_bound_in, value_of
from flowrun.store.purity import last_name

# What a definition may keep: a function that stores values outside itself; a variable with an empty
# container, to be filled by those who use it; a list or the like with items, or a value of a
# library (an array), to be changed by those it is handed to; an object, whose methods may store
# values in it; a class with such methods, or a function that makes functions which store values in
# its variables.
Keeping = Literal["nothing", "function", "container", "items", "value", "object", "methods"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_CACHES = frozenset({"cache", "lru_cache", "cached", "cachedmethod", "memoize", "memoized"})
_CHANGING = frozenset(
    "append extend insert add update setdefault pop popitem remove discard clear sort reverse "
    "appendleft extendleft".split()
)
_CONTAINERS = frozenset(
    "dict list set bytearray deque defaultdict OrderedDict Counter ChainMap UserDict UserList "
    "WeakValueDictionary WeakKeyDictionary local ContextVar Queue SimpleQueue".split()
)
# Decorators by which a function stays without memory; any other may make an object that has one.
_FORGETTING = frozenset(
    "step hookimpl wraps property setter getter deleter classmethod staticmethod abstractmethod "
    "overload override final contextmanager asynccontextmanager no_grad inference_mode enable_grad "
    "parametrize fixture on_shapes on_outlines check_options dataclass total_ordering "
    "runtime_checkable define frozen unique".split()
)
_SETTING = frozenset({"setattr", "__setattr__", "setitem", "__setitem__"})
_OF_CLASSES = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


def keeping_of(
    statements: list[ast.stmt], names: set[str], is_pure: Callable[[ast.expr | None], bool]
) -> Keeping:
    """What the statements that define a name keep.

    names: those that the module binds at its top. is_pure: whether a value is computed by functions
    that are known to give plain values.
    """
    functions = [_Nodes(one) for statement in statements for one in functions_in(statement)]
    defaults = [default for function in functions for default in function.defaults()]
    if not all(_is_empty(one) or is_pure(one) for one in defaults):
        return "object"
    if any(function.keeps(names) for function in functions):
        return "function"
    values = [value for statement in statements for value in _assigned(statement)]
    if any(map(_is_empty, values)):
        return "container"
    makes_keepers = any(function.makes_keepers() for function in functions)
    if any(map(_is_replaced, statements)):
        return "function" if makes_keepers else "object"
    if not all(map(is_pure, values)):
        return "object"
    if makes_keepers:
        return "methods"
    kinds = {value_of(value) for value in values}
    return "value" if "object" in kinds else "items" if "items" in kinds else "nothing"


def _is_replaced(statement: ast.stmt) -> bool:
    """Whether a decorator may make something else of a function or class, which has a memory."""
    return not _FORGETTING.issuperset(map(_last_name, _decorators(statement)))


def _assigned(statement: ast.stmt) -> Iterator[ast.expr]:
    """The values that a statement assigns, outside functions."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            yield node.value
        elif not isinstance(node, _FUNCTIONS):
            waiting += ast.iter_child_nodes(node)


class _Nodes:
    """The nodes of a function's syntax, those of functions inside it among them."""

    def __init__(self, function: _Function) -> None:
        self._function = function
        self._all = list(ast.walk(function))
        self._own = names_bound_in(self._all)

    def defaults(self) -> Iterator[ast.expr]:
        """The defaults of its arguments."""
        yield from _defaults(self._function)

    def keeps(self, names: set[str]) -> bool:
        """Whether it stores values in itself, in its class, or in objects of these names."""
        outer = (names - self._own) | self._classes()
        return self._changes(outer) or any(map(_has_memory, self._all))

    def _classes(self) -> set[str]:
        """The names by which it knows the class it belongs to."""
        found = {"cls"} | {
            target.id
            for node in self._all
            if isinstance(node, ast.Assign) and _root(node.value) == "cls"
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        decorators = map(_last_name, _decorators(self._function))
        if "classmethod" in decorators or self._function.name in _OF_CLASSES:
            found |= {one.arg for one in self._function.args.args[:1]}
        return found

    def makes_keepers(self) -> bool:
        """Whether it stores values in its object, or has functions that do so in its variables."""
        inner = [_Nodes(one) for node in self._function.body for one in functions_in(node)]
        return (
            self._changes({"self"})
            or any("cached_property" in map(_last_name, _decorators(node)) for node in self._all)
            or any(isinstance(node, ast.Nonlocal) for node in self._all)
            or any(one._changes(self._own - one._own) for one in inner)
        )

    def _changes(self, names: set[str]) -> bool:
        return any(
            changed is not None and _root(changed) in names for changed in map(_changed, self._all)
        )


def _has_memory(node: ast.AST) -> bool:
    """Whether a node says that values are kept: `global`, a cache, or a default that may change."""
    if not isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        return isinstance(node, ast.Global)
    return not _CACHES.isdisjoint(map(_last_name, _decorators(node))) or any(
        value_of(default) != "fixed" for default in _defaults(node)
    )


def _defaults(function: _Function | ast.Lambda) -> Iterator[ast.expr]:
    yield from function.args.defaults
    yield from filter(None, function.args.kw_defaults)


def _decorators(node: ast.AST) -> list[ast.expr]:
    return getattr(node, "decorator_list", [])


def _changed(node: ast.AST) -> ast.AST | None:
    """The expression whose value a node changes, if it does."""
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return None if isinstance(node.ctx, ast.Load) else node
    if isinstance(node, ast.Call) and _last_name(node) in _SETTING:
        return node.args[0] if node.args else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value if node.func.attr in _CHANGING else None
    return None


def _is_empty(value: ast.expr) -> bool:
    """Whether a value is a container without items, which is there to be filled."""
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    if isinstance(value, ast.Call) and _last_name(value) in _CONTAINERS:
        return not any(isinstance(one, (ast.List, ast.Dict)) for one in value.args)
    return False


def _root(node: ast.AST) -> str | None:
    """The name at which `a.b[c].d` begins; `cls` if it begins with the class of an object."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute) and node.attr == "__class__":
            return "cls"
        node = node.value
    if isinstance(node, ast.Call) and _last_name(node) == "type" and len(node.args) == 1:
        return "cls"
    return node.id if isinstance(node, ast.Name) else None


def _last_name(node: ast.AST) -> str:
    """`c` of `a.b.c` and of `a.b.c()`."""
    return last_name(node.func if isinstance(node, ast.Call) else node)
