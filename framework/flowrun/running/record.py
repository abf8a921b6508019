"""The record of a run, `run.json`: the struct that a run writes and that the history reads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict

import msgspec

from flowrun.errors import FlowrunError, shown_path
from flowrun.errors.escaping import on_one_line
from flowrun.expectations.check import CheckResult
from flowrun.recipes.part import Part
from flowrun.store.run_index import RECORD, ProcessId, true_status
from flowrun.values.files import read_bytes
from flowrun.values.texts import json_bytes

_SHORT_DIGEST = 12
_MOST_DEPTH = 100  # levels of an output's summary; a value of more cannot be shown


class ValueSummary(TypedDict, total=False):
    """A value in a record: its type; shape, dtype, device, bytes; small values whole.

    begin: the first elements of the first row of a larger one.
    """

    type: Required[str]
    shape: list[int]
    dtype: str
    device: str
    bytes: int
    length: int
    value: Any
    begin: list[Any]
    items: dict[str, ValueSummary]


class StepPlan(msgspec.Struct, rename={"inputs": "in", "outputs": "out"}):
    """A step as it was planned. folder: the start of its relative paths."""

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


class StepRun(msgspec.Struct):
    """A step as it ran, its outputs by their published names.

    key: the step's key in the store. kept: the run whose result was used; None if the step was
    called. files_read, files_written: digests by absolute path. looked_at: the states of other
    things it looked at, by kind and name. unseen: things it started that may have read more.
    """

    id: str
    step: str
    seconds: float = 0.0
    peak_bytes: int | None = None
    device: str = ""
    dtype: str = ""
    inputs: dict[str, ValueSummary] = {}
    outputs: dict[str, ValueSummary] = {}
    digests: dict[str, str | None] = {}
    key: str | None = None
    kept: str | None = None
    messages: list[str] = []
    files_read: dict[str, str | None] = {}
    files_written: dict[str, str | None] = {}
    looked_at: dict[str, str] = {}
    unseen: list[str] = []


class PluginPlace(msgspec.Struct, frozen=True):
    """A plugin that was loaded by name: a file's path or a module, and the folder to find it."""

    name: str
    folder: str


class Environment(msgspec.Struct):
    """Where a run took place. command: the arguments of its process."""

    python: str = ""
    platform: str = ""
    cpus: int | None = None
    device: str = ""
    plugins: dict[str, str] = {}
    packages: dict[str, str | None] = {}
    command: list[str] = []


class RunRecord(msgspec.Struct):
    """Everything that is recorded of one run.

    part: the part of the recipe that ran; None if it was the whole. plan: the steps of the recipe,
    or of the part and those above it whose values it took. steps: those that ran. plugins: those
    that are not installed but were loaded by name. resolved: the recipe with everything filled in,
    which is a recipe again. process: the number of the process, while it runs.
    """

    id: str
    recipe: str = ""
    about: str = ""
    file: str | None = None
    started: str = ""
    seed: int = 0
    device: str = ""
    dtype: str = ""
    vars: dict[str, Any] = {}
    part: Part | None = None
    plan: list[StepPlan] = []
    plugins: list[PluginPlace] = []
    expect: dict[str, Any] = {}
    environment: Environment = msgspec.field(default_factory=Environment)
    resolved: dict[str, Any] | None = None
    seconds: float = 0.0
    status: str = ""
    error: str | None = None
    steps: list[StepRun] = []
    process: Annotated[int, ProcessId] | None = None
    expectations: list[CheckResult] = []
    metrics: dict[str, Any] = {}
    warnings: list[str] = []

    def as_dict(self) -> dict[str, Any]:
        """The record as plain values: the content of `run.json`."""
        document: dict[str, Any] = msgspec.to_builtins(self, enc_hook=str)
        return document

    def as_json(self) -> bytes:
        """The text of `run.json`."""
        return msgspec.json.format(json_bytes(self), indent=1)


_DECODER = msgspec.json.Decoder(RunRecord)


def read_run(folder: Path) -> RunRecord:
    """The record in a run's folder, whose name is the run's id; raises as `read_record` does."""
    run = read_record(folder / RECORD)
    run.id = folder.name  # a received record may name any other
    return run


def read_record(path: Path) -> RunRecord:
    """The record in a file; raises FlowrunError that names the file and the error in it."""
    try:
        run = _DECODER.decode(read_bytes(path))
    except OSError as error:
        reason = error.strerror or str(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
    else:
        if any(is_too_deep(step.outputs) for step in run.steps):
            raise _unreadable(path, f"a value is nested deeper than {_MOST_DEPTH} levels")
        run.status = true_status(run.status, run.process)
        return run
    raise _unreadable(path, reason)


def is_too_deep(outputs: dict[str, ValueSummary]) -> bool:
    """Whether a summary of an output is nested too deeply to be shown, as no run writes it."""
    level: list[Any] = list(outputs.values())
    for _ in range(_MOST_DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [item for items in inner for item in items if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _unreadable(path: Path, reason: str) -> FlowrunError:
    """The error of a record that cannot be read."""
    events = path.with_name("events.jsonl")
    hint = f"\n    {shown_path(events)} lists its events" if events.is_file() else ""
    name = on_one_line(path.parent.name)
    return FlowrunError(
        f"the record of the run {name} is unreadable: {shown_path(path)}: {reason}{hint}"
    )


def local_time(started: str) -> str:
    """The moment of a record in local time, to the second; any other text as it is."""
    try:
        moment = datetime.fromisoformat(started).timestamp()
        return datetime.fromtimestamp(moment).isoformat(sep=" ", timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return started


def short_digest(digest: str | None) -> str:
    """The beginning of a digest, enough to distinguish two."""
    return "unknown" if digest is None else digest[:_SHORT_DIGEST]
