"""`expect:` read from a recipe: the checks of each value, or the step that must fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from flowrun.errors import Mark, Problem, did_you_mean, listed
from flowrun.expectations.check import Check, CheckResult, JudgeContext, unknown_check
from flowrun.expectations.checks import CHECKS
from flowrun.expectations.checks.seeds import Seeds
from flowrun.expectations.expected_error import ERROR, ExpectedError, is_of_an_error, read_error
from flowrun.recipes import reading
from flowrun.recipes.reading import Entry, Scalar
from flowrun.values.paths import ValuePath, follow, parse_path

SETTINGS = {name: check for check in CHECKS.values() for name in check.settings}
_BARE = [name for name, check in CHECKS.items() if check.is_bare]


class Expectation(msgspec.Struct, frozen=True):
    """One value of the result and the checks it must pass, by their names."""

    path: ValuePath
    checks: dict[str, Check]
    mark: Mark

    @property
    def of_one_run(self) -> list[Check]:
        """The checks that one run is enough to judge."""
        return [check for check in self.checks.values() if check.is_of_one_run]

    def judge(self, named: Mapping[str, Any], context: JudgeContext) -> list[CheckResult]:
        """The result of each check `of_one_run`. named: the values of the run by their names."""
        return [self._judge(check, named, context) for check in self.of_one_run]

    def _judge(self, check: Check, named: Mapping[str, Any], context: JudgeContext) -> CheckResult:
        path = self.path
        if path.root not in named:
            why = f"`{path.root}` was not made: the run ended before"
            return check.result(path.text, why, met=False)
        try:
            value = follow(path, named[path.root], context.codecs.opened)
        except LookupError as error:
            return check.result(path.text, str(error).strip("'"), met=False)
        return check.judge(path.text, value, context)

    @property
    def over_seeds(self) -> Seeds | None:
        """What is expected over many seeds."""
        found = self.checks.get(Seeds.name)
        return found if isinstance(found, Seeds) else None


class Expectations(msgspec.Struct, frozen=True):
    """All that a recipe expects."""

    values: tuple[Expectation, ...] = ()
    error: ExpectedError | None = None

    def __len__(self) -> int:
        return len(self.values) + (self.error is not None)

    @property
    def texts(self) -> list[str]:
        """The keys under which they stand in the recipe's `expect`."""
        paths = [one.path.text for one in self.values]
        return paths if self.error is None else [*paths, ERROR]


def read_expectations(
    entries: Mapping[str, Entry],
    known: Iterable[str] | None,
    step_ids: Iterable[str],
    problems: list[Problem],
    parts: Mapping[str, str] = {},
) -> Expectations:
    """The expectations of a recipe.

    known: the names of the result's values, if all are known. parts: names inside of them that a
    value may have, and the paths to these.
    """
    names = None if known is None else list(dict.fromkeys(known))
    values, error = [], None
    for key, entry in entries.items():
        if key == ERROR and is_of_an_error(entry.value):
            error = read_error(entry, list(step_ids), problems)
        elif (expectation := _read_value(entry, names, problems, parts)) is not None:
            values.append(expectation)
    return Expectations(tuple(values), error)


def _read_value(
    entry: Entry, known: list[str] | None, problems: list[Problem], parts: Mapping[str, str]
) -> Expectation | None:
    path = _read_path(entry.key, known, problems, parts)
    if path is None:
        return None
    node, count = entry.value, len(problems)
    if isinstance(node, reading.Mapping):
        checks = _read_checks(path, entry, node.entries, problems)
    elif isinstance(node, Scalar) and node.value in _BARE:
        name = str(node.value)
        checks = {name: CHECKS[name].read(node, {}, problems)}
    else:
        hint = f"write `{{equals: {node.text}}}`" if isinstance(node, Scalar) else None
        expected = f"`{_BARE[0]}`, or a mapping with {listed(CHECKS)}"
        message = f"the expectation of `{path.text}` is a mapping"
        problems.append(Problem(message, node.mark, reading.described(node), expected, hint))
        return None
    fitting = {name: check for name, check in checks.items() if check is not None}
    return Expectation(path, fitting, entry.key.mark) if len(problems) == count else None


def _read_path(
    key: Scalar, known: list[str] | None, problems: list[Problem], parts: Mapping[str, str]
) -> ValuePath | None:
    try:
        path = parse_path(key.text)
    except ValueError as error:
        expected = "a path such as `metrics.mae` or `params.W1[0, 0]`"
        problems.append(Problem(str(error), key.mark, expected=expected))
        return None
    if known is None or path.root in known:
        return path
    message = f"no step gives `{path.root}`, of which something is expected"
    hint = did_you_mean(path.root, known)
    if path.root in parts:
        hint = f"did you mean `{parts[path.root]}`?"
    expected = f"a path into one of: {listed(known)}"
    problems.append(Problem(message, key.mark, expected=expected, hint=hint))
    return None


def _read_checks(
    path: ValuePath, entry: Entry, given: dict[str, Entry], problems: list[Problem]
) -> dict[str, Check | None]:
    """The checks of a mapping; the settings beside them are read by the checks they belong to."""
    for name, item in given.items():
        owner = SETTINGS.get(name)
        if owner is None and name not in CHECKS:
            problems.append(unknown_check(name, item, (*CHECKS, *SETTINGS)))
        elif owner is not None and owner.name not in given:
            message = f"`{name}` belongs to `{owner.name}`, which is not there"
            hint = f"add for example `{owner.example}`"
            problems.append(Problem(message, item.key.mark, hint=hint))
    if not given:
        expected = f"at least one of: {listed(CHECKS)}"
        message = f"nothing is expected of `{path.text}`"
        problems.append(Problem(message, entry.key.mark, expected=expected))
    return {
        name: CHECKS[name].read(item.value, given, problems)
        for name, item in given.items()
        if name in CHECKS
    }
