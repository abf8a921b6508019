"""What a check gives to steps: the mode on shapes, and values known only in a run."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from functools import partialmethod
from typing import Any, Literal, NoReturn, Protocol, Self

import msgspec

from flowrun.errors import NeedsDataError
from flowrun.plugins.assumed import KINDS, assumed_numbers


class Diagnosis(msgspec.Struct, frozen=True):
    """What a mode says of a step's exception, or of an operation that is probably a mistake.

    kind: `error` if the run would fail the same way; `data` if the step looks at data that a check
        does not have; `unsupported` if the operation cannot be done on shapes alone; `warning` if
        it succeeds, but is probably a mistake. After `data` and `unsupported` nothing is wrong,
        and the step's outputs are unknown.
    message: in the library's own words, with the devices' real names.
    operation: the call with its operands, such as
        `matmul((1000, 11) float32 cpu, (12, 64) float32 cpu)`; None if it is not known.
    hint: a fix, if one is known.
    place: of a warning, the file and line (counted from 1) of the step's code, if known. That of
        an exception is found by its traceback.
    """

    kind: Literal["error", "data", "unsupported", "warning"]
    message: str
    operation: str | None = None
    hint: str | None = None
    place: tuple[str, int] | None = None


class Watched(msgspec.Struct):
    """What one step did, filled in when its call has ended.

    peak: the most bytes that tensors took on each device while it ran, including those of the steps
        above. live: the bytes that they take when it has ended. operations: floating-point
        operations (None if they cannot be counted). warnings: in the order they were found.
    """

    peak: dict[str, int] = {}
    live: dict[str, int] = {}
    operations: int | None = None
    warnings: list[Diagnosis] = []


class CheckMode(Protocol):
    """The mode in which steps run on shapes alone; entered once for all steps of a recipe."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...

    def watching(self) -> AbstractContextManager[Watched]:
        """Enter this around the call of one step."""

    def repeated(self, times: int) -> AbstractContextManager[None]:
        """Count the floating-point operations inside this many times."""

    def mapped(self) -> AbstractContextManager[None]:
        """Tensors made inside are in a file, and take no memory."""

    def assuming(self, way: int) -> AbstractContextManager[None]:
        """Inside, data that a step looks at is made up, and differs in each way (0, 1, 2).

        The shape of a result that depends on data must differ in two of them. Numbers are assumed
        by `Unknown` alone.
        """

    def on_shapes(self, value: Any) -> Any:
        """A value from outside the check as the mode needs it: a tensor without its data.

        It has the same shape, strides, dtype and device. Other values are returned unchanged.
        """

    def diagnose(self, error: Exception) -> Diagnosis | None:
        """What an exception of a step means; None if it does not come from the mode's library."""

    def memory(self, device: str) -> int | None:
        """The bytes that a device has; None if this machine lacks it."""


class Unknown:
    """A value of which a check knows only the kind: `Unknown("float")`.

    kind: the name of the type that the value has in a run: `float`, `int`, `list`.

    It can be stored, passed on, put into a list and shown (as `?`). The result of arithmetic with
    it is unknown too; whatever needs the value itself (a comparison, `if`, `float()`, an index)
    raises NeedsDataError. If a check then tries several ways to go on, a number is assumed instead.
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

    def assumed(self, reason: str) -> Any:
        """The number assumed in its place.

        Raises NeedsDataError with the reason if the check assumes none, or if it is no number.
        """
        numbers = assumed_numbers()
        if numbers is None or self.kind not in KINDS:
            raise NeedsDataError(reason)
        return numbers.of(self.kind)


def _still_unknown(self: Unknown, divides: bool, *others: object) -> Unknown:
    kinds = [one.kind if isinstance(one, Unknown) else type(one).__name__ for one in others]
    if self.kind not in KINDS or not all(kind in KINDS for kind in kinds):
        return Unknown(self.kind)
    least = "float" if divides else "int"
    return Unknown(max(least, self.kind, *kinds, key=KINDS.index))


def _whole(self: Unknown) -> Unknown:
    return Unknown("int")


def _assumed(self: Unknown, what: str, kind: str, *arguments: object) -> Any:
    number = self if self.kind not in KINDS else Unknown(kind)
    return number.assumed(f"{what} a number that is known only when the recipe runs")


def _compared(self: Unknown, least: bool, other: object) -> Any:
    """A comparison that asks whether the number is below (least) or above another one.

    An assumed number is finite: so it is below infinity, with which a search for the best begins.
    """
    if assumed_numbers() is not None and isinstance(other, float) and math.isinf(other):
        return (other > 0) is least
    return _assumed(self, "it compares", "bool", other)


def _raise_needs_data(self: Unknown, what: str, *arguments: object) -> NoReturn:
    raise NeedsDataError(f"{what} a number that is known only when the recipe runs")


for _name in ("neg", "pos", "abs"):
    setattr(Unknown, f"__{_name}__", partialmethod(_still_unknown, False))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Unknown, f"__{_name}__", partialmethod(_still_unknown, _name == "truediv"))
    setattr(Unknown, f"__r{_name}__", partialmethod(_still_unknown, _name == "truediv"))
for _name in ("trunc", "floor", "ceil"):
    setattr(Unknown, f"__{_name}__", _whole)
for _name in ("eq", "ne"):
    setattr(Unknown, f"__{_name}__", partialmethod(_assumed, "it compares", "bool"))
for _name, _least in (("lt", True), ("le", True), ("gt", False), ("ge", False)):
    setattr(Unknown, f"__{_name}__", partialmethod(_compared, _least))
for _name, _kind in (
    ("bool", "bool"), ("float", "float"), ("int", "int"), ("index", "int"), ("complex", "complex"),
):  # fmt: skip
    setattr(Unknown, f"__{_name}__", partialmethod(_assumed, "it looks at", _kind))
Unknown.__hash__ = partialmethod(_raise_needs_data, "it looks at")  # type: ignore[assignment]
for _name in ("iter", "len", "getitem", "contains"):
    setattr(Unknown, f"__{_name}__", partialmethod(_raise_needs_data, "it looks into"))
