"""`finite`: no number of a value is infinite or `nan`."""

from __future__ import annotations

import cmath
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from flowrun.expectations.check import Check, CheckResult, JudgeContext
from flowrun.recipes.keys import Schema


class Finite(Check, frozen=True):
    """Every number in the value is finite: none is infinite or `nan`."""

    name: ClassVar[str] = "finite"
    example: ClassVar[str] = "finite: true"
    type: ClassVar[Any] = Literal[True]
    expected: ClassVar[str] = "`true`"

    @classmethod
    def fits(cls, bound: Any) -> bool:
        return bound is True

    @classmethod
    def schema(cls) -> Schema:
        return {"const": True}

    @property
    def text(self) -> str:
        return self.name

    def judge(self, path: str, value: Any, context: JudgeContext) -> CheckResult:
        codecs = context.codecs
        count, strange, first = 0, 0, ""
        for place, number in _numbers(codecs.plain(value)):
            count += 1
            if not (isinstance(number, int) or cmath.isfinite(number)):
                strange += 1
                first = first or f"{_text(place)}: {number}"
        difference = "" if count else "there is no number in it"
        if strange:
            difference = f"{strange} of {count} numbers are not finite, the first at {first}"
        return self.result(path, codecs.text(codecs.summary(value)), not difference, difference)


def _numbers(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every number of a plain value, with the keys and positions that lead to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*place, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _numbers(item, (*place, index))
    elif isinstance(value, (int, float, complex)) and not isinstance(value, bool):
        yield place, value


def _text(place: tuple[Any, ...]) -> str:
    """A place as a value path has it: `.W1[0, 3]`."""
    text = ""
    for part in place:
        if not isinstance(part, int):
            text += f".{part}"
        elif text.endswith("]"):
            text = f"{text[:-1]}, {part}]"
        else:
            text += f"[{part}]"
    return text or "the value itself"
