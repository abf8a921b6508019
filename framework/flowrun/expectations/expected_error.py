"""`error` of `expect`: the step that must fail, and the text of its message."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flowrun.errors import Mark, Problem, StepError, did_you_mean, listed
from flowrun.expectations.check import CheckResult, short, unknown_check
from flowrun.expectations.patterns import is_found, pattern_error
from flowrun.recipes import reading
from flowrun.recipes.keys import misfit
from flowrun.recipes.reading import Entry, Node, Scalar

ERROR = "error"
ERROR_KEYS = {
    "step": "The id of the step that must fail.",
    "matches": "A regular expression, as RE2 has them, that is searched for in its message.",
}


class ExpectedError(msgspec.Struct, frozen=True):
    """A step that must fail, with a message in which the pattern is found."""

    step: str
    matches: str
    mark: Mark

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return f"`{self.step}` fails with a message that matches `{self.matches}`"

    def judge(self, failure: StepError | None) -> CheckResult:
        """The result for the failure of a run; None for a run in which no step failed."""
        if failure is None:
            return CheckResult(ERROR, self.text, "no step failed", met=False)
        found = f"`{failure.step}` failed: {short(failure.message.partition(chr(10))[0])}"
        met = failure.step == self.step and is_found(self.matches, failure.message)
        return CheckResult(ERROR, self.text, found, met)


def is_of_an_error(node: Node) -> bool:
    """Whether `error:` describes a failing step, and not a value of that name."""
    return isinstance(node, reading.Mapping) and bool(node.entries.keys() & ERROR_KEYS.keys())


def read_error(
    entry: Entry, step_ids: Sequence[str], problems: list[Problem]
) -> ExpectedError | None:
    """The expected error that a mapping gives; None (and problems) if it names no step."""
    assert isinstance(entry.value, reading.Mapping)
    given = entry.value.entries
    texts: dict[str, str] = {}
    for key, item in given.items():
        value = item.value.value if isinstance(item.value, Scalar) else None
        if key not in ERROR_KEYS:
            problems.append(unknown_check(key, item, ERROR_KEYS))
        elif not isinstance(value, str):
            problems.append(misfit(key, item.value, "a string"))
        else:
            texts[key] = value
    if "step" not in given:
        problems.append(Problem("`error` needs the `step` that must fail", entry.key.mark))
    if "step" not in texts:
        return None
    error = ExpectedError(texts["step"], texts.get("matches", ""), entry.key.mark)
    if error.step not in step_ids:
        expected = f"the id of a step: {listed(step_ids)}"
        hint = did_you_mean(error.step, step_ids)
        message = f"there is no step `{error.step}` to fail"
        problems.append(Problem(message, given["step"].value.mark, None, expected, hint))
    if error.matches and (wrong := pattern_error(error.matches)):
        mark = given["matches"].value.mark
        hint = "the syntax is that of RE2: github.com/google/re2/wiki/Syntax"
        message = f"`matches` is not a regular expression: {wrong}"
        problems.append(Problem(message, mark, hint=hint))
    return error
