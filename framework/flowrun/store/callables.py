"""What a callable consists of, if it is no plain function: functions, and the values it holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any


class CallableParts:
    """The functions that a callable may call, and texts of the values that it holds for them.

    Of a `functools.partial` these are its function and its arguments; of an object with `__call__`
    the methods of its class, and its attributes.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.functions: list[Callable[..., Any]] = []
        self.values: list[str] = []
        self._met: dict[int, Any] = {}  # which keeps their identities from being used again
        self._add(function)

    def _add(self, value: Any) -> None:
        if id(value) in self._met:  # an object may have itself as an attribute
            return
        self._met[id(value)] = value
        if not callable(value):
            self.values.append(repr(value))
        elif isinstance(value, partial):
            self._add(value.func)
            self._add_all({str(index): one for index, one in enumerate(value.args)})
            self._add_all(value.keywords)
        elif hasattr(value, "__qualname__"):  # a function, a method or a class
            self.functions.append(value)
        else:
            self._add_object(value)

    def _add_object(self, value: Any) -> None:
        methods = [one for kind in type(value).__mro__ for one in vars(kind).values()]
        self.functions += [one for one in methods if isinstance(one, FunctionType)]
        if hasattr(value, "__dict__"):
            self.values.append(type(value).__qualname__)
            self._add_all(vars(value))
        else:
            self.values.append(repr(value))  # as `operator.itemgetter(0)`

    def _add_all(self, named: dict[str, Any]) -> None:
        for name, value in named.items():
            self.values.append(name)
            self._add(value)
