"""What a test that fails says: where it stands, what was found, what was wanted, how to see it."""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.errors import Mark, Problem
from flowrun.expectations.check import CheckResult
from flowrun.planning.plan import Plan

_WIDTH = 12  # of the words before what they say


class RecipeFailure(Exception):  # noqa: N818  (an expectation that is not met is no error)
    """A test of a recipe that fails; its text is all that is shown.

    code: the exit code of the command that does the same.
    """

    def __init__(self, text: str, code: int) -> None:
        self.code = code
        super().__init__(text)


def unmet_text(mark: Mark, plan: Plan, outcomes: Iterable[CheckResult], command: str) -> str:
    """The expectations of one value that are not met."""
    unmet = list(outcomes)
    path = unmet[0].path
    root = path.partition(".")[0].partition("[")[0]
    lines = [str(Problem(f"`{path}` is not what is expected", mark))]
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
    """One thing that is said of a failure; further lines of it stand below its first."""
    return f"    {what:<{_WIDTH}}{text}".replace("\n", "\n" + " " * (_WIDTH + 4))
