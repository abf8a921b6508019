"""The result of a check: the shapes of all values, a forecast of memory, and the problems."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import msgspec

from flowrun.errors import Problem
from flowrun.planning.plan import Plan
from flowrun.recipes.part import part_lines
from flowrun.values.codecs import Codecs
from flowrun.values.sizes import operations_text, size_text

State = Literal["fits", "fails", "unknown", "blocked"]


class CheckedStep(msgspec.Struct):
    """One step of a checked recipe.

    state: `fits`; `fails`; `unknown` if it looks at data or takes an unknown value; `blocked` if a
        step that it depends on fails.
    inputs, outputs: summaries by the names of the recipe (type, shape, dtype, device, items); the
        type is `unknown` if nothing is known. givers: the step that gives each input.
    peak: bytes of tensors on each device while it runs. operations: floating-point operations.
    """

    id: str
    name: str
    line: str
    device: str
    state: State = "fits"
    inputs: dict[str, dict[str, Any]] = {}
    givers: dict[str, str] = {}
    outputs: dict[str, dict[str, Any]] = {}
    peak: dict[str, int] = {}
    operations: int | None = None


class Forecast(msgspec.Struct, frozen=True):
    """The most memory that tensors take on one device, in which step, and how much is available."""

    device: str
    bytes: int
    step: str
    available: int | None


class Checked(msgspec.Struct):
    """A recipe after its check. absent: devices that it needs and this machine lacks."""

    plan: Plan
    device: str
    steps: list[CheckedStep] = []
    findings: list[Problem] = []
    forecasts: list[Forecast] = []
    operations: int | None = None
    absent: list[str] = []

    @property
    def errors(self) -> list[Problem]:
        """The problems that would make the run fail."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return not self.errors

    @property
    def text(self) -> str:
        """The result in a line: how many steps fit, the peak of memory, the operations."""
        fits = sum(step.state == "fits" for step in self.steps)
        parts = [f"{fits} of {len(self.steps)} steps fit"]
        parts += [
            f"peak {size_text(forecast.bytes)} on {forecast.device} ({forecast.step})"
            for forecast in self.forecasts
        ]
        if self.operations:
            parts.append(operations_text(self.operations))
        return ", ".join(parts)

    def __repr__(self) -> str:
        kinds = Counter(finding.severity for finding in self.findings)
        found = "".join(f", {kind}: {count}" for kind, count in kinds.items())
        return f"Checked({self.plan.recipe.name}: {self.text}{found})"

    def _repr_html_(self) -> str:
        from flowrun.values.views import Line, Part, View  # only a notebook needs it

        recipe = self.plan.recipe
        values = Codecs({}, recipe.dtype)
        steps = part_lines(self.plan.part)
        steps += [
            Line(step.id, _flow(step, values), step.state, stands_out=step.state == "fails")
            for step in self.steps
        ]
        found = [Line(one.severity, below=(str(one),)) for one in self.findings]
        if self.absent:
            absent = f"{', '.join(self.absent)}: not in this machine, and checked all the same"
            found.append(Line("device", absent))
        return View(recipe.name, recipe.about, [Part(steps), Part(found)], self.text).html()

    def as_dict(self) -> dict[str, Any]:
        """The check for `--json`."""
        return {
            "recipe": self.plan.recipe.name,
            "ok": self.ok,
            "part": None if self.plan.part is None else msgspec.to_builtins(self.plan.part),
            "device": self.device,
            "absent": self.absent,
            "steps": [msgspec.to_builtins(step) for step in self.steps],
            "findings": [_as_dict(finding) for finding in self.findings],
            "memory": [msgspec.to_builtins(forecast) for forecast in self.forecasts],
            "operations": self.operations,
        }


def _flow(step: CheckedStep, values: Codecs) -> str:
    """The shapes that a step takes and gives, in a line."""
    takes, gives = (
        ", ".join(f"{name} {values.text(found)}" for name, found in side.items())
        for side in (step.inputs, step.outputs)
    )
    return " ".join(text for text in (takes, f"→ {gives}" if gives else "") if text)


def _as_dict(finding: Problem) -> dict[str, Any]:
    """A problem for the check's `--json`."""
    return {
        "kind": finding.severity,
        "step": finding.step,
        **finding.as_dict(),
        "code": None if finding.place is None else msgspec.to_builtins(finding.place),
        "operation": finding.operation,
        "inputs": finding.inputs,
        "text": f"{finding.severity}: {finding}",
    }
