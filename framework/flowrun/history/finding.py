"""Finds a run by the name that a person types: its id, a beginning of it, or `last`."""

from __future__ import annotations

import re

from flowrun.errors import FlowrunError, shown_path
from flowrun.errors.escaping import on_one_line
from flowrun.running.record import RunRecord, local_time, read_run
from flowrun.store.home import home_folder, runs_folder
from flowrun.store.run_index import RunIndex, RunRow, is_own_run
from flowrun.store.seals import Seals
from flowrun.store.store import Store

_LAST = re.compile(r"last(?:~(\d+))?")
_SHOWN = 5  # runs that a message lists


def find_run(name: str) -> RunRecord:
    """The run of a name; raises FlowrunError if no run, or more than one, or no record matches.

    name: an id, an unambiguous beginning of one, `last`, or `last~2` for the second run before it.
    """
    store = Store(home_folder(), lambda text: None, sets_aside=False)
    try:
        return read_run(runs_folder() / run_id(store.runs, name))
    finally:
        store.close()


def is_elsewhere(run: RunRecord) -> bool:
    """Whether a run was made elsewhere, or with another key: then its record may say anything."""
    return not is_own_run(runs_folder() / run.id, Seals())


def run_id(runs: RunIndex, name: str) -> str:
    """The id of the run of a name; raises FlowrunError if there is none or more than one."""
    there = runs.ids()
    if name in there:
        return name
    if not there:
        folder = shown_path(runs_folder())
        raise FlowrunError(f"there are no runs in {folder}\n    `flowrun RECIPE` makes one")
    last = _LAST.fullmatch(name)
    if last is not None:
        return _back([row for row in runs.rows() if not row.elsewhere], name, int(last[1] or 0))
    found = sorted(run for run in there if name and run.startswith(name))
    if len(found) == 1:
        return found[0]
    rows = runs.rows()
    if found:
        shown = _described([row for row in rows if row.id in found])
        raise FlowrunError(f"`{name}` is the beginning of {len(found)} runs:\n{shown}")
    raise FlowrunError(_unknown(name, rows))


def _back(rows: list[RunRow], name: str, steps: int) -> str:
    """The id of the run `steps` runs before the latest."""
    if steps < len(rows):
        return rows[steps].id
    if not rows:
        folder = shown_path(runs_folder())
        raise FlowrunError(
            f"no run in {folder} was made here with your key\n    `flowrun runs` lists them all"
        )
    farthest = f"last~{len(rows) - 1}" if len(rows) > 1 else "last"
    raise FlowrunError(f"there is no `{name}`: the first run is `{farthest}`")


def _unknown(name: str, rows: list[RunRow]) -> str:
    """The message that there is no such run, with similar ones."""
    import difflib  # only a mistake needs it

    message = f"there is no run `{name}`"
    of_recipe = [row for row in rows if row.recipe == name]
    if of_recipe:
        hint = f"`flowrun runs --recipe {name}` lists all runs of that recipe; the latest:"
        return f"{message}\n    {hint}\n{_described(of_recipe)}"
    by_id = {row.id: row for row in rows}
    near = difflib.get_close_matches(name, by_id, n=_SHOWN, cutoff=0.6)
    if near:
        return f"{message}; did you mean one of:\n{_described([by_id[run] for run in near])}"
    hint = "an id, the beginning of one, `last`, or `last~1` for the one before"
    return f"{message}\n    expected  {hint}; the latest:\n{_described(rows)}"


def _described(rows: list[RunRow]) -> str:
    lines = [
        on_one_line(f"      {row.id}  {row.recipe}  {row.status}  {local_time(row.started)}")
        for row in rows[:_SHOWN]
    ]
    more = len(rows) - _SHOWN
    return "\n".join([*lines, f"      and {more} more"] if more > 0 else lines)
