"""A run held against the record of another one, of another machine: where the two part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import Problem, listed, shown_path
from flowrun.expectations.tolerances import ELSEWHERE, USUAL
from flowrun.history.changes import Change
from flowrun.history.comparing import compare
from flowrun.history.past_run import PastRun, PastStep
from flowrun.planning.plan import Plan
from flowrun.store.home import home_folder
from flowrun.store.store import Store
from flowrun.testing.recipes.failures import line
from flowrun.values.codecs import number_text
from flowrun.values.differences import is_number
from flowrun.values.metrics import flat, told_by

_CAUSES = ("recipe", "options", "code", "data", "environment")


class Departure(msgspec.Struct, frozen=True):
    """That a run gave other bits than another one. is_near: its numbers are near all the same."""

    text: str
    is_near: bool


def departure(
    planned: Plan, record: dict[str, Any], other: PastRun, file: Path
) -> Departure | None:
    """The first step whose outputs have other digests than in the record of another run.

    record: what this run's `run.json` holds. None where every digest is the same.
    """
    now = msgspec.convert(record, PastRun)
    steps = {step.id: step for step in now.steps}
    pairs = [(step, steps.get(step.id)) for step in other.steps]
    apart = [step.id for step, here in pairs if here is None or step.digests != here.digests]
    if not apart:
        return None
    mark = next((step.mark for step in planned.steps if step.id == apart[0]), None)
    message = f"`{apart[0]}` is the first step that gives other bits than in {shown_path(file)}"
    lines = [str(Problem(message, mark))]
    if len(apart) > 1:
        lines.append(line("after it", listed(apart[1:])))
    first = next(index for index, (step, _) in enumerate(pairs) if step.id == apart[0])
    far, count = _numbers(pairs[first:], other.dtype)
    if far:
        lines.append(line("numbers", "\n".join(far)))
    elif count:
        lines.append(line("numbers", f"all {count} in the record are within what the dtype allows"))
    else:
        lines.append(line("numbers", "none in the record: nobody can say how far they are apart"))
    causes = [change.line for change in _causes(planned, now, other)]
    if causes:
        lines.append(line("also other", "\n".join(causes)))
    return Departure("\n".join(lines), is_near=bool(count) and not far)


def _numbers(pairs: list[tuple[PastStep, PastStep | None]], dtype: str) -> tuple[list[str], int]:
    """What two runs' summaries tell that is far apart, and how many numbers were compared."""
    rtol, atol = (bound * ELSEWHERE for bound in USUAL.get(dtype, USUAL["float32"]))
    far, count = [], 0
    for before, now in pairs:
        if now is None:
            far.append(f"{before.id} did not run here")
            continue
        kinds = [{name: _kind(told) for name, told in one.outputs.items()} for one in (before, now)]
        if kinds[0] != kinds[1]:
            far.append(f"{before.id} gives other shapes or dtypes")
            continue
        found, wanted = _told(now), _told(before)
        count += sum(map(is_number, wanted.values()))
        for path, was in wanted.items():
            if not _is_near(was, found.get(path), rtol, atol):
                change = f"{number_text(was)} -> {number_text(found.get(path))}"
                far.append(f"{path} of {before.id}: {change}")
    return far, count


def _told(step: PastStep) -> dict[str, Any]:
    """Every number, text and truth value that the summaries of a step's outputs tell, by path."""
    told = dict(flat({name: told_by(summary) for name, summary in step.outputs.items()}))
    listed_apart = {
        f"{path}[{index}]": item
        for path, items in told.items()
        if isinstance(items, list)
        for index, item in enumerate(items)
    }
    return {path: one for path, one in told.items() if not isinstance(one, list)} | listed_apart


def _is_near(was: Any, here: Any, rtol: float, atol: float) -> bool:
    if is_number(was) and is_number(here):
        return bool(was == here or abs(was - here) <= atol + rtol * abs(was))
    return bool(was == here)


def _kind(summary: dict[str, Any]) -> dict[str, Any]:
    """What a summary tells of shapes and dtypes, whatever the numbers and the device."""
    items = {name: _kind(item) for name, item in (summary.get("items") or {}).items()}
    return {name: summary.get(name) for name in ("type", "shape", "dtype", "length")} | items


def _causes(planned: Plan, now: PastRun, other: PastRun) -> Iterator[Change]:
    """What else is not the same, as `flowrun diff` has it."""
    store = Store(home_folder(), _ignore)
    try:
        sections = compare(other, now, store, lambda: planned.registry).sections
    finally:
        store.close()
    for section in _CAUSES:
        yield from sections[section]


def _ignore(text: str) -> None:
    """The run itself has said what is wrong with the store."""
