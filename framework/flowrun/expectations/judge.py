"""A run's values held against what the recipe expects of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from flowrun.errors import StepError
from flowrun.expectations.expectation import (
    CHECKS,
    SETTINGS,
    Expectation,
    ExpectedError,
)
from flowrun.expectations.golden.comparing import Golden
from flowrun.expectations.golden.options import GOLDEN
from flowrun.values.codecs import Codecs, number_text
from flowrun.values.paths import follow

_SHOWN = 60  # characters of a found or wanted value that a line shows


class CheckResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """An expectation after a run: what was found, what was wanted, whether it is met.

    difference: where values were compared, the largest difference and where it lies.
    """

    path: str
    wanted: str
    found: str
    met: bool
    difference: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The outcome for a record."""
        fields = {"path": self.path, "wanted": self.wanted, "found": self.found, "met": self.met}
        return fields | ({"difference": self.difference} if self.difference else {})


def judge(
    expectation: Expectation, named: Mapping[str, Any], values: Codecs, golden: Golden
) -> list[CheckResult]:
    """The result of each check of an expectation of a value. named: the values of the run."""
    checks = [check for check in expectation.checks if check in CHECKS]
    return [_judged(expectation, check, named, values, golden) for check in checks]


def _judged(
    expectation: Expectation,
    check: str,
    named: Mapping[str, Any],
    values: Codecs,
    golden: Golden,
) -> CheckResult:
    bound = expectation.checks[check]
    found, missing = _found(expectation, named)
    if missing is not None:
        return CheckResult(expectation.path.text, _wanted(check, bound), missing, met=False)
    if check == GOLDEN:
        path, told = expectation.path.text, values.text(values.summary(found))
        difference = golden.difference(path, found, bound)
        return CheckResult(path, _wanted(check, bound), told, difference is None, difference or "")
    return _judge_value(expectation, check, bound, found, values)


def judge_error(wanted: ExpectedError, failure: StepError | None) -> CheckResult:
    """The result of the expectation that a step fails."""
    found = "no step failed"
    met = False
    if failure is not None:
        found = f"`{failure.step}` failed: {_short(failure.message.partition(chr(10))[0])}"
        met = failure.step == wanted.step and bool(re.search(wanted.matches, failure.message))
    return CheckResult("error", wanted.text, found, met)


def _found(expectation: Expectation, named: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The value an expectation speaks of, or why there is none."""
    path = expectation.path
    if path.root not in named:
        return None, f"`{path.root}` was not made: the run ended before"
    try:
        return follow(path, named[path.root]), None
    except LookupError as error:
        return None, str(error).strip("'")


def _judge_value(
    expectation: Expectation, check: str, bound: Any, value: Any, values: Codecs
) -> CheckResult:
    path, wanted = expectation.path.text, _wanted(check, bound)
    if check in ("shape", "dtype", "device"):
        found = values.summary(value).get(check)
        return CheckResult(path, wanted, _plain_text(found), is_as_named(check, found, bound))
    found = values.plain(value)
    if check == "equals":
        rtol, atol = (expectation.checks.get(name) for name in SETTINGS)
        difference = values.difference(value, bound, rtol, atol)
        return CheckResult(path, wanted, _plain_text(found), difference is None, difference or "")
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return judge_number(path, check, bound, found)
    return CheckResult(path, wanted, f"{type(found).__name__}, not a number", met=False)


def judge_number(path: str, check: str, bound: Any, found: float, of: str = "") -> CheckResult:
    """A number held against `below`, `above` or `between`; of: what it is, for a message."""
    met = _BOUNDS[check](found, bound)
    wanted = f"{of}{_wanted(check, bound)}"
    return CheckResult(path, wanted, number_text(found), met, "" if met else _beyond(found, bound))


_BOUNDS: dict[str, Callable[[float, Any], bool]] = {
    "below": lambda found, bound: found < bound,
    "above": lambda found, bound: found > bound,
    "between": lambda found, bound: bound[0] <= found <= bound[1],
}


def _beyond(found: float, bound: float | list[float]) -> str:
    """By how much a number is on the wrong side of its bound, or of the nearer of two."""
    bounds = bound if isinstance(bound, list) else [bound]
    try:
        return f"off by {number_text(min(float(abs(found - one)) for one in bounds))}"
    except OverflowError:  # a whole number that no float holds
        return ""


def is_as_named(check: str, found: Any, wanted: Any) -> bool:
    """Whether a shape, dtype or device is the wanted one; `cuda` stands for any `cuda:N`."""
    if check == "shape":
        return found is not None and list(found) == wanted
    return found == wanted or (check == "device" and str(found).partition(":")[0] == wanted)


def _wanted(check: str, bound: Any) -> str:
    if check == "between":
        return f"between {bound[0]} and {bound[1]}"
    if check == GOLDEN:
        return f"{check}{_tolerances_text(bound)}"
    return f"{check} {_short(str(bound))}"


def _tolerances_text(options: Mapping[str, Any], kind: str = "") -> str:
    """How near to a golden value is near enough: `, rtol 0.001, cuda rtol 0.01`."""
    texts = []
    for name, value in options.items():
        if isinstance(value, dict):
            texts.append(_tolerances_text(value, f"{name} "))
        else:
            texts.append(f", {kind}{name} {value}")
    return "".join(texts)


def _plain_text(value: Any) -> str:
    """A number, a list of numbers or a shape as a line shows it."""
    if isinstance(value, (list, tuple)):
        return _short(f"[{', '.join(map(_plain_text, value))}]")
    return _short(number_text(value))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
