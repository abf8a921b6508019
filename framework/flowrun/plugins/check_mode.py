"""What a check promises to steps: the mode on shapes, and values known only in a run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partialmethod
from typing import Any, Literal, NoReturn, Protocol, Self

import msgspec

from flowrun.errors import NeedsDataError


class Explained(msgspec.Struct, frozen=True):
    """What an exception of a step means in a check.

    kind: `error` where the run would fail the same way; `data` where the step looks at data that
        a check does not have; `unsupported` where the step does what cannot be done on shapes
        alone. After the last two the step's outputs are unknown, and nothing is wrong.
    message: what does not fit, in torch's own words, with the devices' real names.
    operation: the operation that failed with the operands at hand, such as
        `matmul((1000, 11) float32 cpu, (12, 64) float32 cpu)`; None where it is not known.
    hint: a cure, where one is known.
    """

    kind: Literal["error", "data", "unsupported"]
    message: str
    operation: str | None = None
    hint: str | None = None


class Suspicion(msgspec.Struct, frozen=True):
    """An operation that does not fail and hardly means what it does.

    place: file and line (counted from 1) of the step's code; None where it is not known.
    """

    message: str
    operation: str
    hint: str | None = None
    place: tuple[str, int] | None = None


class Watched(msgspec.Struct):
    """What one step did, filled in when its call has ended.

    peak: the most bytes that tensors took on each device while it ran, those of the steps above
        included. live: the bytes that they take when it has ended. operations: floating-point
        operations (None where they cannot be counted). suspicions: in the order they were met.
    """

    peak: dict[str, int] = {}
    live: dict[str, int] = {}
    operations: int | None = None
    suspicions: list[Suspicion] = []


class CheckMode(Protocol):
    """The mode in which steps run on shapes alone; entered once round all steps of a recipe."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...

    def watching(self) -> AbstractContextManager[Watched]:
        """Round the call of one step."""

    def repeated(self, times: int) -> AbstractContextManager[None]:
        """What is done inside stands for so many repetitions (of its floating-point operations)."""

    def mapped(self) -> AbstractContextManager[None]:
        """Tensors made inside lie in a file, and take no memory."""

    def on_shapes(self, value: Any) -> Any:
        """A value given from outside as the mode has it: a tensor without its data.

        Its shape, strides, dtype and device stay. What is no tensor comes back as it is.
        """

    def explained(self, error: Exception) -> Explained | None:
        """What an exception of a step means; None where it is none of the mode's."""

    def memory(self, device: str) -> int | None:
        """The bytes that a device has, where it is there; None where not."""


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


def _raise_needs_data(self: Unknown, what: str, *arguments: object) -> NoReturn:
    raise NeedsDataError(f"{what} a number that is known only when the recipe runs")


for _name in ("neg", "pos", "abs"):
    setattr(Unknown, f"__{_name}__", _unknown_again)
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Unknown, f"__{_name}__", _unknown_again)
    setattr(Unknown, f"__r{_name}__", _unknown_again)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Unknown, f"__{_name}__", partialmethod(_raise_needs_data, "it compares"))
for _name in ("hash", "bool", "float", "int", "index", "complex", "trunc", "floor", "ceil"):
    setattr(Unknown, f"__{_name}__", partialmethod(_raise_needs_data, "it looks at"))
for _name in ("iter", "len", "getitem", "contains"):
    setattr(Unknown, f"__{_name}__", partialmethod(_raise_needs_data, "it looks into"))
