"""The record of a run: `run.json`, and `events.jsonl` appended while it goes."""

from __future__ import annotations

import math
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from flowrun.plugins.markers import hookimpl
from flowrun.recipes.nodes import plain
from flowrun.running.resolving import plugin_places, resolved_recipe
from flowrun.running.results import RunInfo, StepResult
from flowrun.store.files import replacing
from flowrun.store.home import runs_folder
from flowrun.store.store import Store

_ENCODER = msgspec.json.Encoder(enc_hook=str)


def make_record(run: RunInfo) -> dict[str, Any]:
    """All that is kept of a run, as JSON values; what does not change is put together once."""
    if not run.record:
        run.record = _planned(run)
    return run.record | {
        "seconds": round(run.seconds, 6),
        "status": run.status,
        "error": run.error,
        "steps": [_finite(_step_record(step)) for step in run.steps],
        "process": os.getpid() if run.status == "running" else None,
        "expectations": [outcome.as_dict() for outcome in run.outcomes],
        "metrics": _finite(run.metrics),
        "warnings": run.warnings,
    }


def _planned(run: RunInfo) -> dict[str, Any]:
    """What is known of a run before its first step."""
    recipe = run.plan.recipe
    record: dict[str, Any] = {
        "id": run.id,
        "recipe": recipe.name,
        "about": recipe.about,
        "file": str(recipe.path) if recipe.path is not None else None,
        "started": run.started.isoformat(timespec="milliseconds"),
        "seed": recipe.seed,
        "device": run.device,
        "dtype": recipe.dtype,
        "vars": {name: plain(node) for name, node in recipe.vars.items()},
        "plan": [
            {
                "id": step.id,
                "step": step.step.name,
                "plugin": step.plugin,
                "options": step.keywords,
                "in": {**step.wires.inputs, **(step.wires.named or {})},
                "out": step.wires.outputs,
                "seed": step.seed,
                "device": step.device,
                "dtype": step.dtype,
                "folder": str(step.folder),
                "line": str(step.mark),
            }
            for step in run.plan.steps
        ],
        "plugins": plugin_places(run.plan.registry),
        "expect": {path: plain(entry.value) for path, entry in recipe.expect.items()},
        "environment": _environment(run),
        "resolved": resolved_recipe(run.plan),
    }
    return {key: _finite(value) for key, value in record.items()}


def _finite(value: Any) -> Any:
    """The value with `inf` and `nan`, which JSON does not have, as strings."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _step_record(step: StepResult) -> dict[str, Any]:
    return {
        "id": step.id,
        "step": step.name,
        "seconds": round(step.seconds, 6),
        "peak_bytes": step.peak_bytes,
        "device": step.device,
        "dtype": step.dtype,
        "inputs": step.inputs,
        "outputs": step.outputs,
        "digests": step.digests,
        "key": step.key,
        "kept": step.kept,
        "messages": [message.text for message in step.messages],
        "files_read": step.files_read,
        "files_written": step.files_written,
    }


def _environment(run: RunInfo) -> dict[str, Any]:
    plugins = {
        plugin.name: plugin.version or plugin.origin
        for plugin in run.plan.registry.plugins.values()
    }
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "device": run.device_about,
        "plugins": plugins,
        "packages": {name: _version(name) for name in ("flowrun", "torch")},
        "command": sys.argv,
    }


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


class RecordWriter:
    """The listener that writes a run's folder; what it cannot write is told with the rest.

    Nothing but the end is written of a run in which no step is called: there is nothing to lose.
    """

    name = "record"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: BinaryIO | None = None
        self._waiting: list[bytes] = []

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        run.folder = runs_folder() / run.id
        self._append("run_started", id=run.id, recipe=run.plan.recipe.name, device=run.device)

    @hookimpl
    def flowrun_step_started(self, run: RunInfo, result: StepResult) -> None:
        if self._events is None:
            self._begin(run)
        self._append("step_started", step=result.id, inputs=result.inputs)

    @hookimpl
    def flowrun_step_finished(self, result: StepResult) -> None:
        self._append("step_finished", **event_of(result), seconds=result.seconds)

    @hookimpl
    def flowrun_step_kept(self, result: StepResult) -> None:
        self._append("step_kept", **event_of(result), made_by=result.kept)

    @hookimpl
    def flowrun_step_failed(self, result: StepResult, error: BaseException) -> None:
        self._append("step_failed", step=result.id, error=str(error) or type(error).__name__)

    @hookimpl
    def flowrun_run_finished(self, run: RunInfo) -> None:
        self._append("run_finished", status=run.status, seconds=run.seconds)
        if self._events is None:
            self._begin(run)
        if run.folder is None:
            return
        try:
            if self._events is not None:
                self._events.close()
            _write(run.folder / "run.json", run.record)
        except OSError as error:
            self._store.errors.note(f"the record of the run, {run.folder}", error)
            run.folder = None
            return
        self._store.runs.add(run.record)

    def _begin(self, run: RunInfo) -> None:
        """Make the run's folder, with what has happened so far."""
        if run.folder is None:
            return
        try:
            run.folder.mkdir(parents=True)
            self._events = (run.folder / "events.jsonl").open("ab", buffering=0)
            if run.status == "running":
                _write(run.folder / "run.json", make_record(run))
            waiting, self._waiting = self._waiting, []
            self._events.write(b"".join(waiting))
        except OSError as error:
            self._store.errors.note(f"the record of the run, {run.folder}", error)
            run.folder = None

    def _append(self, event: str, **fields: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = _ENCODER.encode({"time": now, "event": event, **fields}) + b"\n"
        if self._events is None:
            self._waiting.append(line)
            return
        try:
            self._events.write(line)
        except OSError as error:
            self._store.errors.note("the events of the run", error)


def event_of(result: StepResult) -> dict[str, Any]:
    """What the events say of a step that gave its outputs."""
    messages = [message.text for message in result.messages]
    return {"step": result.id, "outputs": result.outputs, "messages": messages}


def _write(path: Path, record: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(msgspec.json.format(_ENCODER.encode(record), indent=1))
