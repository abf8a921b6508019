"""The text of a failed test: its place, found and wanted value, the command to repeat it."""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.errors import Mark, Problem
from flowrun.errors.escaping import in_lines
from flowrun.expectations.check import CheckResult
from flowrun.planning.plan import Plan
from flowrun.values.paths import parse_path

_WIDTH = 12  # of the labels


class RecipeFailure(Exception):  # noqa: N818  (an expectation that is not met is no error)
    """A test of a recipe that fails; only its text is shown.

    code: the exit code of the command that does the same.
    """

    def __init__(self, text: str, code: int) -> None:
        self.code = code
        super().__init__(text)


def unmet_text(mark: Mark, plan: Plan, outcomes: Iterable[CheckResult], command: str) -> str:
    """The expectations of one value that are not met."""
    unmet = list(outcomes)
    path = unmet[0].path
    root = parse_path(path).root
    lines = [str(Problem(f"`{path}` is not as expected", mark))]
    givers = (step for step in reversed(plan.steps) if root in step.wires.outputs.values())
    giver = next(givers, None)
    if giver is not None:
        lines.append(line("step", f"{giver.id} ({giver.mark})"))
    for outcome in unmet:
        lines += [line("found", outcome.found), line("wanted", outcome.wanted)]
        if outcome.difference:
            lines.append(line("difference", outcome.difference))
    lines.append(line("run again", command))
    return "\n".join(lines)


def line(what: str, text: str) -> str:
    """One labelled part of a failure's text; its further lines are indented below the first."""
    shown = in_lines(text).replace("\n", "\n" + " " * (_WIDTH + 4))
    return f"    {what:<{_WIDTH}}{shown}"
