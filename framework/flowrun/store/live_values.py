"""Digests of values as they are in this process, of any type: settings of objects and of modules.

A value that flowrun can digest counts by its content. Any other counts by its type and all that
Python would pickle of it; of a function the defaults, the variables of its closure and its
attributes count, and of a class its attributes. What cannot be pickled, such as a lock, counts by
its type and its attributes.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from blake3 import blake3

from flowrun.plugins.module_variables import closure_values
from flowrun.plugins.observation.ownership import is_installed
from flowrun.plugins.package_imports import is_shared
from flowrun.values.codecs import Codecs
from flowrun.values.digests import parts_digest, value_digest
from flowrun.values.python_types import full_name


class LiveValues:
    """Digests of values, which depend on what these share with each other.

    reach: called with each function and class inside the values, whose code may count.
    opaque: returns a text that stands for a value that cannot be pickled, such as a lock.
    """

    def __init__(
        self, codecs: Codecs, reach: Callable[[Any], None], opaque: Callable[[], str] = str
    ) -> None:
        self._codecs = codecs
        self._reach = reach
        self._opaque = opaque
        self._numbers: dict[int, int] = {}  # of the objects met, by identity
        self._met: list[Any] = []  # which keeps their identities from being used again

    def digest(self, values: Mapping[str, Any]) -> str:
        """The digest of named values."""
        return parts_digest({name: self._named(value) for name, value in values.items()})

    def _named(self, value: Any) -> Any:
        before = len(self._met)
        try:
            return self._parts(value)
        except RecursionError:  # too deep to be followed; how deep it came depends on the caller
            for one in self._met[before:]:
                del self._numbers[id(one)]
            del self._met[before:]
            return ["deep", full_name(type(value)), self._opaque()]

    def _parts(self, value: Any) -> Any:
        """A document that tells a value apart from others."""
        found = self._content(value)
        if found is not None:
            return found
        if id(value) in self._numbers:
            return ["met", self._numbers[id(value)]]
        self._numbers[id(value)] = len(self._numbers)
        self._met.append(value)
        if isinstance(value, ModuleType):
            return ["module", value.__name__]
        if isinstance(value, FunctionType):
            return self._of_function(value)
        if isinstance(value, type):
            return self._of_class(value)
        if isinstance(value, (dict, list, tuple)) and type(value).__module__ == "builtins":
            return [type(value).__name__, self._of_items(value)]
        if isinstance(value, (set, frozenset)):
            return [full_name(type(value)), sorted(map(parts_digest, map(self._parts, value)))]
        return [full_name(type(value)), self._of_object(value)]

    def _content(self, value: Any) -> str | None:
        """The digest of a value's content, if it has one that is known to be whole."""
        if isinstance(value, (bytes, bytearray)):
            return f"{type(value).__name__} {blake3(value).hexdigest()}"
        if isinstance(value, complex):
            return f"complex {value!r}"
        try:
            return value_digest(value, self._codecs)
        except Exception:  # a codec is a plugin's, and the value is of any type
            return None

    def _of_items(self, value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [[self._parts(key), self._parts(item)] for key, item in value.items()]
        return [self._parts(item) for item in value]

    def _of_function(self, function: FunctionType) -> list[Any]:
        if is_of_library(function):
            return [f"{function.__module__}.{function.__qualname__}"]
        self._reach(function)
        return [
            f"{function.__module__}.{function.__qualname__}",
            self._parts(function.__defaults__),
            self._parts(function.__kwdefaults__),
            [self._parts(value) for value in closure_values(function)],
            self._of_items(vars(function)),
        ]

    def _of_class(self, kind: type) -> list[Any]:
        if is_of_library(kind):
            return [full_name(kind)]
        self._reach(kind)
        data = {name: one for name, one in vars(kind).items() if not name.startswith("__")}
        return [full_name(kind), self._of_items(data)]

    def _of_object(self, value: Any) -> Any:
        if not is_of_library(type(value)):
            self._reach(type(value))
        if isinstance(value, MethodType):
            return [self._parts(value.__func__), self._parts(value.__self__)]
        if isinstance(value, BuiltinFunctionType):
            return value.__qualname__
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
            if isinstance(reduced, str):
                return reduced
            constructor, arguments, *more = reduced
            state, *items = more or (None,)
            # The items of a list, and those of a dict, come one after the other.
            parts = [constructor, arguments, state, *(list(one or ()) for one in items[:2])]
        except RecursionError:
            raise
        except Exception:  # it cannot be pickled
            found = getattr(value, "__dict__", None)
            return [self._opaque(), self._of_items(found if isinstance(found, dict) else {})]
        return [self._parts(part) for part in parts]


def is_of_library(value: FunctionType | type) -> bool:
    """Whether a function or class is of Python, of an installed package, or of flowrun itself."""
    return is_library(str(value.__module__))


def is_library(name: str) -> bool:
    """Whether a module is of Python, of an installed package, or of flowrun itself."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "flowrun" or is_shared(top):
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and is_installed(file)
