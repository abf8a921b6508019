"""`expect:` read from a recipe: of which values what is expected, or which step must fail."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from flowrun.errors import Mark, Problem, did_you_mean, listed
from flowrun.expectations.golden.options import GOLDEN, is_number, read_golden
from flowrun.expectations.seed_statistics import MOST_SEEDS, SEEDS, STATISTICS, OverSeeds
from flowrun.recipes import nodes
from flowrun.recipes.nodes import Entry, Node, Scalar, Sequence, described, plain
from flowrun.values.paths import ValuePath, parse_path

CHECKS = ("below", "above", "between", "equals", "shape", "dtype", "device", "golden")
BOUNDS = ("below", "above", "between")
SETTINGS = ("rtol", "atol")
_ERROR = "error"
_ERROR_KEYS = ("step", "matches")


class Expectation(msgspec.Struct, frozen=True):
    """One value of the result and the checks it must pass, in one run and over many seeds."""

    path: ValuePath
    checks: dict[str, Any]
    mark: Mark
    over_seeds: OverSeeds | None = None


class ExpectedError(msgspec.Struct, frozen=True):
    """A step that must fail, with a message in which the pattern is found."""

    step: str
    matches: str
    mark: Mark

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return f"`{self.step}` fails with a message that matches `{self.matches}`"


class Expectations(msgspec.Struct, frozen=True):
    """All that a recipe expects."""

    values: tuple[Expectation, ...] = ()
    error: ExpectedError | None = None

    def __len__(self) -> int:
        return len(self.values) + (self.error is not None)


def read_expectations(
    entries: Mapping[str, Entry],
    known: Iterable[str] | None,
    step_ids: Iterable[str],
    problems: list[Problem],
) -> Expectations:
    """The expectations of a recipe; `known` holds the names of the result's values, if known."""
    names = None if known is None else dict.fromkeys(known)
    values, error = [], None
    for key, entry in entries.items():
        if key == _ERROR and _is_of_an_error(entry.value):
            error = _read_error(entry, list(step_ids), problems)
            continue
        expectation = _read_value(entry, names, problems)
        if expectation is not None:
            values.append(expectation)
    return Expectations(tuple(values), error)


def _is_of_an_error(node: Node) -> bool:
    """Whether `error:` speaks of a failing step, and not of a value of that name."""
    return isinstance(node, nodes.Mapping) and bool(node.entries.keys() & set(_ERROR_KEYS))


def _read_error(entry: Entry, step_ids: list[str], problems: list[Problem]) -> ExpectedError | None:
    texts: dict[str, str] = {}
    assert isinstance(entry.value, nodes.Mapping)
    for key, item in entry.value:
        value = item.value.value if isinstance(item.value, Scalar) else None
        if key not in _ERROR_KEYS:
            hint = did_you_mean(key, _ERROR_KEYS)
            expected = f"{listed(_ERROR_KEYS)}"
            problems.append(Problem(f"`{key}` is not a check", item.key.mark, None, expected, hint))
        elif not isinstance(value, str):
            problems.append(
                Problem(f"`{key}` does not fit", item.value.mark, described(item.value), "a string")
            )
        else:
            texts[key] = value
    step, matches = texts.get("step"), texts.get("matches", "")
    if step is None:
        if "step" not in entry.value.entries:
            problems.append(Problem("`error` needs the `step` that must fail", entry.key.mark))
        return None
    node = entry.value.entries["step"].value
    if step not in step_ids:
        problems.append(
            Problem(
                f"there is no step `{step}` to fail",
                node.mark,
                expected=f"the id of a step: {listed(step_ids)}",
                hint=did_you_mean(step, step_ids),
            )
        )
    try:
        re.compile(matches)
    except re.error as error:
        mark = entry.value.entries["matches"].value.mark
        problems.append(Problem(f"`matches` is no regular expression: {error}", mark))
    return ExpectedError(step, matches, entry.key.mark)


def _read_value(
    entry: Entry, known: Collection[str] | None, problems: list[Problem]
) -> Expectation | None:
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
    if isinstance(node, Scalar) and node.value == GOLDEN:
        return Expectation(path, {GOLDEN: {}}, mark)
    if not isinstance(node, nodes.Mapping):
        hint = f"write `{{equals: {node.text}}}`" if isinstance(node, Scalar) else None
        expected = f"`golden`, or a mapping with {listed(CHECKS)}"
        message = f"what is expected of `{path.text}` is a mapping"
        problems.append(Problem(message, node.mark, described(node), expected, hint))
        return None
    count = len(problems)
    over_seeds = _read_over_seeds(node, problems)
    own = [(name, item) for name, item in node if name != SEEDS and name not in STATISTICS]
    checks = {name: _read_check(name, item, problems) for name, item in own}
    if len(problems) == count and over_seeds is None and not checks.keys() & set(CHECKS):
        expected = f"at least one of: {listed(CHECKS)}"
        problems.append(Problem(f"nothing is expected of `{path.text}`", mark, expected=expected))
    return Expectation(path, checks, mark, over_seeds) if len(problems) == count else None


def _read_over_seeds(node: nodes.Mapping, problems: list[Problem]) -> OverSeeds | None:
    """The number of seeds, and the bounds of each statistic over them."""
    given = {name: item for name, item in node if name in STATISTICS}
    if SEEDS not in node.entries:
        for item in given.values():
            message = f"`{item.key.text}` is of many seeds, and none are asked for"
            problems.append(Problem(message, item.key.mark, hint="add for example `seeds: 20`"))
        return None
    entry = node.entries[SEEDS]
    count = plain(entry.value)
    if type(count) is not int or not 2 <= count <= MOST_SEEDS:
        expected, found = f"a whole number from 2 to {MOST_SEEDS}", described(entry.value)
        problems.append(Problem("`seeds` does not fit", entry.value.mark, found, expected))
        return None
    if not given:
        expected = f"at least one of: {listed(STATISTICS)}"
        message = "nothing is expected over these seeds"
        problems.append(Problem(message, entry.key.mark, expected=expected))
    return OverSeeds(
        count, {name: _read_bounds(name, item.value, problems) for name, item in given.items()}
    )


def _read_bounds(name: str, node: Node, problems: list[Problem]) -> dict[str, Any]:
    """The bounds of one statistic."""
    if not isinstance(node, nodes.Mapping) or not node.entries:
        expected = f"a mapping with {listed(BOUNDS)}: `{{below: 0.55}}`"
        problems.append(Problem(f"`{name}` does not fit", node.mark, described(node), expected))
        return {}
    return {check: _read_check(check, item, problems, BOUNDS) for check, item in node}


def _read_check(
    name: str,
    entry: Entry,
    problems: list[Problem],
    known: tuple[str, ...] = (*CHECKS, *SETTINGS),
) -> Any:
    """One check's bound, or None and a problem where it is not one."""
    node = entry.value
    if name == GOLDEN and name in known:
        return read_golden(node, problems)
    value = plain(node)
    if name not in known:
        words = known if known == BOUNDS else (*known, SEEDS, *STATISTICS)
        allowed, hint = f"one of: {listed(words, limit=len(words))}", did_you_mean(name, words)
        problems.append(
            Problem(f"`{name}` is not a check", entry.key.mark, expected=allowed, hint=hint)
        )
        return None
    expected = _unfit(name, node, value)
    if expected is not None:
        problems.append(Problem(f"`{name}` does not fit", node.mark, described(node), expected))
        return None
    return value


def _unfit(name: str, node: Node, value: Any) -> str | None:
    """What a check expects, where its bound is not that; None where it fits."""
    if name == "equals":
        is_mapping = isinstance(node, nodes.Mapping)
        return "a number, a text, true, false, null, or a nested list" if is_mapping else None
    if name == "between":
        numbers = isinstance(node, Sequence) and [is_number(item) for item in value]
        fits = numbers == [True, True] and value[0] <= value[1]
        return None if fits else "two numbers, the lower one first: `[0.4, 0.6]`"
    if name == "shape":
        fits = isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)
        return None if fits else "a list of whole numbers: `[1000, 11]`"
    if name in ("dtype", "device"):
        return None if isinstance(value, str) else "a name: `float32`, `cpu`"
    fits = is_number(value) and (name not in SETTINGS or value >= 0)
    return None if fits else "a number" + (" of at least 0" if name in SETTINGS else "")
