"""The printed result of a check: the flow of shapes, the forecast, and the findings."""

from __future__ import annotations

import click

from flowrun.checking.checked import Checked, CheckedStep
from flowrun.values.codecs import Codecs
from flowrun.values.sizes import operations_text, size_text

_NAME_WIDTH = 14
_INDENT = " " * (_NAME_WIDTH + 2)


def flow_text(checked: Checked) -> str:
    """The steps with their inputs and outputs, one after the other, and the forecast."""
    recipe = checked.plan.recipe
    about = f": {recipe.about}" if recipe.about else ""
    lines = [click.style(recipe.name, bold=True) + about]
    values = Codecs({}, recipe.dtype)
    for step in checked.steps:
        lines += _step_lines(step, values)
    if checked.absent:
        absent = ", ".join(checked.absent)
        lines.append(f"  not in this machine, and checked all the same: {absent}")
    lines.append(_end(checked))
    return "\n".join(lines)


def _step_lines(step: CheckedStep, values: Codecs) -> list[str]:
    takes = ", ".join(f"{name} {values.text(found)}" for name, found in step.inputs.items())
    gives = ", ".join(f"{name} {values.text(found)}" for name, found in step.outputs.items())
    lines = [line for line in (takes and f"takes {takes}", _given(step, gives)) if line]
    lines = lines or ["takes nothing, gives nothing"]
    first = f"  {step.id:<{_NAME_WIDTH}}{lines[0]}"
    return [first, *(f"{_INDENT}{line}" for line in lines[1:])]


def _given(step: CheckedStep, gives: str) -> str:
    if step.state == "fails":
        return click.style("fails", fg="red")
    if step.state == "blocked":
        return click.style("not checked: it takes a value of a failed step", dim=True)
    if step.state == "unknown":
        return click.style(
            f"gives values unknown before a run: {', '.join(step.outputs)}", dim=True
        )
    return gives and f"gives {gives}"


def _end(checked: Checked) -> str:
    """The last line: how many steps fit, the peak of memory, the operations."""
    fits = sum(step.state == "fits" for step in checked.steps)
    parts = [f"{fits} of {len(checked.steps)} steps fit"]
    parts += [
        f"peak {size_text(forecast.bytes)} on {forecast.device} ({forecast.step})"
        for forecast in checked.forecasts
    ]
    if checked.operations:
        parts.append(operations_text(checked.operations))
    return click.style(f"  {', '.join(parts)}", dim=True)


def finding_text(text: str) -> str:
    """A finding's text, its kind in colour."""
    kind, colon, rest = text.partition(":")
    colour = {"error": "red", "warning": "yellow", "unknown": "cyan"}[kind]
    return click.style(kind, fg=colour) + colon + rest
