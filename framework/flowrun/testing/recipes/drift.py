"""A run compared with the record of one of another machine: the first step that differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from flowrun.errors import Problem, listed, shown_path
from flowrun.expectations.tolerances import ELSEWHERE, USUAL
from flowrun.history.comparing import compare
from flowrun.history.outputs import StepPair, count_numbers, recorded_differences, step_pairs
from flowrun.planning.plan import Plan
from flowrun.running.record import RunRecord
from flowrun.store.home import home_folder
from flowrun.store.store import Store
from flowrun.testing.recipes.failures import line
from flowrun.values.differences import Bounds

_CAUSES = ("recipe", "options", "code", "data", "environment")


class Drift(msgspec.Struct, frozen=True):
    """That a run gave other bits than another one. is_near: whether its numbers are near them."""

    text: str
    is_near: bool


def drift_from(other: RunRecord, now: RunRecord, planned: Plan, file: Path) -> Drift | None:
    """The first step whose outputs differ from those of another run; None if there is none.

    file: of the other run's record.
    """
    pairs = step_pairs(other, now)
    apart = [index for index, pair in enumerate(pairs) if not pair.is_same]
    if not apart:
        return None
    ids = [pairs[index].old.id for index in apart]
    mark = next((step.mark for step in planned.steps if step.id == ids[0]), None)
    message = f"`{ids[0]}` is the first step that gives other bits than in {shown_path(file)}"
    lines = [str(Problem(message, mark))]
    if ids[1:]:
        lines.append(line("after it", listed(ids[1:])))
    text, is_near = _numbers(pairs[apart[0] :], other.dtype)
    lines.append(line("numbers", text))
    causes = list(_causes(other, now, planned))
    if causes:
        lines.append(line("also other", "\n".join(causes)))
    return Drift("\n".join(lines), is_near)


def _numbers(pairs: list[StepPair], dtype: str) -> tuple[str, bool]:
    """How far the recorded numbers are apart, in words, and whether all are near."""
    rtol, atol = (bound * ELSEWHERE for bound in USUAL.get(dtype, USUAL["float32"]))
    far = [text for pair in pairs for text in recorded_differences(pair, Bounds(rtol, atol))]
    count = sum(count_numbers(pair.old) for pair in pairs if pair.new is not None)
    if far:
        return "\n".join(far), False
    if count:
        return f"all {count} in the record are within the dtype's precision", True
    return "none in the record: the size of the differences is unknown", False


def _causes(old: RunRecord, new: RunRecord, planned: Plan) -> Iterator[str]:
    """The other differences, as `flowrun diff` shows them."""
    store = Store(home_folder(), lambda text: None)  # the run itself has reported its problems
    try:
        sections = compare(old, new, store, lambda: planned.registry).sections
    finally:
        store.close()
    return (change.line for section in _CAUSES for change in sections[section])
