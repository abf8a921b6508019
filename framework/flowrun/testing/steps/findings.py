"""What the battery of rules finds of a step, and how it is told."""

from __future__ import annotations

from typing import Any

import msgspec

from flowrun.plugins.steps import Step

# What a step promises to the recipes that use it. The battery takes the rules in this order.
RULES = {
    "documented": "it has a docstring, and a description of each option",
    "bounds": "what is outside an option's bounds is refused before the step runs",
    "devices": "it runs on every device that is there",
    "inputs": "it leaves its inputs as they were",
    "outputs": "it gives what it declares",
    "repeatable": "the same seed gives the same bits",
    "kept": "what it gives can be written and read back",
    "shapes": "a check can run it without data, or says why not",
}


class RuleFinding(msgspec.Struct, frozen=True):
    """One way in which a step breaks a rule.

    rule: a key of RULES. place: `file:line` of the step. hint: what to do.
    """

    rule: str
    step: str
    place: str
    message: str
    found: str | None = None
    expected: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """The finding as a test and the command line show it."""
        lines = [f"{self.place}: {self.step} ({self.rule}): {self.message}"]
        for what, text in (("found", self.found), ("expected", self.expected)):
            if text is not None:
                lines.append(f"    {what:<9} {_indented(text)}")
        if self.hint is not None:
            lines.append(f"    {_indented(self.hint)}")
        return "\n".join(lines)


def finding_of(
    step: Step[..., Any],
    rule: str,
    message: str,
    *,
    found: str | None = None,
    expected: str | None = None,
    hint: str | None = None,
) -> RuleFinding:
    """A finding about this step."""
    return RuleFinding(rule, step.name, step.place, message, found, expected, hint)


class Examination(msgspec.Struct):
    """A step held against the rules.

    findings: what breaks one. unchecked: rules that could not be tried, and why. devices: those it
    was called on.
    """

    step: str
    place: str
    findings: list[RuleFinding] = []
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
        return {"ok": self.ok, **msgspec.to_builtins(self), "held": self.held}

    def __str__(self) -> str:
        """All findings, and what could not be tried."""
        lines = [str(finding) for finding in self.findings]
        lines += [f"not tried: {rule}: {why}" for rule, why in self.unchecked.items()]
        lines.append(f"held: {', '.join(self.held) or 'none'}")
        return "\n".join(lines)


class BrokenRulesError(AssertionError):
    """A step that breaks rules; its text lists every finding. examination: the whole of it."""

    def __init__(self, examination: Examination) -> None:
        self.examination = examination
        count = len(examination.findings)
        what = "1 rule finding" if count == 1 else f"{count} rule findings"
        super().__init__(f"{what} for the step `{examination.step}`\n{examination}")


def _indented(text: str) -> str:
    return "\n".join(line if not at else f"    {line}" for at, line in enumerate(text.split("\n")))
