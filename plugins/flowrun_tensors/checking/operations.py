"""Floating-point operations, by the formulas of torch.utils.flop_counter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class OperationCount:
    """Counts multiplications and additions of products, convolutions and attention.

    Functions of single elements count nothing, as in torch's own counter.
    """

    def __init__(self) -> None:
        from torch.utils.flop_counter import flop_registry

        self._formulas = flop_registry
        self._times = 1
        self.total = 0

    def begin(self) -> None:
        """Start again from zero."""
        self.total = 0

    @contextmanager
    def repeated(self, times: int) -> Iterator[None]:
        """What is counted inside counts so many times."""
        before, self._times = self._times, self._times * times
        try:
            yield
        finally:
            self._times = before

    def counts(self, operation: Any) -> bool:
        """Whether there is a formula for an operation of torch's dispatcher."""
        return getattr(operation, "_overloadpacket", None) in self._formulas

    def note(
        self, operation: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any], result: Any
    ) -> None:
        """Count one operation that `counts`."""
        formula = self._formulas[operation._overloadpacket]
        self.total += self._times * int(formula(*arguments, **keywords, out_val=result))
