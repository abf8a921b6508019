"""A table of all runs, so that ten thousand are listed without reading ten thousand files.

The source of every row is the run's `run.json`: it is read again if the row is missing, or if the
run had not ended.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec

from flowrun.recipes.part import Part
from flowrun.store.database import Database
from flowrun.store.files import is_running, remove_abandoned, replacing
from flowrun.store.seals import Seals, is_own_document, sealed_document, without_seal
from flowrun.values.files import read_whole

RECORD = "run.json"
UNREADABLE = "unreadable"  # the status of a run whose record cannot be read
_COLUMNS = "id, started, recipe, file, status, seconds, metrics, keys, seed, part, elsewhere"
_KEEP = f"insert or replace into runs ({_COLUMNS}, seal) values ({', '.join('?' * 12)})"
_SEALED = "runs"  # the kind of the seals
_MOST_BYTES = 1 << 28  # of a record
_MOST_LATEST = 8  # runs of a recipe that are looked through for one of the whole
UNFINISHED = ("running", "killed")
_ENDED = ("ok", "unmet")  # of runs that no step and no signal has ended
_ID = re.compile(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{6}")

ProcessId = msgspec.Meta(gt=0, lt=1 << 31)  # the range of process ids


class _StepKey(msgspec.Struct):
    key: str | None = None


class _Listed(msgspec.Struct):
    """The part of a run's record that is in its row; `running.record` has the whole."""

    status: str
    started: str = ""
    recipe: str = ""
    file: str | None = None
    seed: int = 0
    seconds: float = 0.0
    process: Annotated[int, ProcessId] | None = None
    metrics: dict[str, Any] = {}
    steps: list[_StepKey] = []
    part: Part | None = None


_DECODER = msgspec.json.Decoder(_Listed)


class RunRow(msgspec.Struct, frozen=True, gc=False):
    """One run in a list.

    keys_text: the keys of its steps in the store, as JSON. seed: as a text, because SQLite has no
    whole numbers of any size. part: the part of the recipe that ran, in words; None if it was the
    whole. elsewhere: whether its record lacks the seal of the user's key.
    """

    id: str
    started: str
    recipe: str
    file: str | None
    status: str
    seconds: float
    metrics_text: str
    keys_text: str
    seed: str
    part: str | None = None
    elsewhere: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every step of the recipe ran."""
        return self.part is None and self.status in _ENDED

    @property
    def metrics(self) -> dict[str, Any]:
        """The run's metrics, as plain numbers."""
        return dict(msgspec.json.decode(self.metrics_text, type=dict[str, Any]))

    @property
    def keys(self) -> list[str]:
        """The keys of the run's steps."""
        return list(msgspec.json.decode(self.keys_text, type=list[str]))


class RunIndex:
    """The runs below one folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def add(self, run: str, content: bytes) -> None:
        """Add a run, or replace its row. content: of its `run.json`."""
        self._write([_row(run, content, is_elsewhere=False)])

    def rows(self) -> list[RunRow]:
        """Every run that has a folder, the latest first; the row of an unreadable one says so."""
        there = self.ids()
        if not there:  # then there may be no store either, and listing makes none
            return []
        known = self._rows("")
        found = {row.id: row for row in known}
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

    def latest_of(self, file: str | None, recipe: str) -> list[RunRow]:
        """The latest of the user's runs of a recipe, by its file, or by its name if it has none.

        The latest first, up to the latest run of the whole recipe that came to its end, and only
        the last few.
        """
        column, value = ("file", file) if file is not None else ("recipe", recipe)
        found = self._rows(
            f"where {column} = ? and elsewhere = 0 "
            f"order by started desc, id desc limit {_MOST_LATEST}",
            value,
        )
        whole = next((at for at, row in enumerate(found) if row.is_whole), len(found))
        return found[: whole + 1]

    def adopt(self) -> int:
        """Seal the records of all runs that another key sealed, or none; gives how many.

        A run whose record cannot be read stays as it is.
        """
        adopted = 0
        for row in self.rows():
            if not row.elsewhere or row.status == UNREADABLE:
                continue
            path = self._folder / row.id / RECORD
            content = read_whole(path, _MOST_BYTES)
            sealed = sealed_document(self._database.seals, row.id, without_seal(content))
            try:
                _row(row.id, sealed, is_elsewhere=False)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue
            with replacing(path) as temporary:
                temporary.write_bytes(sealed)
            self.add(row.id, sealed)
            adopted += 1
        return adopted

    def remove(self, runs: list[str]) -> None:
        """Remove runs with their folders, if these have the names of runs, and are no links."""
        import shutil

        for run in filter(is_run_id, runs):
            shutil.rmtree(self._folder / run, ignore_errors=True)  # which follows no link
        self._database.write("delete from runs where id = ?", [(run,) for run in runs])

    def ids(self) -> set[str]:
        """The names of the runs' folders, also of damaged or empty ones; a link is none."""
        try:
            with os.scandir(self._folder) as entries:
                return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        except OSError:
            return set()

    def _read_row(self, run: str) -> RunRow | None:
        """The row of a run, from its record; None if that is unreadable."""
        try:
            content = read_whole(self._folder / run / RECORD, _MOST_BYTES)
            is_own = is_own_document(self._database.seals, run, content)
            return _row(run, content, is_elsewhere=not is_own)
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return None

    def _rows(self, condition: str, *values: str) -> list[RunRow]:
        """The rows of the table that have their seals."""
        seals = self._database.seals
        found = self._database.rows(f"select {_COLUMNS}, seal from runs {condition}", values)
        return [RunRow(*row) for *row, seal in found if seals.holds(seal, _SEALED, *row)]

    def _write(self, rows: list[RunRow]) -> None:
        seals = self._database.seals
        columns = [msgspec.structs.astuple(row) for row in rows]
        self._database.write(_KEEP, [(*row, seals.seal(_SEALED, *row)) for row in columns])


def is_run_id(name: str) -> bool:
    """Whether a name is an id as flowrun gives them to runs."""
    return _ID.fullmatch(name) is not None


def true_status(status: str, process: int | None) -> str:
    """The status of a record; `killed` if it says `running` and its process is gone."""
    is_alive = process is not None and is_running(process)
    return "killed" if status == "running" and not is_alive else status


def is_own_run(folder: Path, seals: Seals) -> bool:
    """Whether the record in a run's folder was made with the user's key."""
    try:
        content = read_whole(folder / RECORD, _MOST_BYTES)
    except OSError:
        return False
    return is_own_document(seals, folder.name, content)


def _row(run: str, content: bytes, *, is_elsewhere: bool) -> RunRow:
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
        seed=str(record.seed),
        part=None if record.part is None else record.part.text,
        elsewhere=int(is_elsewhere),
    )


def _unreadable(run: str) -> RunRow | None:
    """The row of a run whose record is unreadable; None if the folder's name is not a run's id."""
    match = _ID.fullmatch(run)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    started = f"{year}-{month}-{day}T{hour}:{minute}:{second}.000+00:00"
    return RunRow(run, started, "", None, UNREADABLE, 0.0, "{}", "[]", "")
