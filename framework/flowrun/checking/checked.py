"""The result of a check: the shapes of all values, a forecast of memory, and the problems."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from flowrun.errors import Problem
from flowrun.planning.plan import Plan

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

    def as_dict(self) -> dict[str, Any]:
        """The check for `--json`."""
        return {
            "recipe": self.plan.recipe.name,
            "ok": self.ok,
            "device": self.device,
            "absent": self.absent,
            "steps": [msgspec.to_builtins(step) for step in self.steps],
            "findings": [_as_dict(finding) for finding in self.findings],
            "memory": [msgspec.to_builtins(forecast) for forecast in self.forecasts],
            "operations": self.operations,
        }


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
