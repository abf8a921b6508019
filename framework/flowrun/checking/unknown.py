"""What a check cannot know: values of which only the kind is known before a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from flowrun.errors import FlowrunError


class NeedsDataError(FlowrunError):
    """A step looks at data that a check does not have: what follows from it is not known.

    Raised in a check by a value that is not there, or by a step's own `fake=` function.
    """


class Unknown:
    """A value of which a check knows the kind alone: `Unknown("float")`.

    kind: the name of the type that the value has in a run: `float`, `int`, `list`.

    It can be kept, passed on, put into a list and shown (as `?`). Arithmetic with it is unknown
    again; whatever needs the value itself (a comparison, `if`, `float()`, an index) raises
    NeedsDataError.
    """

    __slots__ = ("kind",)

    def __init__(self, kind: str = "float") -> None:
        self.kind = kind

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NeedsDataError(f"it takes `.{name}` of a value that is known only in a run")

    def __repr__(self) -> str:
        return "?"

    def __format__(self, spec: str) -> str:
        return "?"

    def __round__(self, digits: int | None = None) -> Unknown:
        return Unknown("int" if digits is None else self.kind)


def _unknown_again(self: Unknown, *others: object) -> Unknown:
    return Unknown(self.kind)


def _raiser(what: str) -> Callable[..., NoReturn]:
    def raise_needs_data(self: Unknown, *arguments: Any) -> NoReturn:
        raise NeedsDataError(f"{what} a number that is known only when the recipe runs")

    return raise_needs_data


for _name in ("neg", "pos", "abs"):
    setattr(Unknown, f"__{_name}__", _unknown_again)
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Unknown, f"__{_name}__", _unknown_again)
    setattr(Unknown, f"__r{_name}__", _unknown_again)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Unknown, f"__{_name}__", _raiser("it compares"))
for _name in ("hash", "bool", "float", "int", "index", "complex", "trunc", "floor", "ceil"):
    setattr(Unknown, f"__{_name}__", _raiser("it looks at"))
for _name in ("iter", "len", "getitem", "contains"):
    setattr(Unknown, f"__{_name}__", _raiser("it looks into"))
