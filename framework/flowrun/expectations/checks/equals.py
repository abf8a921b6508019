"""`equals`: a value that is compared as a whole, within `rtol` and `atol`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from flowrun.errors import Problem
from flowrun.expectations.check import Check, CheckResult, JudgeContext, plain_text
from flowrun.expectations.tolerances import TOLERANCES, read_tolerance, within
from flowrun.recipes.keys import Schema
from flowrun.recipes.reading import Entry, Node


class Equals(Check, frozen=True):
    """The value is this number, text, true, false, null, or nested list."""

    rtol: float | None = None
    atol: float | None = None

    name: ClassVar[str] = "equals"
    example: ClassVar[str] = "equals: [1, 2.5]"
    type: ClassVar[Any] = float | str | bool | list[Any] | None
    expected: ClassVar[str] = "a number, a text, true, false, null, or a nested list"
    settings: ClassVar[Mapping[str, Schema]] = TOLERANCES

    @classmethod
    def read(cls, node: Node, beside: Mapping[str, Entry], problems: list[Problem]) -> Self | None:
        check = super().read(node, beside, problems)
        given = {
            name: read_tolerance(name, beside[name].value, problems)
            for name in cls.settings
            if name in beside
        }
        return None if check is None else cls(check.bound, **given)

    @property
    def text(self) -> str:
        return f"{super().text}{within(self.rtol, self.atol)}"

    def judge(self, path: str, value: Any, context: JudgeContext) -> CheckResult:
        difference = context.codecs.difference(value, self.bound, self.rtol, self.atol)
        found = plain_text(context.codecs.plain(value))
        return self.result(path, found, difference is None, difference)
