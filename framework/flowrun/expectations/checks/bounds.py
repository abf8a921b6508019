"""`below`, `above` and `between`: bounds of a number, in one run or over many seeds."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from flowrun.expectations.check import Check, CheckResult, JudgeContext
from flowrun.values.codecs import Summary, is_number, number_text


class Bound(Check, frozen=True):
    """A check of a number."""

    def judge(self, path: str, value: Any, context: JudgeContext) -> CheckResult:
        found = context.codecs.plain(value)
        if is_number(found):
            return self.judge_number(path, found)
        return self.result(path, f"{type(found).__name__}, not a number", met=False)

    def judge_number(self, path: str, number: float, of: str = "") -> CheckResult:
        """The result for a number; of: a name of the number, for the line of the result."""
        met = self.is_met(number)
        difference = "" if met else self._beyond(number)
        text = of + self.text
        return CheckResult(path, text, number_text(number), met, self.name, difference)

    def on_shapes(self, path: str, found: Summary | None, shared: dict[str, Any]) -> str | None:
        if found is None or found.shape in (None, ()):
            return None
        return f"`{self.name}` is of a number, and its shape is {list(found.shape or ())}"

    def is_met(self, number: float) -> bool:
        """Whether a number is on the right side of the bound."""
        raise NotImplementedError

    def is_too_high(self, number: float) -> bool:
        """Whether a number that does not meet the bound is above it."""
        raise NotImplementedError

    def _beyond(self, number: float) -> str:
        """By how much a number is on the wrong side of its bound, or of the nearer of two."""
        bounds = self.bound if isinstance(self.bound, list) else [self.bound]
        try:
            return f"off by {number_text(min(float(abs(number - one)) for one in bounds))}"
        except OverflowError:  # an integer too large for a float
            return ""


class _OneBound(Bound, frozen=True):
    type: ClassVar[Any] = float
    expected: ClassVar[str] = "a number"

    @classmethod
    def fits(cls, bound: Any) -> bool:
        return is_number(bound) and not math.isnan(bound)


class Below(_OneBound, frozen=True):
    """The value is less than this number."""

    name: ClassVar[str] = "below"
    example: ClassVar[str] = "below: 0.55"

    def is_met(self, number: float) -> bool:
        return bool(number < self.bound)

    def is_too_high(self, number: float) -> bool:
        return True


class Above(_OneBound, frozen=True):
    """The value is greater than this number."""

    name: ClassVar[str] = "above"
    example: ClassVar[str] = "above: 0.3"

    def is_met(self, number: float) -> bool:
        return bool(number > self.bound)

    def is_too_high(self, number: float) -> bool:
        return False


class Between(Bound, frozen=True):
    """The value is from the first number to the second, both included."""

    name: ClassVar[str] = "between"
    example: ClassVar[str] = "between: [0.4, 0.6]"
    type: ClassVar[Any] = Annotated[list[float], Meta(min_length=2, max_length=2)]
    expected: ClassVar[str] = "two numbers, the lower one first: `[0.4, 0.6]`"

    @classmethod
    def fits(cls, bound: Any) -> bool:
        return super().fits(bound) and bool(bound[0] <= bound[1])  # with `nan` it is neither

    @property
    def text(self) -> str:
        return f"between {self.bound[0]} and {self.bound[1]}"

    def is_met(self, number: float) -> bool:
        return bool(self.bound[0] <= number <= self.bound[1])

    def is_too_high(self, number: float) -> bool:
        return bool(number > self.bound[1])


BOUNDS: dict[str, type[Bound]] = {kind.name: kind for kind in (Below, Above, Between)}
