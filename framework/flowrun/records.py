"""The record of a run: `run.json`, and `events.jsonl` appended while it goes."""

from __future__ import annotations

import math
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from flowrun.files import file_digest, replacing
from flowrun.hookspecs import hookimpl
from flowrun.nodes import plain
from flowrun.runs import RunInfo, StepResult

HOME = "FLOWRUN_HOME"
_ENCODER = msgspec.json.Encoder(enc_hook=str)


def runs_folder() -> Path:
    """Where records of runs are kept: `runs` in `FLOWRUN_HOME`, or in `.flowrun` here."""
    return Path(os.environ.get(HOME) or ".flowrun") / "runs"


def make_record(run: RunInfo) -> dict[str, Any]:
    """All that is kept of a run, as JSON values."""
    recipe = run.plan.recipe
    record: dict[str, Any] = {
        "id": run.id,
        "recipe": recipe.name,
        "about": recipe.about,
        "file": str(recipe.path) if recipe.path is not None else None,
        "started": run.started.isoformat(timespec="milliseconds"),
        "seconds": round(run.seconds, 6),
        "status": run.status,
        "error": run.error,
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
            }
            for step in run.plan.steps
        ],
        "expect": {path: plain(entry.value) for path, entry in recipe.expect.items()},
        "steps": [_step_record(step) for step in run.steps],
        "expectations": [outcome.as_dict() for outcome in run.outcomes],
        "warnings": run.warnings,
        "environment": _environment(run),
    }
    return {key: _finite(value) for key, value in record.items()}


def _finite(value: Any) -> Any:
    """The value with `inf` and `nan`, which JSON does not have, as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
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
        "device": step.device,
        "dtype": step.dtype,
        "inputs": step.inputs,
        "outputs": step.outputs,
        "messages": [message.text for message in step.messages],
        "files_read": _digests(step.files_read),
        "files_written": _digests(step.files_written),
    }


def _digests(paths: list[Path]) -> dict[str, str | None]:
    return {str(path): file_digest(path) if path.is_file() else None for path in paths}


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
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


class RecordWriter:
    """The listener that writes a run's folder. As for any listener, its failing spoils no run."""

    def __init__(self) -> None:
        self._events: BinaryIO | None = None

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        folder = runs_folder() / run.id
        folder.mkdir(parents=True)
        self._events = (folder / "events.jsonl").open("ab", buffering=0)
        run.folder = folder
        self._append("run_started", id=run.id, recipe=run.plan.recipe.name, device=run.device)
        _write(folder / "run.json", make_record(run))

    @hookimpl
    def flowrun_step_started(self, result: StepResult) -> None:
        self._append("step_started", step=result.id, inputs=result.inputs)

    @hookimpl
    def flowrun_step_finished(self, result: StepResult) -> None:
        self._append(
            "step_finished",
            step=result.id,
            seconds=result.seconds,
            outputs=result.outputs,
            messages=[message.text for message in result.messages],
        )

    @hookimpl
    def flowrun_step_failed(self, result: StepResult, error: BaseException) -> None:
        self._append("step_failed", step=result.id, error=str(error) or type(error).__name__)

    @hookimpl
    def flowrun_run_finished(self, run: RunInfo) -> None:
        self._append("run_finished", status=run.status, seconds=run.seconds)
        if self._events is not None:
            self._events.close()
        if run.folder is not None:
            _write(run.folder / "run.json", run.record)

    def _append(self, event: str, **fields: Any) -> None:
        if self._events is not None:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._events.write(_ENCODER.encode({"time": now, "event": event, **fields}) + b"\n")


def _write(path: Path, record: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(msgspec.json.format(_ENCODER.encode(record), indent=1))
