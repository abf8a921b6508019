"""How far an interrupted run came, in words, and from where the next one resumes."""

from __future__ import annotations

from flowrun.running.results import RunInfo

_RESUME = "run the same command to resume"


def resume_hint(info: RunInfo) -> str:
    """How far a run came before it was interrupted, and what the next one can build on."""
    if not info.steps:
        return "interrupted before the first step"
    last, count, total = info.steps[-1], len(info.steps), len(info.plan.steps)
    place = f"`{last.id}`, step {count} of {total}"
    stored = sum(result.key is not None for result in info.steps)
    if last.is_done:
        came = f"interrupted after {place if count < total else 'the last step'}"
        if stored == count:
            return f"{came}; {_RESUME}"
        return f"{came}; {_stored(stored, count, 'steps')}"
    came = f"interrupted in {place}" + ("" if last.reached is None else f", at {last.reached}")
    if last.has_checkpoint:
        return f"{came}; a checkpoint of it is saved: {_RESUME}"
    return f"{came}; {_stored(stored, count - 1, 'steps before it')}"


def _stored(stored: int, count: int, which: str) -> str:
    """How many of some steps the next run need not call."""
    if not stored:
        return "nothing is saved, and the same command starts over"
    if stored < count:
        those = f"{stored} of the {count} {which} {'is' if stored == 1 else 'are'}"
    else:
        those = "the step before it is" if count == 1 else f"the {count} {which} are"
    return f"{those} kept: {_RESUME}"
