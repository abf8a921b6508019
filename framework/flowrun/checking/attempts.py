"""What several calls of a step, each with other data assumed, agree on."""

from __future__ import annotations

import dis
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from flowrun.checking.summaries import UNKNOWN
from flowrun.errors import CodeLine
from flowrun.plugins.assumed import AssumedNumbers, Place
from flowrun.plugins.check_mode import Diagnosis, Unknown, Watched

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_RAISES = dis.opmap["RAISE_VARARGS"]


@dataclass(frozen=True)
class Failure:
    """An exception of a step.

    outputs: those that it does not give. option: the option that describes them, if only one.
    place: the line of the step's code, if known. is_own: whether that line itself raises it, not
        code that it calls.
    """

    error: Exception
    diagnosis: Diagnosis
    outputs: tuple[str, ...]
    option: str | None = None
    place: CodeLine | None = None
    is_own: bool = False

    @property
    def is_of_code(self) -> bool:
        """Whether the code is at fault, and not a number: neither `raise` nor a calculation.

        An exception raised by a library counts, and of those raised by Python itself in the step's
        code the ones that follow from types and names.
        """
        if isinstance(self.error, (ArithmeticError, KeyError, StopIteration)):
            return False
        if not self.is_own:
            return True
        is_of_names = isinstance(self.error, (TypeError, AttributeError, NameError))
        return is_of_names and not _is_raised(*_innermost(self.error))

    def refusal(self, numbers: AssumedNumbers) -> tuple[Place, bool] | None:
        """The last decision and its answer, if the same function raises the exception after it."""
        code, instruction = _innermost(self.error)
        if numbers.last is None or numbers.last[0][0] is not code:
            return None
        return numbers.last if _is_raised(code, instruction) else None


@dataclass
class Attempt:
    """The outputs of one call of a step, and its failures."""

    outputs: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def of(self, outputs: tuple[str, ...]) -> Failure | dict[str, Any]:
        """What became of some outputs."""
        for failure in self.failures:
            if not outputs or set(outputs) & set(failure.outputs):
                return failure
        return {name: self.outputs[name] for name in outputs}


def common(
    outputs: tuple[str, ...], attempts: Sequence[Attempt], summary: Callable[[Any], Any]
) -> Failure | dict[str, Any] | None:
    """What all attempts agree on: the failure, or the outputs; None if it depends on the data.

    An output, or a part of it, that differs is Unknown.
    """
    found = [attempt.of(outputs) for attempt in attempts]
    failures = [one for one in found if isinstance(one, Failure)]
    if not failures:
        given = [one for one in found if isinstance(one, dict)]
        return {name: _agreed([one[name] for one in given], summary) for name in outputs}
    first = failures[0]
    is_same = len(failures) == len(found) and all(_is_same(one, first) for one in failures)
    return first if is_same and first.diagnosis.kind == "error" and first.is_of_code else None


def add_watched(watched: Watched, ways: Sequence[Watched]) -> None:
    """Add what the ways of a step did: the most memory and operations, and common warnings."""
    for way in ways:
        for name, size in way.peak.items():
            watched.peak[name] = max(size, watched.peak.get(name, 0))
        watched.operations = max(watched.operations or 0, way.operations or 0)
    watched.live = ways[0].live
    for warning in ways[0].warnings:
        is_common = all(warning in way.warnings for way in ways)
        if is_common and warning not in watched.warnings:
            watched.warnings.append(warning)


def _is_same(one: Failure, other: Failure) -> bool:
    return one.diagnosis == other.diagnosis and one.place == other.place


def _agreed(values: list[Any], summary: Callable[[Any], Any]) -> Any:
    """A value with its parts that differ replaced by Unknown."""
    first = values[0]
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        names = {one.kind if isinstance(one, Unknown) else type(one).__name__ for one in values}
        return Unknown(names.pop() if len(names) == 1 else UNKNOWN)
    if isinstance(first, dict) and all(list(value) == list(first) for value in values):
        return {key: _agreed([value[key] for value in values], summary) for key in first}
    if type(first) in (list, tuple) and all(len(value) == len(first) for value in values):
        return type(first)(_agreed(list(items), summary) for items in zip(*values, strict=True))
    if isinstance(first, _PLAIN):
        is_equal = all(value == first for value in values)
        return first if is_equal else Unknown(type(first).__name__)
    if isinstance(first, (dict, list, tuple)):
        return Unknown(type(first).__name__)
    is_equal = all(summary(value) == summary(first) for value in values)
    return first if is_equal else Unknown(UNKNOWN)


def _innermost(error: Exception) -> tuple[CodeType | None, int]:
    """The code that raised an exception, and the index of its instruction there."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return (None, 0) if traceback is None else (traceback.tb_frame.f_code, traceback.tb_lasti)


def _is_raised(code: CodeType | None, instruction: int) -> bool:
    """Whether the instruction is of a `raise` or an `assert`."""
    return code is not None and code.co_code[instruction] == _RAISES
