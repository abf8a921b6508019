"""How far a run came that never wrote its end: read from `events.jsonl`, which goes as it goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from flowrun.history.past_run import PastRun, PastStep


class _Event(msgspec.Struct):
    event: str
    step: str = ""
    seconds: float = 0.0
    outputs: dict[str, dict[str, Any]] = {}
    messages: list[str] = []
    made_by: str | None = None


_DECODER = msgspec.json.Decoder(_Event)


def follow_events(run: PastRun, folder: Path) -> None:
    """Add to a run what its events tell of its steps beyond its record."""
    names = {step.id: step.step for step in run.plan}
    steps = {step.id: step for step in run.steps}
    for event in _events(folder / "events.jsonl"):
        if event.step not in names:
            continue
        step = steps.setdefault(event.step, PastStep(event.step, names[event.step]))
        if event.event in ("step_finished", "step_kept"):
            step.seconds, step.kept = event.seconds, event.made_by
            step.outputs, step.messages = event.outputs, event.messages
    run.steps = list(steps.values())


def _events(path: Path) -> list[_Event]:
    """The events that can be read: of a killed run the last line may be half written."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(_DECODER.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found
