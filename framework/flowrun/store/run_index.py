"""A table of all runs, so that ten thousand are listed without reading ten thousand files.

The truth is each run's `run.json`; a row is made again from it where it is missing or unfinished.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from flowrun.store.database import Database
from flowrun.store.files import is_running, remove_abandoned

RECORD = "run.json"
UNREADABLE = "unreadable"  # the status of a run whose record cannot be read
_COLUMNS = "id, started, recipe, file, status, seconds, metrics, keys"
UNFINISHED = ("running", "killed")
_ID = re.compile(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{6}")

T = TypeVar("T")


class RunRow(msgspec.Struct, frozen=True, gc=False):
    """One run in a list. keys: those of its steps in the store."""

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
        """The run's metrics, as plain numbers; none where the row is damaged."""
        return dict(_decoded(self.metrics_text, dict))

    @property
    def keys(self) -> list[str]:
        """The keys of the run's steps; none where the row is damaged."""
        return list(_decoded(self.keys_text, list))


class RunIndex:
    """The runs below one folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def add(self, record: dict[str, Any]) -> None:
        """Add a run, or replace what is known of it."""
        self._database.write(
            f"insert or replace into runs ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [msgspec.structs.astuple(_row(record))],
        )

    def rows(self) -> list[RunRow]:
        """Every run whose folder is there, the latest first; an unreadable one says so."""
        there = self.ids()
        if not there:  # then there may be no store either, and listing makes none
            return []
        known = self._database.rows(f"select {_COLUMNS} from runs")
        found = {str(row[0]): RunRow(*row) for row in known}
        unread = [run for run in there if run not in found or found[run].status in UNFINISHED]
        for run in unread:
            remove_abandoned(self._folder / run)
        new = {run: self._read_row(run) for run in unread}
        self._database.write(
            f"insert or replace into runs ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [msgspec.structs.astuple(row) for row in new.values() if row is not None],
        )
        for run in unread:
            row = new[run] or _unreadable(run)
            if row is not None:
                found[run] = row
        rows = [row for run, row in found.items() if run in there]
        # Ids tell the second of the start, and chance orders those of one second.
        return sorted(rows, key=lambda row: (row.started, row.id), reverse=True)

    def latest_of(self, file: str | None, recipe: str) -> RunRow | None:
        """The latest run of a recipe, by its file, or by its name where it has none."""
        column, value = ("file", file) if file is not None else ("recipe", recipe)
        row = self._database.row(
            f"select {_COLUMNS} from runs where {column} = ? "
            "order by started desc, id desc limit 1",
            (value,),
        )
        return None if row is None else RunRow(*row)

    def record(self, run: str) -> dict[str, Any] | None:
        """The record of a run, or None where it cannot be read."""
        try:
            text = (self._folder / run / RECORD).read_text(encoding="utf-8")
            record = json.loads(text)
        except (OSError, ValueError):
            return None
        return dict(record) if isinstance(record, dict) and "id" in record else None

    def remove(self, runs: list[str]) -> None:
        """Remove runs with their folders."""
        import shutil

        for run in runs:
            shutil.rmtree(self._folder / run, ignore_errors=True)
        self._database.write("delete from runs where id = ?", [(run,) for run in runs])

    def ids(self) -> set[str]:
        """The names of the runs' folders, whatever they hold."""
        try:
            with os.scandir(self._folder) as entries:
                return {entry.name for entry in entries if entry.is_dir()}
        except OSError:
            return set()

    def _read_row(self, run: str) -> RunRow | None:
        """The row of a run made from its record; None where that is not one."""
        record = self.record(run)
        try:
            return None if record is None else _row({**record, "id": run})
        except (TypeError, ValueError, KeyError, AttributeError):
            return None


def _decoded(text: str, kind: type[T]) -> T:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return kind()
    return found if isinstance(found, kind) else kind()


def true_status(status: str, process: object) -> str:
    """The status of a record; `killed` where it was running in a process that is no more."""
    is_alive = isinstance(process, int) and is_running(process)
    return "killed" if status == "running" and not is_alive else status


def _row(record: dict[str, Any]) -> RunRow:
    steps = record.get("steps", [])
    return RunRow(
        id=str(record["id"]),
        started=str(record.get("started", "")),
        recipe=str(record.get("recipe", "")),
        file=None if record.get("file") is None else str(record["file"]),
        status=true_status(str(record["status"]), record.get("process")),
        seconds=float(record.get("seconds", 0.0)),
        metrics_text=json.dumps(dict(record.get("metrics", {})), allow_nan=False),
        keys_text=json.dumps([step["key"] for step in steps if step.get("key")]),
    )


def _unreadable(run: str) -> RunRow | None:
    """The row of a run without a record that can be read; None where its folder is of no run."""
    match = _ID.fullmatch(run)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    started = f"{year}-{month}-{day}T{hour}:{minute}:{second}.000+00:00"
    return RunRow(run, started, "", None, UNREADABLE, 0.0, "{}", "[]")
