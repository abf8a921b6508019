"""Expectations held against shapes: paths that lead nowhere, and wrong shapes, dtypes, devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from flowrun.checking.checked import Finding
from flowrun.errors import Problem
from flowrun.expectations.expectation import Expectation
from flowrun.expectations.judge import is_as_named
from flowrun.planning.plan import Plan
from flowrun.plugins.check_mode import CheckMode, Unknown
from flowrun.values.codecs import Codecs
from flowrun.values.paths import ValuePath, follow

_KNOWABLE = ("shape", "dtype", "device")
_OF_NUMBERS = ("below", "above", "between")


def unmet(
    plan: Plan, known: Mapping[str, Any], values: Codecs, mode: CheckMode
) -> Iterator[Finding]:
    """What cannot be met, whatever the numbers will be. known: values of steps that fit."""
    for expectation in plan.expectations.values:
        if expectation.path.root not in known:
            continue
        if _meets_unknown(expectation.path, known[expectation.path.root]):
            continue
        try:
            value = follow(expectation.path, known[expectation.path.root])
        except LookupError as error:
            yield _finding(expectation, f"nothing is there: {str(error).strip(chr(39))}")
            continue
        except Exception as error:
            explained = mode.explained(error)
            if explained is not None and explained.kind == "error":
                yield _finding(expectation, f"nothing is there: {explained.message}")
            continue
        yield from _mismatches(expectation, value, values)


def _meets_unknown(path: ValuePath, value: Any) -> bool:
    """Whether a path leads to, or through, a value that only a run can tell."""
    for count in range(len(path.parts) + 1):
        try:
            if isinstance(follow(replace(path, parts=path.parts[:count]), value), Unknown):
                return True
        except Exception:  # it leads nowhere, which is told of the whole path
            return False
    return False


def _mismatches(expectation: Expectation, value: Any, values: Codecs) -> Iterator[Finding]:
    codec = values.codec(value)
    found = None if codec is None else codec.summary(value)
    for check, wanted in expectation.checks.items():
        if check in _KNOWABLE:
            is_found = getattr(found, check, None)
            if not is_as_named(check, is_found, wanted):
                shown = list(is_found) if isinstance(is_found, tuple) else is_found
                yield _finding(expectation, f"its {check} is {shown}, not {wanted}")
        elif check in _OF_NUMBERS and found is not None and found.shape not in (None, ()):
            yield _finding(
                expectation, f"`{check}` is of a number, and its shape is {list(found.shape or ())}"
            )


def _finding(expectation: Expectation, message: str) -> Finding:
    text = f"what is expected of `{expectation.path.text}` cannot be met: {message}"
    return Finding("error", Problem(text, expectation.mark))
