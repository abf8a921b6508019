"""The flow of a recipe as data: steps, and the values that go from one to another."""

from __future__ import annotations

from typing import Literal

import msgspec

from flowrun.checking.checked import Checked, CheckedStep
from flowrun.checking.summaries import UNKNOWN
from flowrun.cli.graph.labels import shape_lines
from flowrun.errors import Problem
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.values.codecs import Codecs

Standing = Literal["fails", "unknown", "blocked"]


class FlowStep(msgspec.Struct, frozen=True):
    """A step to be drawn.

    notes: the lines below its id: the step's name and its device, if they are not the default.
    standing: the finding of a check, if there is one.
    message: why it fails or is unknown, in one or more lines.
    """

    id: str
    notes: tuple[str, ...] = ()
    standing: Standing | None = None
    message: str = ""


class FlowEdge(msgspec.Struct, frozen=True):
    """The values that one step gives to another: for each a name and its shape, in lines.

    taker: None if no step takes them: they are results of the recipe.
    is_known: whether a check knows all their shapes; true if no check was requested.
    """

    giver: str
    taker: str | None
    lines: tuple[str, ...]
    is_known: bool = True


class Flow(msgspec.Struct, frozen=True):
    """A recipe's steps in its order, and the values between them in the order they are taken."""

    name: str
    about: str
    steps: tuple[FlowStep, ...]
    edges: tuple[FlowEdge, ...]


def flow_of(plan: Plan, checked: Checked | None = None) -> Flow:
    """The flow of a plan; with a check of it, shapes on the edges, and the steps that fail."""
    found = {} if checked is None else {step.id: step for step in checked.steps}
    words = Codecs({}, plan.recipe.dtype)
    carried: dict[tuple[str, str | None], list[tuple[list[str], bool]]] = {}
    givers: dict[str, str] = {}
    untaken: dict[tuple[str, str], None] = {}

    def carry(giver: str, taker: str | None, name: str) -> None:
        lines, is_known = [name], True
        if checked is not None and giver in found:
            summary = found[giver].outputs.get(name, {"type": UNKNOWN})
            lines = shape_lines(name, summary, words, checked.device)
            is_known = summary["type"] != UNKNOWN
        carried.setdefault((giver, taker), []).append((lines, is_known))

    for step in plan.steps:
        wires = step.wires
        for name in dict.fromkeys([*wires.inputs.values(), *(wires.named or {}).values()]):
            carry(givers[name], step.id, name)
            untaken.pop((givers[name], name), None)
        for name in wires.outputs.values():
            givers[name] = step.id
            untaken[step.id, name] = None
    for giver, name in untaken:
        carry(giver, None, name)
    return Flow(
        plan.recipe.name,
        plan.recipe.about,
        tuple(_flow_step(step, plan, checked, found.get(step.id)) for step in plan.steps),
        tuple(
            FlowEdge(
                giver,
                taker,
                tuple(line for lines, _ in values for line in lines),
                all(is_known for _, is_known in values),
            )
            for (giver, taker), values in carried.items()
        ),
    )


def _flow_step(
    step: PlannedStep, plan: Plan, checked: Checked | None, found: CheckedStep | None
) -> FlowStep:
    notes = [step.step.name] if step.step.name != step.id else []
    if checked is None or found is None:
        if step.device not in (None, plan.recipe.device):
            notes.append(f"on {step.device}")
        return FlowStep(step.id, tuple(notes))
    if found.device != checked.device:
        notes.append(f"on {found.device}")
    of_step = [finding for finding in checked.findings if finding.step == step.id]
    errors = [finding for finding in of_step if finding.severity == "error"]
    shown = errors or [finding for finding in of_step if finding.severity == "unknown"]
    standing: Standing | None = None if found.state == "fits" else found.state
    if errors:  # one that fits may still need more memory than there is
        standing = "fails"
    message = "\n".join(map(_message, shown))
    if standing == "fails":
        notes.append("fails")
        message = message or "fails, as the recipe expects"
    return FlowStep(step.id, tuple(notes), standing, message)


def _message(problem: Problem) -> str:
    """The message of a problem, without the recipe's line."""
    called = None if problem.operation is None else f"called {problem.operation}"
    found = None if problem.found is None else f"found {problem.found}"
    expected = None if problem.expected is None else f"expected {problem.expected}"
    lines = (problem.message, called, found, expected, problem.hint)
    return "\n".join(line for line in lines if line is not None)
