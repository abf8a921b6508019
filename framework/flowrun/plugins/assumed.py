"""Numbers that a check assumes in place of those that only a run has.

A step that looks at its data is called once in each way. What all ways agree on does not depend on
the data: the ways decide differently, and assume different numbers.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

WAYS = 3
KINDS = ("bool", "int", "float", "complex")  # of numbers that can be assumed
_LONGEST = 100  # equal decisions at one place; then as many differ, to end a loop
# Modules between a decision and the code that makes it.
_BETWEEN = (
    "flowrun", "flowrun_tensors", "functools", "torch._tensor", "torch.overrides",
    "torch.utils._contextlib", "torch.utils._device",
)  # fmt: skip

Place = tuple[CodeType, int]  # code, and the index of the instruction in it


class AssumedNumbers:
    """The numbers assumed in one way, in the order they are asked for.

    Decisions are false in way 0, true in way 1, and change at each place in way 2. settled: the
    decisions that are always the same. last: the place and the answer of the last decision.
    has_whole: whether a whole number was asked for; those computed from it may agree by chance.
    """

    def __init__(self, way: int, settled: dict[Place, bool]) -> None:
        self.last: tuple[Place, bool] | None = None
        self.has_whole = False
        self._way = way
        self._settled = settled
        self._made: Counter[Place] = Counter()
        self._random = random.Random(way)

    def of(self, kind: str) -> Any:
        """A number of a kind of KINDS."""
        if kind == "bool":
            return self._decision()
        if kind == "int":
            self.has_whole = True
            return self._random.randrange(2) if self._way == 2 else 1 - self._way
        number = self._random.uniform(0.1, 1.0)
        return complex(number, number) if kind == "complex" else number

    def _decision(self) -> bool:
        place = _place()
        count = self._made[place]
        self._made[place] += 1
        if self._way == 2:  # one true, two false, four true, ...: any patience ends
            answer = (count + 1).bit_length() % 2 == 1
        else:
            answer = bool(self._way) != (count // _LONGEST % 2 == 1)
        answer = self._settled.get(place, answer)
        self.last = (place, answer)
        return answer


_current: AssumedNumbers | None = None


def assumed_numbers() -> AssumedNumbers | None:
    """The numbers of the way in which a step is called; None if nothing is assumed."""
    return _current


@contextmanager
def assuming(numbers: AssumedNumbers) -> Iterator[None]:
    """Inside, these numbers take the place of unknown ones."""
    global _current
    before, _current = _current, numbers
    try:
        yield
    finally:
        _current = before


def _place() -> Place:
    frame = sys._getframe(2)
    while frame.f_back is not None and _is_between(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def _is_between(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in _BETWEEN)
