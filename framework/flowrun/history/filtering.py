"""Conditions on runs, as `--where` takes them: `metrics.mae<0.5`, `seed=7`, `gd_train.lr>=0.01`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import msgspec

from flowrun.errors import FlowrunError, Mark, Problem, ProblemError, Source
from flowrun.recipes.reading import resolve
from flowrun.values.codecs import is_number
from flowrun.values.paths import ValuePath, parse_path

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_SIGN = re.compile("|".join(SIGNS))
_ORDER = ("<", "<=", ">", ">=")
_PREFIX = "--where "
_EXAMPLE = "a path, one of < <= > >= = !=, and a number or a text: --where 'metrics.mae<0.5'"
_NOT_FINITE = ("inf", "-inf", "nan")  # numbers that a record stores as texts


class Condition(msgspec.Struct, frozen=True):
    """A path to a value of a run, a comparison, and the value to compare with.

    wanted: the latter as YAML reads it: `7` is a number, `cpu` a text. written: its text.
    """

    text: str
    path: ValuePath
    sign: str
    wanted: Any
    written: str

    def holds(self, found: Any) -> bool:
        """Whether the value found at the path meets the condition.

        Raises FlowrunError if it cannot be compared.
        """
        compare = SIGNS[self.sign]
        if isinstance(found, (list, dict)):
            kind = "a list" if isinstance(found, list) else "a mapping"
            inside = f"{self.path.text}[0]" if isinstance(found, list) else f"{self.path.text}.NAME"
            raise self._error(f"`{self.path.text}` is {kind}", "one value", f"for one: `{inside}`")
        if is_number(self.wanted) and found in _NOT_FINITE:
            found = float(found)
        if isinstance(found, str):
            return compare(found, self.written)
        if is_number(found) and is_number(self.wanted):
            return compare(found, self.wanted)
        if self.sign not in _ORDER:
            is_same = type(found) is type(self.wanted) and found == self.wanted
            return is_same == (self.sign != "!=")
        if is_number(found):
            message = f"`{self.path.text}` is a number, {found}"
            raise self._error(message, "a number to compare it with")
        return False

    def _error(self, message: str, expected: str, hint: str | None = None) -> FlowrunError:
        column = len(_PREFIX) + len(self.text) - len(self.written)
        return _error(self.text, column, message, f"`{self.written}`", expected, hint)


def parse_condition(text: str) -> Condition:
    """Read a condition; raises FlowrunError that marks the place of a mistake."""
    start = len(_PREFIX)
    sign = _SIGN.search(text)
    if sign is None:
        hint = "the shell takes < and > for itself: put the condition in quotes"
        end = start + len(text)
        raise _error(text, end, "there is no comparison in it", f"`{text}`", _EXAMPLE, hint)
    before, written = text[: sign.start()].strip(), text[sign.end() :].strip()
    if not before or not written:
        place = start + (sign.end() if before else 0)
        missing = "nothing is compared" if not before else "there is nothing to compare with"
        raise _error(text, place, missing, f"`{text}`", _EXAMPLE)
    try:
        path = parse_path(before)
    except ValueError as error:
        raise _error(text, start, str(error), f"`{before}`", _EXAMPLE) from None
    if len(written) > 1 and written[0] == written[-1] and written[0] in "\"'":
        return Condition(text, path, sign.group(), written[1:-1], written[1:-1])
    if written[0] in "<>=!":
        message = f"`{sign.group()}{written[0]}` is no comparison"
        raise _error(text, start + sign.start(), message, f"`{text}`", _EXAMPLE)
    try:
        return Condition(text, path, sign.group(), resolve(written), written)
    except ValueError as error:
        raise _error(text, start + sign.end(), str(error), None, _EXAMPLE) from None


def unknown_path(condition: Condition, known: list[str]) -> FlowrunError:
    """The error that no run has a value at a condition's path."""
    from flowrun.errors import did_you_mean, listed, nearest

    path, root = condition.path.text, condition.path.root
    ending = [name for name in known if name.endswith(f".{path}")]
    beside = [name.removeprefix(f"{root}.") for name in known if name.startswith(f"{root}.")]
    hint = f"did you mean `{ending[0]}`?" if ending else None
    if beside:  # its beginning is right, and would make any of them seem near
        near = nearest(path.removeprefix(f"{root}."), beside)
        hint = f"did you mean `{root}.{near}`?" if near else None
        known = [f"{root}.{name}" for name in beside]
    elif hint is None:
        hint = did_you_mean(path, known)
    message = f"no run has `{path}`"
    return _error(condition.text, len(_PREFIX), message, None, f"one of: {listed(known)}", hint)


def _error(
    text: str, column: int, message: str, found: str | None, expected: str, hint: str | None = None
) -> FlowrunError:
    mark = Mark(Source("--where", _PREFIX + text), 0, column)
    return ProblemError(Problem(message, mark, found, expected, hint))
