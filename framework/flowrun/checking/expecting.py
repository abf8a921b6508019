"""Expectations that no run can meet: paths to nothing, wrong shapes, dtypes or devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from flowrun.errors import Problem
from flowrun.expectations.expectation import Expectation
from flowrun.planning.plan import Plan
from flowrun.plugins.check_mode import CheckMode, Unknown
from flowrun.values.codecs import Codecs
from flowrun.values.paths import ValuePath, follow


def unmet(
    plan: Plan, known: Mapping[str, Any], values: Codecs, mode: CheckMode
) -> Iterator[Problem]:
    """A problem for each check that no run can meet. known: values of steps that fit."""
    shared: dict[str, Any] = {}
    for expectation in plan.expectations.values:
        if expectation.path.root not in known:
            continue
        if _meets_unknown(expectation.path, known[expectation.path.root]):
            continue
        try:
            value = follow(expectation.path, known[expectation.path.root])
        except LookupError as error:
            yield _problem(expectation, f"nothing is there: {str(error).strip(chr(39))}")
            continue
        except Exception as error:
            diagnosis = mode.diagnose(error)
            if diagnosis is not None and diagnosis.kind == "error":
                yield _problem(expectation, f"nothing is there: {diagnosis.message}")
            continue
        codec = values.codec(value)
        found = None if codec is None else codec.summary(value)
        for check in expectation.checks.values():
            message = check.on_shapes(expectation.path.text, found, shared)
            if message is not None:
                yield _problem(expectation, message)


def _meets_unknown(path: ValuePath, value: Any) -> bool:
    """Whether a path leads to or through a value that is known only in a run."""
    for count in range(len(path.parts) + 1):
        try:
            if isinstance(follow(replace(path, parts=path.parts[:count]), value), Unknown):
                return True
        except Exception:  # nothing is there: the whole path is reported
            return False
    return False


def _problem(expectation: Expectation, message: str) -> Problem:
    text = f"the expectation of `{expectation.path.text}` cannot be met: {message}"
    return Problem(text, expectation.mark)
