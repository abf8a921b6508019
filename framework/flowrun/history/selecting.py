"""Selects runs by recipe, by status, and by conditions on their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import FlowrunError, did_you_mean, listed, shown_path
from flowrun.history.filtering import Condition, unknown_path
from flowrun.running.record import local_time
from flowrun.store.run_index import RECORD, RunRow
from flowrun.values.files import read_bytes, real_path
from flowrun.values.metrics import flat
from flowrun.values.paths import ValuePath, follow

_MISSING: Any = object()
# The parts of a row; anything else is in the run's own record.
_OF_ROW: dict[str, Callable[[RunRow], Any]] = {
    "id": lambda row: row.id,
    "when": lambda row: local_time(row.started),
    "recipe": lambda row: row.recipe,
    "status": lambda row: row.status,
    "seconds": lambda row: row.seconds,
    "metrics": lambda row: row.metrics,
}
_OF_RECORD = ("seed", "device", "dtype", "vars")


class _Planned(msgspec.Struct):
    id: str
    options: dict[str, Any] = {}


class _Queried(msgspec.Struct):
    """The part of a record that conditions may name; to read all of it takes ten times as long."""

    seed: int = 0
    device: str = ""
    dtype: str = ""
    vars: dict[str, Any] = {}
    plan: list[_Planned] = []


_DECODER = msgspec.json.Decoder(_Queried)


class Selected(msgspec.Struct, frozen=True):
    """A run that was selected. found: the value at the path of each condition."""

    row: RunRow
    found: dict[str, Any]


def select(
    rows: Sequence[RunRow],
    runs_folder: Path,
    *,
    recipe: str | None = None,
    status: str | None = None,
    conditions: Sequence[Condition] = (),
) -> list[Selected]:
    """The runs that meet every condition, in the order of `rows`.

    recipe: a recipe's name or file. conditions: a run without a value at the path does not meet
    it. Raises FlowrunError if there is no run of the recipe, or none has a value at a path.
    """
    chosen = list(rows) if recipe is None else _of_recipe(rows, recipe)
    selected = [Selected(row, {}) for row in chosen if status in (None, row.status)]
    # Conditions on rows come first: rows are in memory, and records must be read from files.
    for condition in sorted(conditions, key=lambda one: one.path.root not in _OF_ROW):
        finder = _Finder(condition.path, runs_folder)
        selected = [
            Selected(one.row, {**one.found, condition.path.text: found})
            for one in selected
            if (found := finder.find(one.row)) is not _MISSING and condition.holds(found)
        ]
        if not selected and not finder.has_found and all(map(finder.lacks, rows)) and rows:
            raise unknown_path(condition, _known_paths(rows, runs_folder))
    return selected


def _of_recipe(rows: Sequence[RunRow], recipe: str) -> list[RunRow]:
    file = str(real_path(Path(recipe).expanduser()))
    found = [row for row in rows if recipe == row.recipe or file == row.file]
    if not found and rows:
        names = dict.fromkeys(row.recipe for row in rows if row.recipe)
        files = dict.fromkeys(shown_path(Path(row.file)) for row in rows if row.file)
        hint = did_you_mean(recipe, (*names, *files))
        raise FlowrunError(
            f"there is no run of the recipe `{recipe}`\n"
            f"    expected  a recipe's name or file that has runs: {listed(names)}"
            + (f"\n    {hint}" if hint else "")
        )
    return found


class _Finder:
    """Finds the value at one path in each run."""

    def __init__(self, path: ValuePath, runs_folder: Path) -> None:
        self._path = path
        self._folder = runs_folder
        self.has_found = False

    def find(self, row: RunRow) -> Any:
        """The value, or _MISSING."""
        root = self._path.root
        value = _OF_ROW[root](row) if root in _OF_ROW else self._in_record(row.id)
        if value is _MISSING:
            return value
        try:
            found = follow(self._path, value)
        except LookupError:
            return _MISSING
        self.has_found = True
        return found

    def lacks(self, row: RunRow) -> bool:
        """Whether the run has no value at the path."""
        return self.find(row) is _MISSING

    def _in_record(self, run: str) -> Any:
        return _queried(self._folder / run).get(self._path.root, _MISSING)


def _queried(folder: Path) -> dict[str, Any]:
    """The values of a record by the first part of a path, such as a step's options by its id."""
    try:
        found = _DECODER.decode(read_bytes(folder / RECORD))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    parts = {name: getattr(found, name) for name in _OF_RECORD}
    return parts | {step.id: step.options for step in found.plan if step.id not in parts}


def _known_paths(rows: Sequence[RunRow], runs_folder: Path) -> list[str]:
    """Paths that runs have: the metrics of all runs, and the paths of the latest record."""
    metrics = dict.fromkeys(path for row in rows for path, _ in flat(row.metrics, "metrics"))
    plain = [name for name in _OF_ROW if name != "metrics"]
    return [*metrics, *plain, *_paths_of_latest(rows, runs_folder)]


def _paths_of_latest(rows: Iterable[RunRow], runs_folder: Path) -> list[str]:
    found = (_queried(runs_folder / row.id) for row in rows)
    return [path for path, _ in flat(next((record for record in found if record), {}))]
