"""What is known of a run: while it goes, as listeners see it, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from flowrun.expectations.check import CheckResult
from flowrun.planning.plan import Plan
from flowrun.running.events import Message

Status = Literal["running", "ok", "unmet", "failed", "interrupted", "skipped"]


class StepResult(msgspec.Struct):
    """What is known of one step of a run: filled while it goes.

    key: the step's key in the store, once it is known. kept: the run that made what is used again;
    None where the step was called. digests: content digests of the outputs, by published name.
    states: what the step looked at beside its inputs and options, and how that was.
    made_again: steps whose values had to be made again for this one. restored: how many seconds ago
    the checkpoint was saved from which the step went on. peak_bytes: of memory, where known.
    files_read, files_written: digests by path, once the step is over.
    """

    id: str
    name: str
    line: str
    seed: int
    device: str
    dtype: str
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    texts: dict[str, str] = {}
    digests: dict[str, str | None] = {}
    seconds: float = 0.0
    peak_bytes: int | None = None
    messages: list[Message] = []
    files_read: dict[str, str | None] = {}
    files_written: dict[str, str | None] = {}
    key: str | None = None
    kept: str | None = None
    states: dict[str, str] = {}
    made_again: list[str] = []
    restored: float | None = None


class RunInfo(msgspec.Struct):
    """One execution of a plan, as listeners see it.

    departures: what is said of steps that turned out not to be deterministic. code: the files of
    the code that its steps consist of. metrics: the value `metrics` in plain numbers, as far as
    its summary tells them; known when the run is over. values: then, every named value as the last
    step left it; one that is not at hand is read, or made again, when it is asked for.
    """

    id: str
    plan: Plan
    device: str
    device_about: str
    started: datetime
    steps: list[StepResult] = []
    outcomes: list[CheckResult] = []
    metrics: dict[str, Any] = {}
    values: Mapping[str, Any] = {}
    departures: list[str] = []
    code: list[Path] = []
    status: Status = "running"
    seconds: float = 0.0
    error: str | None = None
    folder: Path | None = None
    record: dict[str, Any] = {}

    @property
    def warnings(self) -> list[str]:
        """Every warning of every step, in order, then of steps that are not deterministic."""
        said = [
            message.text for step in self.steps for message in step.messages if message.is_warning
        ]
        return said + self.departures


class Result(msgspec.Struct, frozen=True):
    """What a run gives: the final values by name, the metrics, and the record.

    values: every named value as the last step left it; one that was kept is read, or made again,
        when it is asked for.
    metrics: the value `metrics`, as plain numbers; empty where the recipe makes none.
    record: what `run.json` holds.
    ok: whether every expectation is met, or the recipe was skipped for what it needs.
    """

    values: Mapping[str, Any]
    metrics: dict[str, Any]
    record: dict[str, Any]
    ok: bool

    def __repr__(self) -> str:
        return f"Result(metrics={self.metrics}, ok={self.ok})"
