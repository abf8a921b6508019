"""The printed result of a check: the flow of shapes, the forecast, and the findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from flowrun.checking.checked import Checked, CheckedStep
from flowrun.checking.summaries import UNKNOWN
from flowrun.cli.printing import echo
from flowrun.cli.reports import head
from flowrun.errors.amounts import first_texts
from flowrun.errors.escaping import on_one_line
from flowrun.values.codecs import Codecs

_NAME_WIDTH = 14
_INDENT = " " * (_NAME_WIDTH + 2)


def flow_text(checked: Checked) -> str:
    """The steps with their inputs and outputs, one after the other, and the forecast."""
    lines = [head(checked.plan)]
    values = Codecs({}, checked.plan.recipe.dtype)
    for step in checked.steps:
        lines += _step_lines(step, values)
    if checked.absent:
        absent = ", ".join(checked.absent)
        lines.append(f"  not in this machine, and checked all the same: {absent}")
    lines.append(click.style(f"  {checked.text}", dim=True))
    return "\n".join(lines)


def _step_lines(step: CheckedStep, values: Codecs) -> list[str]:
    takes, gives = (_described(found, values) for found in (step.inputs, step.outputs))
    lines = [line for line in (takes and f"takes {takes}", _given(step, gives)) if line]
    lines = lines or ["takes nothing, gives nothing"]
    first = f"  {step.id:<{_NAME_WIDTH}}{lines[0]}"
    return [first, *(f"{_INDENT}{line}" for line in lines[1:])]


def _described(found: Mapping[str, Mapping[str, Any]], values: Codecs) -> str:
    shown = ", ".join(f"{name} {values.text(summary)}" for name, summary in found.items())
    return on_one_line(shown)


def _given(step: CheckedStep, gives: str) -> str:
    if step.state == "fails":
        return click.style("fails", fg="red")
    if step.state == "blocked":
        return click.style("not checked: it takes a value of a failed step", dim=True)
    if all(found["type"] == UNKNOWN for found in step.outputs.values()) and step.outputs:
        return click.style(
            f"gives values unknown before a run: {on_one_line(', '.join(step.outputs))}", dim=True
        )
    return gives and f"gives {gives}"


def show_findings(texts: Iterable[str]) -> None:
    """Print the first 20 findings, and how many more there are."""
    for text in first_texts(map(_finding_text, texts)):
        echo(text, err=True)


def _finding_text(text: str) -> str:
    """A finding's text, its kind in colour."""
    kind, colon, rest = text.partition(":")
    colour = {"error": "red", "warning": "yellow", "unknown": "cyan"}[kind]
    return click.style(kind, fg=colour) + colon + rest
