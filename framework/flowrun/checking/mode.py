"""What a plugin gives, by `flowrun_check_context`, so that steps run on shapes alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, Self

import msgspec


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
