"""Expectations that no run can meet: paths to nothing, wrong shapes, dtypes or devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from flowrun.errors import Problem, nearest
from flowrun.expectations.expectation import Expectation
from flowrun.planning.plan import Plan
from flowrun.plugins.check_mode import CheckMode, Unknown
from flowrun.values.codecs import Codecs
from flowrun.values.paths import ValuePath, follow

_UNKNOWN = Unknown("unknown")


def unmet(
    plan: Plan, known: Mapping[str, Any], values: Codecs, mode: CheckMode
) -> Iterator[Problem]:
    """A problem for each check that no run can meet. known: values of steps that fit."""
    shared: dict[str, Any] = {}
    for expectation in plan.expectations.values:
        if expectation.path.root not in known:
            continue
        if _meets_unknown(expectation.path, known[expectation.path.root], values.opened):
            continue
        try:
            value = follow(expectation.path, known[expectation.path.root], values.opened)
        except LookupError as error:
            yield _nothing_there(expectation, known[expectation.path.root], error)
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


def without_key(plan: Plan, outlines: Mapping[str, Any]) -> Iterator[Problem]:
    """A problem for each expectation of a key that its dict will not have."""
    for expectation in plan.expectations.values:
        path, value = expectation.path, _dicts_of(outlines.get(expectation.path.root))
        if not _meets_unknown(path, value):
            try:
                follow(path, value)
            except LookupError as error:
                yield _nothing_there(expectation, value, error)


def _dicts_of(outline: Any) -> Any:
    """An outline with all but its dicts unknown: of a table's, no index can be looked up."""
    if isinstance(outline, dict):
        return {key: _dicts_of(value) for key, value in outline.items()}
    return _UNKNOWN


def _meets_unknown(path: ValuePath, value: Any, opened: Callable[[Any], Any] | None = None) -> bool:
    """Whether a path leads to or through a value that is known only in a run."""
    for count in range(len(path.parts) + 1):
        try:
            if isinstance(follow(replace(path, parts=path.parts[:count]), value, opened), Unknown):
                return True
        except Exception:  # nothing is there: the whole path is reported
            return False
    return False


def _nothing_there(expectation: Expectation, value: Any, error: LookupError) -> Problem:
    message = f"nothing is there: {str(error).strip(chr(39))}"
    return _problem(expectation, message, _near(expectation.path, value))


def _near(path: ValuePath, value: Any) -> str | None:
    """The question for the nearest key of the dict in which a path ends; None if none is near."""
    for count, part in enumerate(path.parts):
        reached = follow(replace(path, parts=path.parts[:count]), value)
        if isinstance(part, str) and isinstance(reached, dict) and part not in reached:
            start, near = path.text.partition(f".{part}")[0], nearest(part, map(str, reached))
            return None if near is None else f"did you mean `{start}.{near}`?"
    return None


def _problem(expectation: Expectation, message: str, hint: str | None = None) -> Problem:
    text = f"the expectation of `{expectation.path.text}` cannot be met: {message}"
    return Problem(text, expectation.mark, hint=hint)
