"""The rules for steps, and the result of checking a step against them."""

from __future__ import annotations

from typing import Any

import msgspec

from flowrun.errors import CodeLine, Problem
from flowrun.plugins.steps import Step

# The rules of a step that recipes rely on, in the order in which the battery tries them.
RULES = {
    "documented": "it has a docstring, and a description of each option",
    "bounds": "a value outside an option's bounds is refused before the step runs",
    "reads": "the files it reads are seen, or declared",
    "devices": "it runs on every device of the machine",
    "inputs": "it does not change its inputs",
    "outputs": "it returns the outputs it declares",
    "repeatable": "the same seed gives the same bits",
    "kept": "its outputs can be written and read back",
    "shapes": "a check can run it without data, or reports why not",
}


def broken_rule(
    step: Step[..., Any],
    rule: str,
    message: str,
    *,
    found: str | None = None,
    expected: str | None = None,
    hint: str | None = None,
) -> Problem:
    """The problem of a step that breaks a rule."""
    return Problem(
        message, None, found, expected, hint, step=step.name, rule=rule, place=step.place
    )


class Examination(msgspec.Struct):
    """A step checked against the rules.

    place: the first line of its function. findings: the rules that it breaks. unchecked: rules that
    could not be tried, and why. devices: those it was called on.
    """

    step: str
    place: CodeLine
    findings: list[Problem] = []
    unchecked: dict[str, str] = {}
    devices: list[str] = []

    @property
    def ok(self) -> bool:
        """Whether no rule is broken."""
        return not self.findings

    @property
    def held(self) -> list[str]:
        """The rules that were tried and hold."""
        broken = {finding.rule for finding in self.findings}
        return [rule for rule in RULES if rule not in broken and rule not in self.unchecked]

    def as_dict(self) -> dict[str, Any]:
        """The examination for `--json`."""
        return {
            "ok": self.ok,
            "step": self.step,
            "place": str(self.place),
            "findings": [_as_dict(finding) for finding in self.findings],
            "unchecked": self.unchecked,
            "devices": self.devices,
            "held": self.held,
        }

    def __str__(self) -> str:
        """The broken rules, and those that could not be tried."""
        lines = [str(finding) for finding in self.findings]
        lines += [f"not tried: {rule}: {why}" for rule, why in self.unchecked.items()]
        lines.append(f"held: {', '.join(self.held) or 'none'}")
        return "\n".join(lines)


class BrokenRulesError(AssertionError):
    """A step that breaks rules; its text lists all of them. examination: the complete result."""

    def __init__(self, examination: Examination) -> None:
        self.examination = examination
        count = len(examination.findings)
        what = "1 rule finding" if count == 1 else f"{count} rule findings"
        super().__init__(f"{what} for the step `{examination.step}`\n{examination}")


def _as_dict(finding: Problem) -> dict[str, Any]:
    """A broken rule for `--json`."""
    return {
        "rule": finding.rule,
        "step": finding.step,
        "place": str(finding.place),
        "message": finding.message,
        "found": finding.found,
        "expected": finding.expected,
        "hint": None if finding.hint is None else str(finding.hint),
    }
