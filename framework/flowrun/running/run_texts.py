"""What is said of a step and of a run while it goes on, on a terminal as in a notebook."""

from __future__ import annotations

from pathlib import Path

from flowrun.errors import listed, shown_path
from flowrun.running.results import RunInfo, StepResult


def called_text(run: RunInfo, result: StepResult) -> str:
    """The seconds of a step that was called, and the reason if it is above the part that runs."""
    part = run.plan.part
    why = ", no kept result" if part is not None and result.id in part.above else ""
    return f"{result.seconds:.3f} s{why}"


def resumed_text(result: StepResult) -> str:
    """From where a step goes on that an earlier run has begun."""
    place = "a checkpoint" if result.restored_at is None else f"{result.restored_at},"
    return f"goes on from {place} saved {_age_text(result.restored or 0.0)} ago"


def _age_text(seconds: float) -> str:
    """A time in the unit that fits: `12 s`, `5 min`."""
    units = [("d", 86400), ("h", 3600), ("min", 60)]
    unit, size = next(((unit, size) for unit, size in units if seconds >= 2 * size), ("s", 1))
    return f"{seconds // size:.0f} {unit}"


def recomputed_texts(result: StepResult) -> list[str]:
    """A text that names the steps that were called for a step's inputs, if there are any."""
    steps = result.made_again
    return [f"recomputed {listed(steps)}, whose outputs are not stored"] if steps else []


def end_text(run: RunInfo, seconds: str, folder: Path | None) -> str:
    """How a run ended, its seconds, device and seed, and the folder of its record."""
    ended = f"{run.status} after " if run.status in ("failed", "interrupted") else ""
    return f"{ended}{took_text(run, seconds, folder)}"


def took_text(run: RunInfo, seconds: str, folder: Path | None) -> str:
    """The seconds of a run, its device and seed, and the folder of its record."""
    where = f", record in {shown_path(folder)}" if folder is not None else ""
    return f"{seconds} s on {run.device}, seed {run.plan.recipe.seed}{where}"
