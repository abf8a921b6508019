"""What a check found: the flow of shapes through a recipe, its forecast, and what is wrong."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from flowrun.errors import Problem
from flowrun.planning.plan import Plan

State = Literal["fits", "fails", "unknown", "blocked"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that a check has to say of a step or an expectation.

    kind: `error` where the run would fail; `warning` where it would not, and hardly does what is
        meant; `unknown` where a step's outputs can be known only in a run.
    problem: the recipe's line, the message and the cure.
    place: file and line (from 1) of the operation in the step's code, and its text.
    operation: the function that was called, with its operands. inputs: the step's, in words.
    """

    kind: Literal["error", "warning", "unknown"]
    problem: Problem
    step: str | None = None
    place: tuple[str, int, str] | None = None
    operation: str | None = None
    inputs: dict[str, str] = {}

    @property
    def text(self) -> str:
        """The finding as it is shown: the recipe's line, the code, the shapes, the cure."""
        lines = [f"{self.kind}: {self.problem.without_hint}"]
        if self.place is not None:
            file, line, text = self.place
            lines.append(f"    in        {text}  ({file}:{line})")
        if self.operation is not None:
            lines.append(f"    called    {self.operation}")
        lines += [f"    input     {name} {text}" for name, text in self.inputs.items()]
        if self.problem.hint is not None:
            lines.append(f"    {self.problem.hint}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The finding for `--json`."""
        file, line, text = self.place or (None, None, None)
        return {
            "kind": self.kind,
            "step": self.step,
            **self.problem.as_dict(),
            "code": None if file is None else {"file": file, "line": line, "text": text},
            "operation": self.operation,
            "inputs": self.inputs,
            "text": self.text,
        }


class CheckedStep(msgspec.Struct):
    """One step of a checked recipe.

    state: `fits`; `fails`; `unknown` where it looks at data or takes what is unknown; `blocked`
        where a step that it depends on fails.
    inputs, outputs: summaries by the names of the recipe (type, shape, dtype, device, items), with
        the type `unknown` where nothing is known. givers: the step that gives each input.
    peak: bytes of tensors on each device while it runs. operations: floating-point ones.
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
    """The most memory that tensors take on one device, the step in which, and what there is."""

    device: str
    bytes: int
    step: str
    available: int | None


class Checked(msgspec.Struct):
    """A recipe after its check. absent: devices it is meant for that this machine lacks."""

    plan: Plan
    device: str
    steps: list[CheckedStep] = []
    findings: list[Finding] = []
    forecasts: list[Forecast] = []
    operations: int | None = None
    absent: list[str] = []

    @property
    def errors(self) -> list[Finding]:
        """What the run would fail with."""
        return [finding for finding in self.findings if finding.kind == "error"]

    @property
    def ok(self) -> bool:
        """Whether nothing was found that the run would fail with."""
        return not self.errors

    def as_dict(self) -> dict[str, Any]:
        """The check for `--json`."""
        return {
            "recipe": self.plan.recipe.name,
            "ok": self.ok,
            "device": self.device,
            "absent": self.absent,
            "steps": [msgspec.to_builtins(step) for step in self.steps],
            "findings": [finding.as_dict() for finding in self.findings],
            "memory": [msgspec.to_builtins(forecast) for forecast in self.forecasts],
            "operations": self.operations,
        }
