"""The code of a function without a file, as one that is typed into a notebook.

Its compiled code counts, and everything that it reaches through the globals of its module: other
functions in the same way, other values by their content. Of the user's modules that it imports, all
their present variables count, because a cell may have changed any of them since the import.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flowrun.plugins.module_variables import closure_values
from flowrun.plugins.observation.ownership import is_installed
from flowrun.store.closure import Code
from flowrun.store.code import CodeIndex
from flowrun.store.live_values import LiveValues, is_library
from flowrun.store.syntax import BLIND
from flowrun.values.codecs import Codecs
from flowrun.values.digests import parts_digest


def live_code(function: Callable[..., Any], index: CodeIndex, codecs: Codecs) -> Code:
    """The code of such a function, as one module of its name."""
    return _LiveCode(index, codecs).of(function)


class _LiveCode:
    def __init__(self, index: CodeIndex, codecs: Codecs) -> None:
        self._index = index
        self._codecs = codecs
        self._code = Code()
        self._parts: dict[str, Any] = {}
        self._followed: dict[int, str] = {}  # functions and classes, by identity
        self._waiting: list[tuple[str, Any]] = []

    def of(self, function: Callable[..., Any]) -> Code:
        name = f"{function.__module__}.{function.__qualname__}"
        self._waiting.append((name, function))
        while self._waiting:
            self._follow()
            self._take_modules()
        self._code.modules[name] = parts_digest(self._parts)
        return self._code

    def _follow(self) -> None:
        """Add everything that is waiting, and what it reaches."""
        while self._waiting:
            what, value = self._waiting.pop()
            if what in self._parts:
                continue
            if isinstance(value, (FunctionType, type)) and id(value) in self._followed:
                self._parts[what] = self._followed[id(value)]  # one may reach itself
                continue
            self._followed[id(value)] = what
            self._parts[what] = None
            self._parts[what] = self._part(what, value)

    def _take_modules(self) -> None:
        """Add the variables of the user's modules that were reached, which may reach more."""
        for name in self._code.modules:
            variables = vars(sys.modules[name]) if name in sys.modules else {}
            if variables and f"{name}:" not in self._parts and not is_library(name):
                own = {one: value for one, value in variables.items() if one[:2] != "__"}
                self._parts[f"{name}:"] = LiveValues(self._codecs, self._reach).digest(own)

    def _reach(self, value: Any) -> None:
        """Follow a function or class inside a value, if it was defined without a file."""
        if self._is_live(value):
            number = len(self._parts) + len(self._waiting)
            self._waiting.append((f"{value.__module__}.{value.__qualname__} {number}", value))

    def _part(self, what: str, value: Any) -> Any:
        """What one thing that is reached adds to the digest."""
        if isinstance(value, partial):
            self._waiting.append((f"{what}()", value.func))
            return self._values(what, [*value.args, *value.keywords.items()])
        is_plain = isinstance(value, (FunctionType, type, ModuleType))
        if not is_plain and hasattr(value, "__wrapped__"):
            self._waiting.append((f"{what}()", value.__wrapped__))  # as that of a cache
            return type(value).__name__
        if isinstance(value, ModuleType):
            return self._module(value)
        module = getattr(value, "__module__", None)
        if isinstance(value, (FunctionType, type)) and not self._is_live(value):
            return self._imported(str(module), value)
        if isinstance(value, FunctionType):
            self._waiting += _reached(value)
            defaults = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).items()]
            cells = list(closure_values(value))
            code = _code_parts(value.__code__, has_docstring=value.__doc__ is not None)
            return [code, self._values(what, defaults), self._values(what, cells)]
        if isinstance(value, type):
            members = {name: one for name, one in vars(value).items() if name not in _OF_A_CLASS}
            self._waiting += [(f"{what}.{name}", _function(one)) for name, one in members.items()]
            self._waiting += [(f"{what}({base.__name__})", base) for base in value.__bases__]
            return sorted(members)
        return self._value(value)

    def _module(self, module: ModuleType) -> list[str]:
        file = getattr(module, "__file__", None)
        if file is not None and not is_installed(file):
            self._code.add(self._index.of_module(module.__name__))
        elif file is not None:
            top = module.__name__.partition(".")[0]
            self._code.packages[top] = self._index.packages.version(top)
        return [module.__name__]

    def _imported(self, module: str, value: Any) -> list[str]:
        """A function or class of a module that has a file, or is built in."""
        if module in sys.modules and getattr(sys.modules[module], "__file__", None):
            if is_installed(str(sys.modules[module].__file__)):
                self._module(sys.modules[module])
            else:
                self._code.add(self._index.of_function(value))
        return [module, value.__qualname__]

    def _values(self, what: str, values: list[Any]) -> list[str]:
        """What each of a function's defaults or cells adds; functions among them are reached."""
        found = []
        for number, value in enumerate(values):
            is_code = callable(value) or isinstance(value, ModuleType)
            if is_code:
                self._waiting.append((f"{what}[{number}]{len(self._parts)}", value))
            found.append("code" if is_code else self._value(value))
        return found

    def _value(self, value: Any) -> str:
        """The digest of a value; for one without, one that never comes again."""
        return LiveValues(self._codecs, self._reach, lambda: os.urandom(16).hex()).digest(
            {"": value}
        )

    def _is_live(self, value: Any) -> bool:
        """Whether a function or class was defined without a file."""
        module = sys.modules.get(value.__module__)
        file = getattr(module, "__file__", None)
        if isinstance(value, FunctionType):
            return file is None or not Path(value.__code__.co_filename).is_file()
        return file is None and value.__module__ != "builtins"


_OF_A_CLASS = {"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__",
               "__static_attributes__"}  # fmt: skip


def _reached(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The globals that a function's code may use, by name."""
    names = dict.fromkeys(_names(function.__code__))
    if not BLIND.isdisjoint(names):  # it may use any that were defined without a file
        names |= dict.fromkeys(
            name for name, one in function.__globals__.items() if not name.startswith("_")
            if not isinstance(one, ModuleType)
        )  # fmt: skip
    for name in names:
        if name in function.__globals__:
            found = function.__globals__[name]
            yield name, found
            if isinstance(found, ModuleType):
                yield from _set_in(found, name, names, function.__module__)


def _set_in(
    module: ModuleType, shown: str, names: Iterable[str], home: str
) -> Iterator[tuple[str, Any]]:
    """What a cell may have set in a module that it imported: constants, and what it defined."""
    for name in names:
        value = vars(module).get(name)
        is_of_home = isinstance(value, (FunctionType, type)) and value.__module__ == home
        if is_of_home or type(value) in (bool, int, float, complex, str, bytes):
            yield f"{shown}.{name}", value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code_parts(code: CodeType, *, has_docstring: bool = False) -> list[Any]:
    """The parts of a compiled function that affect its behaviour: not lines, file and docstring."""
    constants = code.co_consts[has_docstring:]
    shown = [
        _code_parts(one) if isinstance(one, CodeType) else [type(one).__name__, repr(one)]
        for one in constants
    ]
    return [code.co_code.hex(), shown, code.co_names, code.co_varnames, code.co_flags]


def _function(member: Any) -> Any:
    """The function of a method, static method or class method; another member as it is."""
    return getattr(member, "__func__", member)
