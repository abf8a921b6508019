"""A run while it goes on, the listeners that hear of it, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import pluggy

from flowrun.errors import contained, error_line
from flowrun.errors.escaping import on_one_line
from flowrun.expectations.check import CheckResult, short
from flowrun.planning.plan import Plan
from flowrun.plugins.observation.states import OBSERVED
from flowrun.running.dependencies import MISSING
from flowrun.running.events import Message, Place
from flowrun.running.record import RunRecord
from flowrun.values.codecs import number_text
from flowrun.values.metrics import flat

_SHOWN_METRICS = 6

Status = Literal["running", "ok", "unmet", "failed", "interrupted", "skipped"]


class StepResult(msgspec.Struct):
    """One step of a run, filled in as it goes on.

    is_done: whether its outputs are known.
    key: the step's key in the store, once it is known. kept: the run whose result is used; None if
    the step was called. digests: content digests of the outputs, by published name. states: things
    that it looked at beside its inputs and options, and their state. made_again: steps whose values
    had to be recomputed for this one. restored: the age in seconds of the checkpoint from which the
    step resumed, and restored_at: how far it had come then. reached: how far it came, if it was
    interrupted, and has_checkpoint: whether the next run can resume it. peak_bytes: of memory, if
    known. files_written: digests by path, at the end of the step. unseen: things it started that
    may have read more than was seen.
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
    files_written: dict[str, str | None] = {}
    unseen: list[str] = []
    is_done: bool = False
    key: str | None = None
    kept: str | None = None
    states: dict[str, str] = {}
    made_again: list[str] = []
    restored: float | None = None
    restored_at: Place | None = None
    reached: Place | None = None
    has_checkpoint: bool = False

    @property
    def files_read(self) -> dict[str, str | None]:
        """The digests of the files it read, by path; None for one that was not there."""
        files = [(what, state) for what, state in self.states.items() if what.startswith("file:")]
        return {what[5:]: None if state == MISSING else state for what, state in files}

    @property
    def looked_at(self) -> dict[str, str]:
        """The states of the other things it looked at: `env:NAME`, `list:PATH`, `stat:PATH`."""
        kinds = OBSERVED - {"file"} | {"tree"}
        found = self.states.items()
        return {what: state for what, state in found if what.partition(":")[0] in kinds}


class RunInfo(msgspec.Struct):
    """One execution of a plan, as listeners see it.

    departures: a warning for each step that is not deterministic. verified, wrong: how many kept
    results were compared with those of calls, and a message for each that differs. code: the files
    of the code that its steps consist of. metrics: the value `metrics` in plain numbers, as far as
    its summary has them; known at the end of the run. values: then, every named value as
    the last step left it; one that is not in memory is read, or recomputed, at its first use.
    record: the content of `run.json`; complete at the end of the run.
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
    verified: int = 0
    wrong: list[str] = []
    code: list[Path] = []
    status: Status = "running"
    seconds: float = 0.0
    error: str | None = None
    folder: Path | None = None
    record: RunRecord | None = None

    @property
    def warnings(self) -> list[str]:
        """Every warning of every step, in order, then of steps that are not deterministic."""
        messages = [message for step in self.steps for message in step.messages]
        texts = [message.text for message in messages if message.is_warning]
        return texts + self.departures + self.wrong


class Result(msgspec.Struct, frozen=True):
    """The result of a run: the final values by name, the metrics, and the record.

    values: every named value as the last step left it; one that is kept in the store is read, or
        recomputed, at its first use.
    metrics: the value `metrics`, as plain numbers; empty if the recipe gives none.
    record: the content of `run.json`, as plain values.
    ok: whether every expectation is met, or the recipe was skipped because of its `needs`.
    """

    values: Mapping[str, Any]
    metrics: dict[str, Any]
    record: dict[str, Any]
    ok: bool

    def __repr__(self) -> str:
        figures = [f"{path} {number_text(value)}" for path, value in flat(self.metrics)]
        about = ", ".join([self.record["status"], *map(short, figures[:_SHOWN_METRICS])])
        more = ", ..." if len(figures) > _SHOWN_METRICS else ""
        return on_one_line(f"Result({self.record['recipe']}: {about}{more})")

    def _repr_html_(self) -> str:
        from flowrun.running.run_view import record_view  # only a notebook needs it

        return record_view(msgspec.convert(self.record, RunRecord)).html()


HOOKS = (
    "flowrun_run_started",
    "flowrun_step_started",
    "flowrun_step_progress",
    "flowrun_step_finished",
    "flowrun_step_kept",
    "flowrun_step_failed",
    "flowrun_run_finished",
)


class Listeners:
    """The plugins that hear of one run, called in isolation from each other.

    One that raises is reported once and switched off.
    """

    def __init__(self, manager: pluggy.PluginManager, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._off: set[str] = set()
        self._heard = {hook: list(getattr(manager.hook, hook).get_hookimpls()) for hook in HOOKS}

    def hears(self, hook: str) -> bool:
        """Whether anyone listens to this hook."""
        return bool(self._heard[hook])

    def tell(self, hook: str, **arguments: Any) -> None:
        """Call every listener of a hook that is not switched off."""
        for found in self._heard[hook]:
            if found.plugin_name in self._off:
                continue
            try:
                with contained():
                    found.function(*(arguments[name] for name in found.argnames))
            except Exception as error:
                self._off.add(found.plugin_name)
                self._warn(
                    f"the listener `{found.plugin_name}` failed in {hook} and is switched off for "
                    f"this run:\n    {error_line(error)}"
                )
