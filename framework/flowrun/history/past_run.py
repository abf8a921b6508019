"""A run as its `run.json` tells it, read into fields; what cannot be read is said, not guessed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import FlowrunError, shown_path
from flowrun.store.run_index import RECORD, true_status

_SHORT_DIGEST = 12


class PastPlanStep(msgspec.Struct, rename={"inputs": "in", "outputs": "out"}):
    """A step as it was planned: options converted, wired, with its seed."""

    id: str
    step: str
    plugin: str = ""
    options: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    seed: int = 0
    device: str | None = None
    dtype: str | None = None
    folder: str = ""
    line: str = ""


class PastStep(msgspec.Struct):
    """A step as it was taken. Values go by their published names."""

    id: str
    step: str
    seconds: float = 0.0
    device: str = ""
    dtype: str = ""
    outputs: dict[str, dict[str, Any]] = {}
    digests: dict[str, str | None] = {}
    key: str | None = None
    kept: str | None = None
    messages: list[str] = []
    files_read: dict[str, str | None] = {}
    files_written: dict[str, str | None] = {}


class PastOutcome(msgspec.Struct, frozen=True):
    """An expectation and what came of it."""

    path: str
    wanted: str
    found: str
    met: bool
    difference: str = ""


class PluginPlace(msgspec.Struct, frozen=True):
    """A plugin that was loaded by name: a file's path or a module, and where that starts from."""

    name: str
    folder: str


class PastEnvironment(msgspec.Struct):
    """Where a run took place. command: the arguments that started it."""

    python: str = ""
    platform: str = ""
    cpus: int | None = None
    device: str = ""
    plugins: dict[str, str] = {}
    packages: dict[str, str | None] = {}
    command: list[str] = []


class PastRun(msgspec.Struct):
    """A run's record. resolved: its recipe with everything filled in, where the record has it."""

    id: str
    recipe: str = ""
    about: str = ""
    file: str | None = None
    started: str = ""
    seconds: float = 0.0
    status: str = ""
    error: str | None = None
    seed: int = 0
    device: str = ""
    dtype: str = ""
    vars: dict[str, Any] = {}
    plan: list[PastPlanStep] = []
    plugins: list[PluginPlace] = []
    expect: dict[str, Any] = {}
    steps: list[PastStep] = []
    process: int | None = None
    expectations: list[PastOutcome] = []
    metrics: dict[str, Any] = {}
    warnings: list[str] = []
    environment: PastEnvironment = msgspec.field(default_factory=PastEnvironment)
    resolved: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(PastRun)


def read_run(folder: Path) -> PastRun:
    """The run whose folder this is; raises FlowrunError where its record cannot be read."""
    return read_record(folder / RECORD)


def read_record(path: Path) -> PastRun:
    """The run of a record's file, wherever it lies; raises FlowrunError where it is unreadable."""
    folder = path.parent
    try:
        run = _DECODER.decode(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error)
    else:
        run.status = true_status(run.status, run.process)
        return run
    events = folder / "events.jsonl"
    hint = f"\n    {shown_path(events)} tells what happened" if events.is_file() else ""
    message = f"the record of the run {folder.name} is unreadable: {shown_path(path)}: {reason}"
    raise FlowrunError(f"{message}{hint}")


def local_time(started: str) -> str:
    """The moment of a record in local time, to the second; as it stands where it is none."""
    try:
        moment = datetime.fromisoformat(started).timestamp()
    except ValueError:
        return started
    return datetime.fromtimestamp(moment).isoformat(sep=" ", timespec="seconds")


def short_digest(digest: str | None) -> str:
    """The beginning of a digest, enough to tell two apart."""
    return "unknown" if digest is None else digest[:_SHORT_DIGEST]
