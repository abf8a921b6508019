"""Which expressions of a module only make a value, and which may act when it is imported.

Functions, decorators and base classes are known by name, if that name comes from the standard
library or from a well-known one: `load` of a user's own module may do anything.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Mapping

_LIBRARIES = sys.stdlib_module_names | {
    *"flowrun flowrun_tensors flowrun_tables torch numpy numba scipy pandas polars sklearn jax "
    "msgspec attr attrs pydantic click pluggy yaml safetensors typing_extensions pytest".split()
}
_PURE_DECORATORS = frozenset(
    "step hookimpl hookspec staticmethod classmethod property dataclass cache cached_property "
    "lru_cache wraps total_ordering contextmanager asynccontextmanager overload final override "
    "no_grad inference_mode enable_grad njit jit vectorize compile runtime_checkable".split()
)
_OF_A_DEFINITION = frozenset(
    {"on_shapes", "on_outlines", "check_options", "setter", "getter", "deleter"}
)
_PLAIN_BASES = frozenset(name for name, one in vars(builtins).items() if isinstance(one, type)) | {
    *"ABC Generic Protocol NamedTuple TypedDict Enum IntEnum StrEnum Flag IntFlag Struct Module "
    "Dataset IterableDataset Sampler Function Thread Mapping MutableMapping Sequence Iterator "
    "UserDict UserList OrderedDict defaultdict".split()
}
_METHODS = frozenset(
    "get join split strip lower upper format replace read_text read_bytes resolve absolute "
    "expanduser".split()
)
_PURE_CALLS = _METHODS | {
    *"int float str bool bytes complex dict list set tuple frozenset range len sorted reversed min "
    "max sum abs round zip map filter enumerate slice object Path PurePath compile getLogger "
    "TypeVar NewType namedtuple field auto Meta MappingProxyType getenv loads dumps open load "
    "tensor zeros ones arange linspace eye full array asarray device Generator manual_seed "
    "timedelta datetime date Decimal Fraction partial itemgetter attrgetter".split()
}
_CALLING_FIRST = frozenset({"map", "filter"})  # they call their first argument
_CALLED = frozenset({"key", "object_hook", "object_pairs_hook"})  # arguments that are called
_GETTERS = frozenset({"itemgetter", "attrgetter"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Purity:
    """Of one module. imports: the module that each of its imported names comes from."""

    def __init__(self, imports: Mapping[str, str]) -> None:
        self._imports = imports
        self._plain_classes: set[str] = set()

    def is_pure(self, value: ast.expr | None) -> bool:
        """Whether a value is computed by functions that are known to change nothing."""
        return value is None or not any(map(self._acts, _without_functions(value)))

    def is_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
        """Whether a statement defines a function or class, and does nothing else."""
        if not all(map(self._is_plain_decorator, node.decorator_list)):
            return False
        if isinstance(node, _FUNCTIONS):
            return all(map(self.is_pure, [*node.args.defaults, *node.args.kw_defaults]))
        if node.keywords or not all(map(self._is_plain_base, node.bases)):
            return False
        if not all(map(self._is_plain_in_class, node.body)):
            return False
        self._plain_classes.add(node.name)
        return True

    def _acts(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return not (
                self._is_pure_call(node.func) and all(map(self._is_pure_function, _called(node)))
            )
        return isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr))

    def _is_pure_call(self, function: ast.expr) -> bool:
        name, base = last_name(function), first_name(function)
        if name not in _PURE_CALLS:
            return False
        is_of_variable = base not in self._imports and isinstance(function, ast.Attribute)
        return self.is_of_library(base) or (is_of_variable and name in _METHODS)

    def _is_pure_function(self, function: ast.expr) -> bool:
        """Whether a function that is passed to another, which calls it, changes nothing."""
        if isinstance(function, ast.Lambda):
            return self.is_pure(function.body)
        if isinstance(function, ast.Call):
            return last_name(function.func) in _GETTERS and self._is_pure_call(function.func)
        is_none = isinstance(function, ast.Constant) and function.value is None
        return is_none or self._is_pure_call(function)

    def _is_plain_decorator(self, decorator: ast.expr) -> bool:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        name, base = last_name(function), first_name(function)
        is_of_definition = base not in self._imports and name in _OF_A_DEFINITION
        return is_of_definition or (name in _PURE_DECORATORS and self.is_of_library(base))

    def _is_plain_base(self, base: ast.expr) -> bool:
        found = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(found, ast.Name) and found.id in self._plain_classes:
            return True
        return last_name(found) in _PLAIN_BASES and self.is_of_library(first_name(found))

    def _is_plain_in_class(self, node: ast.stmt) -> bool:
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            return node.name != "__init_subclass__" and self.is_definition(node)
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            return self.is_pure(node.value)
        return isinstance(node, ast.Pass) or _is_constant(node)

    def is_of_library(self, base: str | None) -> bool:
        """Whether a name is a library's or built in; None: it begins with no name."""
        if base is None or base in self._imports:
            return base is None or self._imports[base].partition(".")[0] in _LIBRARIES
        return hasattr(builtins, base)


def _is_constant(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a constant, as a docstring is."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def first_name(node: ast.AST) -> str | None:
    """The name with which `a.b.c` begins; None if it begins with another expression."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def last_name(node: ast.AST) -> str:
    """The last name of `a.b.c`; an empty text if it is another expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _called(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call that it calls in its turn."""
    if last_name(call.func) in _CALLING_FIRST:
        yield from call.args[:1]
    yield from (one.value for one in call.keywords if one.arg in _CALLED)


def _without_functions(value: ast.expr) -> Iterator[ast.AST]:
    """The nodes of an expression that are evaluated: not the bodies of its lambdas."""
    waiting: list[ast.AST] = [value]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
