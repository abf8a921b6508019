"""Reads the progress of a run that did not finish its record, from `events.jsonl`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from flowrun.running.record import RunRecord, StepRun, ValueSummary, is_too_deep
from flowrun.values.files import read_whole

_MOST_BYTES = 1 << 28  # of a file of events, as of a record


class _Event(msgspec.Struct):
    event: str
    step: str = ""
    seconds: float = 0.0
    outputs: dict[str, ValueSummary] = {}
    messages: list[str] = []
    made_by: str | None = None


_DECODER = msgspec.json.Decoder(_Event)


def follow_events(run: RunRecord, folder: Path) -> None:
    """Add to a run's record the steps that started or finished by its events."""
    names = {step.id: step.step for step in run.plan}
    steps = {step.id: step for step in run.steps}
    for event in _events(folder / "events.jsonl"):
        if event.step not in names:
            continue
        step = steps.setdefault(event.step, StepRun(event.step, names[event.step]))
        if event.event in ("step_finished", "step_kept"):
            step.seconds, step.kept = event.seconds, event.made_by
            step.outputs, step.messages = event.outputs, event.messages
    run.steps = list(steps.values())


def _events(path: Path) -> list[_Event]:
    """The events that can be read: the last line of a killed run may be incomplete."""
    try:
        lines = read_whole(path, _MOST_BYTES).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            event = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if not is_too_deep(event.outputs):
            found.append(event)
    return found
