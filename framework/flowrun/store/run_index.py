"""A table of all runs, so that ten thousand are listed without reading ten thousand files.

The source of every row is the run's `run.json`: it is read again if the row is missing, or if the
run had not ended.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from flowrun.store.database import Database
from flowrun.store.files import is_running, remove_abandoned

RECORD = "run.json"
UNREADABLE = "unreadable"  # the status of a run whose record cannot be read
_COLUMNS = "id, started, recipe, file, status, seconds, metrics, keys"
UNFINISHED = ("running", "killed")
_ID = re.compile(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{6}")

T = TypeVar("T")
ProcessId = msgspec.Meta(gt=0, lt=1 << 31)  # the range of process ids


class _StepKey(msgspec.Struct):
    key: str | None = None


class _Listed(msgspec.Struct):
    """The part of a run's record that is in its row; `running.record` has the whole."""

    status: str
    started: str = ""
    recipe: str = ""
    file: str | None = None
    seconds: float = 0.0
    process: Annotated[int, ProcessId] | None = None
    metrics: dict[str, Any] = {}
    steps: list[_StepKey] = []


_DECODER = msgspec.json.Decoder(_Listed)


class RunRow(msgspec.Struct, frozen=True, gc=False):
    """One run in a list. keys_text: the keys of its steps in the store, as JSON."""

    id: str
    started: str
    recipe: str
    file: str | None
    status: str
    seconds: float
    metrics_text: str
    keys_text: str

    @property
    def metrics(self) -> dict[str, Any]:
        """The run's metrics, as plain numbers; none if the row is damaged."""
        return dict(_decoded(self.metrics_text, dict))

    @property
    def keys(self) -> list[str]:
        """The keys of the run's steps; none if the row is damaged."""
        return list(_decoded(self.keys_text, list))


class RunIndex:
    """The runs below one folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def add(self, run: str, content: bytes) -> None:
        """Add a run, or replace its row. content: of its `run.json`."""
        self._write([_row(run, content)])

    def rows(self) -> list[RunRow]:
        """Every run that has a folder, the latest first; the row of an unreadable one says so."""
        there = self.ids()
        if not there:  # then there may be no store either, and listing makes none
            return []
        known = self._database.rows(f"select {_COLUMNS} from runs")
        found = {str(row[0]): RunRow(*row) for row in known}
        unread = [run for run in there if run not in found or found[run].status in UNFINISHED]
        for run in unread:
            remove_abandoned(self._folder / run)
        new = {run: self._read_row(run) for run in unread}
        self._write([row for row in new.values() if row is not None])
        for run in unread:
            row = new[run] or _unreadable(run)
            if row is not None:
                found[run] = row
        rows = [row for run, row in found.items() if run in there]
        # Ids hold the second of the start; runs of the same second have no known order.
        return sorted(rows, key=lambda row: (row.started, row.id), reverse=True)

    def latest_of(self, file: str | None, recipe: str) -> RunRow | None:
        """The latest run of a recipe, by its file, or by its name if it has no file."""
        column, value = ("file", file) if file is not None else ("recipe", recipe)
        row = self._database.row(
            f"select {_COLUMNS} from runs where {column} = ? "
            "order by started desc, id desc limit 1",
            (value,),
        )
        return None if row is None else RunRow(*row)

    def remove(self, runs: list[str]) -> None:
        """Remove runs with their folders."""
        import shutil

        for run in runs:
            shutil.rmtree(self._folder / run, ignore_errors=True)
        self._database.write("delete from runs where id = ?", [(run,) for run in runs])

    def ids(self) -> set[str]:
        """The names of the runs' folders, also of damaged or empty ones."""
        try:
            with os.scandir(self._folder) as entries:
                return {entry.name for entry in entries if entry.is_dir()}
        except OSError:
            return set()

    def _read_row(self, run: str) -> RunRow | None:
        """The row of a run, from its record; None if that is unreadable."""
        try:
            return _row(run, (self._folder / run / RECORD).read_bytes())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _write(self, rows: list[RunRow]) -> None:
        self._database.write(
            f"insert or replace into runs ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [msgspec.structs.astuple(row) for row in rows],
        )


def _decoded(text: str, kind: type[T]) -> T:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return kind()
    return found if isinstance(found, kind) else kind()


def true_status(status: str, process: int | None) -> str:
    """The status of a record; `killed` if it says `running` and its process is gone."""
    is_alive = process is not None and is_running(process)
    return "killed" if status == "running" and not is_alive else status


def _row(run: str, content: bytes) -> RunRow:
    """The row of a run with this `run.json`; raises msgspec's error for other text."""
    record = _DECODER.decode(content)
    return RunRow(
        id=run,
        started=record.started,
        recipe=record.recipe,
        file=record.file,
        status=true_status(record.status, record.process),
        seconds=record.seconds,
        metrics_text=msgspec.json.encode(record.metrics).decode(),
        keys_text=msgspec.json.encode([step.key for step in record.steps if step.key]).decode(),
    )


def _unreadable(run: str) -> RunRow | None:
    """The row of a run whose record is unreadable; None if the folder's name is not a run's id."""
    match = _ID.fullmatch(run)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    started = f"{year}-{month}-{day}T{hour}:{minute}:{second}.000+00:00"
    return RunRow(run, started, "", None, UNREADABLE, 0.0, "{}", "[]")
