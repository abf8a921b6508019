"""What several calls of a step, each with other data assumed, agree on."""

from __future__ import annotations

import dis
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType
from typing import Any

import msgspec

from flowrun.checking.summaries import UNKNOWN
from flowrun.errors import CodeLine
from flowrun.plugins.assumed import AssumedNumbers, Place
from flowrun.plugins.check_mode import Diagnosis, Unknown, Watched

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_OF_SHAPES = re.compile("unpack|broadcast|shape|dimension")  # messages of Python and NumPy
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
        is_of_shapes = isinstance(self.error, ValueError) and _OF_SHAPES.search(str(self.error))
        return bool(is_of_names or is_of_shapes) and not _is_raised(*_innermost(self.error))

    def refusal(self, numbers: AssumedNumbers) -> tuple[Place, bool] | None:
        """The last decision and its answer, if the same function raises the exception after it."""
        code, instruction = _innermost(self.error)
        if numbers.last is None or numbers.last[0][0] is not code:
            return None
        return numbers.last if _is_raised(code, instruction) else None


@dataclass
class Attempt:
    """The outputs of one call of a step, and its failures.

    has_whole: whether it asked for a whole number that only a run has.
    """

    outputs: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    has_whole: bool = False

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
        kinds = (int, str) if any(one.has_whole for one in attempts) else ()
        merged = _Agreement(summary, kinds)
        return {name: merged.of([one[name] for one in given]) for name in outputs}
    first = failures[0]
    is_same = len(failures) == len(found) and all(_is_same(one, first) for one in failures)
    if not is_same or first.diagnosis.kind != "error" or not first.is_of_code:
        return None
    if any(one.diagnosis.operation != first.diagnosis.operation for one in failures):
        # Some of its sizes are made up.
        return replace(first, diagnosis=msgspec.structs.replace(first.diagnosis, operation=None))
    return first


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
    are = [(found.diagnosis.kind, found.diagnosis.message, found.place) for found in (one, other)]
    return are[0] == are[1]


@dataclass(frozen=True)
class _Agreement:
    """Joins the values of several ways.

    doubtful: types of which equal values may agree by chance.
    """

    summary: Callable[[Any], Any]
    doubtful: tuple[type, ...]

    def of(self, values: list[Any]) -> Any:
        """A value with its parts that differ replaced by Unknown."""
        first = values[0]
        if len({type(value) for value in values}) > 1:
            names = {one.kind if isinstance(one, Unknown) else type(one).__name__ for one in values}
            return Unknown(names.pop() if len(names) == 1 else UNKNOWN)
        if isinstance(first, _PLAIN):
            is_sure = type(first) not in self.doubtful and all(value == first for value in values)
            return first if is_sure else Unknown(type(first).__name__)
        if isinstance(first, dict) and all(list(value) == list(first) for value in values):
            return {key: self.of([value[key] for value in values]) for key in first}
        if type(first) in (list, tuple) and len({len(value) for value in values}) == 1:
            return type(first)(self.of(list(items)) for items in zip(*values, strict=True))
        if isinstance(first, (dict, list, tuple)):
            return Unknown(type(first).__name__)
        is_equal = all(self.summary(value) == self.summary(first) for value in values)
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
