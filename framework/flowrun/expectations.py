"""`expect:` read from a recipe, and a run's values held against it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowrun import nodes
from flowrun.nodes import Entry, Node, Scalar, Sequence, described
from flowrun.problems import Mark, Problem, did_you_mean, listed
from flowrun.value_paths import ValuePath, follow, parse_path
from flowrun.values import Values, number_text

CHECKS = ("below", "above", "between", "equals")
_SETTINGS = ("rtol", "atol")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One value of the result and the bounds it must keep."""

    path: ValuePath
    checks: dict[str, Any]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Outcome:
    """An expectation after a run: what was found, what was wanted, whether it is met."""

    path: str
    wanted: str
    found: str
    met: bool

    def as_dict(self) -> dict[str, Any]:
        """The outcome for a record."""
        return {"path": self.path, "wanted": self.wanted, "found": self.found, "met": self.met}


def read_expectations(
    entries: Mapping[str, Entry], known: Iterable[str] | None, problems: list[Problem]
) -> tuple[Expectation, ...]:
    """The expectations of a recipe; `known` holds the names of the result's values, if known."""
    names = None if known is None else list(known)
    found = (_read_one(entry, names, problems) for entry in entries.values())
    return tuple(expectation for expectation in found if expectation is not None)


def _read_one(entry: Entry, known: list[str] | None, problems: list[Problem]) -> Expectation | None:
    mark = entry.key.mark
    try:
        path = parse_path(entry.key.text)
    except ValueError as error:
        expected = "a path such as `metrics.mae` or `params.W1[0, 0]`"
        problems.append(Problem(str(error), mark, expected=expected))
        return None
    if known is not None and path.root not in known:
        problems.append(
            Problem(
                f"no step gives `{path.root}`, of which something is expected",
                mark,
                expected=f"a path into one of: {listed(known)}",
                hint=did_you_mean(path.root, known),
            )
        )
        return None
    node = entry.value
    if not isinstance(node, nodes.Mapping):
        hint = f"write `{{equals: {node.text}}}`" if isinstance(node, Scalar) else None
        expected = f"a mapping with {listed(CHECKS)}"
        message = f"what is expected of `{path.text}` is a mapping"
        problems.append(Problem(message, node.mark, described(node), expected, hint))
        return None
    checks = {name: _read_check(name, item, problems) for name, item in node}
    if not checks.keys() & set(CHECKS) and None not in checks.values():
        expected = f"at least one of: {listed(CHECKS)}"
        problems.append(Problem(f"nothing is expected of `{path.text}`", mark, expected=expected))
    if any(value is None for value in checks.values()):
        return None
    return Expectation(path, checks, mark)


def _read_check(name: str, entry: Entry, problems: list[Problem]) -> Any:
    """One check's bound; None (and a problem) where it is not one."""
    node = entry.value
    if name not in (*CHECKS, *_SETTINGS):
        known = (*CHECKS, *_SETTINGS)
        problems.append(
            Problem(
                f"`{name}` is not a check",
                entry.key.mark,
                expected=f"one of: {listed(known)}",
                hint=did_you_mean(name, known),
            )
        )
        return None
    if name == "between":
        bounds = [_number(item) for item in node.items] if isinstance(node, Sequence) else []
        low_high = [bound for bound in bounds if bound is not None]
        if len(bounds) == len(low_high) == 2 and low_high[0] <= low_high[1]:
            return low_high
        expected = "two numbers, the lower one first: `[0.4, 0.6]`"
        problems.append(Problem("`between` does not fit", node.mark, described(node), expected))
        return None
    if name == "equals" and isinstance(node, Scalar) and node.value is not None:
        return node.value
    number = _number(node)
    if number is None or (name in _SETTINGS and number < 0):
        expected = "a number" + (" of at least 0" if name in _SETTINGS else "")
        problems.append(Problem(f"`{name}` does not fit", node.mark, described(node), expected))
        return None
    return number


def _number(node: Node) -> float | None:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value):
        return value
    return None


def judge(
    expectations: Iterable[Expectation], named: Mapping[str, Any], values: Values
) -> list[Outcome]:
    """Each check of each expectation held against the values of a run."""
    outcomes: list[Outcome] = []
    for expectation in expectations:
        settings = {name: expectation.checks.get(name) for name in _SETTINGS}
        for check, bound in expectation.checks.items():
            if check in CHECKS:
                wanted = _wanted(check, bound)
                outcomes.append(
                    _judge_one(expectation.path, check, bound, wanted, settings, named, values)
                )
    return outcomes


def _judge_one(
    path: ValuePath,
    check: str,
    bound: Any,
    wanted: str,
    settings: dict[str, float | None],
    named: Mapping[str, Any],
    values: Values,
) -> Outcome:
    try:
        found = values.plain(follow(path, named[path.root]))
    except LookupError as error:
        return Outcome(path.text, wanted, str(error).strip("'"), met=False)
    if check == "equals":
        met = _equal(found, bound, settings)
    elif isinstance(found, (int, float)) and not isinstance(found, bool):
        met = _BOUNDS[check](found, bound)
    else:
        return Outcome(path.text, wanted, f"{type(found).__name__}, not a number", met=False)
    return Outcome(path.text, wanted, number_text(found), met)


_BOUNDS: dict[str, Callable[[float, Any], bool]] = {
    "below": lambda found, bound: found < bound,
    "above": lambda found, bound: found > bound,
    "between": lambda found, bound: bound[0] <= found <= bound[1],
}


def _equal(found: Any, wanted: Any, settings: dict[str, float | None]) -> bool:
    """Equality; of numbers within `atol + rtol * |wanted|`, both 0 unless given."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if not (isinstance(found, (int, float)) and isinstance(wanted, (int, float))):
        return bool(found == wanted)
    tolerance = (settings["atol"] or 0.0) + (settings["rtol"] or 0.0) * abs(wanted)
    return found == wanted or abs(found - wanted) <= tolerance


def _wanted(check: str, bound: Any) -> str:
    if check == "between":
        return f"between {bound[0]} and {bound[1]}"
    return f"{check} {bound}"
