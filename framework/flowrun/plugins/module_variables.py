"""Variables of the user's modules that a step sets, and that other code then reads.

A step that is kept sets none, so these are set back after each step. A variable that only the
functions read that set it themselves, as those do that compute a value once, is left alone.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flowrun.plugins.local_modules import LocalModules, module_of
from flowrun.plugins.observation.ownership import is_installed
from flowrun.plugins.steps import Step

_MISSING = object()
_CACHED = type(functools.cache(len))
_STORING = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "STORE_ATTR", "DELETE_ATTR"})


class variables_restored:  # noqa: N801 - a context, used as a function is
    """Set back in the end what the code inside sets in the variables of a step's modules.

    function: the step's. local: the modules beside it, which must be in `sys.modules`.
    set_back: afterwards, the names of the variables that had a value and now have it again.
    """

    def __init__(self, function: Any, local: LocalModules | None) -> None:
        self.set_back: list[str] = []
        self._function = function
        self._local = local
        self._before: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def __enter__(self) -> variables_restored:
        self._before = [(names, names.copy()) for names in self._modules()]
        return self

    def __exit__(self, *error: object) -> None:
        for names, before in self._before:
            for name in list(_changed(names, before)):
                if self._is_read_elsewhere(name):
                    self._set_back(name, names, before)

    def _set_back(self, name: str, names: dict[str, Any], before: Mapping[str, Any]) -> None:
        if before.get(name) is not None:
            self.set_back.append(name)
        if name in before:
            names[name] = before[name]
        else:
            names.pop(name, None)

    def _modules(self) -> Iterator[dict[str, Any]]:
        if self._local is not None:
            yield from map(vars, self._local.present())
        elif not is_installed(self._function.__code__.co_filename) or _is_cell(self._function):
            yield self._function.__globals__

    def _is_read_elsewhere(self, name: str) -> bool:
        """Whether any function reads a variable and does not set it."""
        codes = [code for names, _ in self._before for code in _codes_in(names.values())]
        return any(name in code.co_names and not _stores(code, name) for code in codes)


def _is_cell(function: Any) -> bool:
    """Whether a function was typed into a notebook."""
    module = module_of(function)
    return module is not None and getattr(module, "__file__", None) is None


def _changed(names: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    """The variables that were set; not modules, as the import of `a.b` sets `b` in `a`."""
    for name in dict.fromkeys([*before, *names]):
        now = names.get(name, _MISSING)
        is_own = not isinstance(now, ModuleType) and not name.startswith("__")
        if is_own and now is not before.get(name, _MISSING):
            yield name


def _codes_in(values: Iterable[Any]) -> Iterator[CodeType]:
    """The compiled functions among some values, with those of classes and those inside them."""
    waiting, seen = list(values), set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, CodeType):
            yield value
            waiting += value.co_consts
        elif isinstance(value, FunctionType):
            waiting += [value.__code__, *filter(callable, closure_values(value))]
        elif isinstance(value, Step):
            waiting.append(value.function)
        elif isinstance(value, type):
            waiting += vars(value).values()
        elif isinstance(value, (staticmethod, classmethod)):
            waiting.append(value.__func__)
        elif isinstance(value, functools.partial):
            waiting.append(value.func)
        elif isinstance(value, property):
            waiting += [value.fget, value.fset, value.fdel]
        elif isinstance(value, _CACHED):
            waiting.append(value.__wrapped__)


def closure_values(function: FunctionType) -> Iterator[Any]:
    """The values of the variables that a function has from the functions around it."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # not set yet
            yield cell.cell_contents


def _stores(code: CodeType, name: str) -> bool:
    """Whether a function itself sets a variable of a module."""
    return any(one.opname in _STORING and one.argval == name for one in dis.get_instructions(code))
