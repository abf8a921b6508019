"""The record of a run, `run.json`: the struct that a run writes and that the history reads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict

import msgspec

from flowrun.errors import FlowrunError, shown_path
from flowrun.expectations.check import CheckResult
from flowrun.store.run_index import RECORD, ProcessId, true_status

_SHORT_DIGEST = 12


class ValueSummary(TypedDict, total=False):
    """A value in a record: its type; shape, dtype, device, bytes; small values whole."""

    type: Required[str]
    shape: list[int]
    dtype: str
    device: str
    bytes: int
    length: int
    value: Any
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

    plan: the steps of the recipe. steps: those that ran. plugins: those that are not installed but
    were loaded by name. resolved: the recipe with everything filled in, which is a recipe again.
    process: the number of the process, while it runs.
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
        return msgspec.json.format(_ENCODER.encode(self), indent=1)


_ENCODER = msgspec.json.Encoder(enc_hook=str)
_DECODER = msgspec.json.Decoder(RunRecord)


def read_run(folder: Path) -> RunRecord:
    """The record in a run's folder, whose name is the run's id; raises as `read_record` does."""
    run = read_record(folder / RECORD)
    run.id = folder.name  # a received record may name any other
    return run


def read_record(path: Path) -> RunRecord:
    """The record in a file; raises FlowrunError that names the file and the error in it."""
    try:
        run = _DECODER.decode(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
    else:
        run.status = true_status(run.status, run.process)
        return run
    events = path.with_name("events.jsonl")
    hint = f"\n    {shown_path(events)} lists its events" if events.is_file() else ""
    name = path.parent.name
    raise FlowrunError(
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
