"""What is known of a run: while it goes, as listeners see it, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from flowrun.context import Message
from flowrun.judging import Outcome
from flowrun.planning import Plan

Status = Literal["running", "ok", "unmet", "failed", "interrupted", "skipped"]


@dataclass(slots=True)
class StepResult:
    """What is known of one step of a run: filled while it goes."""

    id: str
    name: str
    line: str
    seed: int
    device: str
    dtype: str
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    messages: list[Message] = field(default_factory=list)
    files_read: list[Path] = field(default_factory=list)
    files_written: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class RunInfo:
    """One execution of a plan, as listeners see it."""

    id: str
    plan: Plan
    device: str
    device_about: str
    started: datetime
    steps: list[StepResult] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    status: Status = "running"
    seconds: float = 0.0
    error: str | None = None
    folder: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """Every warning of every step, in order."""
        return [
            message.text for step in self.steps for message in step.messages if message.is_warning
        ]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gives: the final values by name, the metrics, and the record.

    values: every named value as the last step left it.
    metrics: the value `metrics`, as plain numbers; empty where the recipe makes none.
    record: what `run.json` holds.
    ok: whether every expectation is met, or the recipe was skipped for what it needs.
    """

    values: dict[str, Any] = field(repr=False)
    metrics: dict[str, Any]
    record: dict[str, Any] = field(repr=False)
    ok: bool
