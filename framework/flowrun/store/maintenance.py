"""Maintenance of the store: its size, removal of old values, verification."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from flowrun.errors import FlowrunError, shown_path
from flowrun.store.files import remove_abandoned
from flowrun.store.own_folder import set_aside_in
from flowrun.store.run_index import RunRow, is_run_id
from flowrun.store.step_records import OutputRecord, StepRecord
from flowrun.store.store import Store
from flowrun.store.structures import NoCodecError
from flowrun.store.value_files import is_of_value
from flowrun.values.codecs import Codecs
from flowrun.values.files import remove_file

_DAY = 86_400.0
_OF_TABLES = re.compile(r"records\.sqlite\.\d+(-\w+)?")  # damaged ones, put aside


class Part(msgspec.Struct, frozen=True):
    """One kind of thing in the store: how many, how many bytes."""

    name: str
    count: int
    bytes: int


class Holder(msgspec.Struct, frozen=True):
    """A step whose values take space: the recipe and the run that made them, and the bytes."""

    recipe: str
    step: str
    run: str
    bytes: int


class Cleaned(msgspec.Struct):
    """The items that a cleaning removed, or would remove."""

    runs: int = 0
    records: int = 0
    values: int = 0
    bytes: int = 0


class Verified(msgspec.Struct):
    """What a verification found: wrong, in a sentence each; unchecked, values no plugin reads."""

    wrong: list[str] = []
    unchecked: int = 0


class Maintenance:
    """Looks after one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def parts(self) -> list[Part]:
        """The contents of the store, by kind."""
        runs = self._store.folder.parent / "runs"
        folders = [runs / name for name in self._store.runs.ids()]
        run_bytes = sum(_sizes(_children(folder)) for folder in folders)
        objects = self._store.objects.least_used()
        tables = _sizes(list(self._store.folder.glob("records.sqlite*")))
        aside = _children(self._store.folder / "aside")
        checkpoints = _children(self._store.folder / "checkpoints")
        others = set_aside_in(self._store.folder.parent)
        aside_whole = sum(map(_sizes, map(_below, others)))
        return [
            Part("runs", len(folders), run_bytes),
            Part("records of steps", len(self._store.records.keys()), tables),
            Part("values", len(objects), sum(size for _, size, _ in objects)),
            Part("checkpoints", len(_names(checkpoints)), _sizes(checkpoints)),
            Part("damaged files put aside", len(aside), _sizes(aside)),
            *([Part("stores set aside", len(others), aside_whole)] if others else []),
        ]

    def holders(self, most: int) -> list[Holder]:
        """The steps whose stored values take the most space."""
        sizes = {name: size for name, size, _ in self._store.objects.least_used()}
        recipes = {row.id: row.recipe for row in self._store.runs.rows()}
        found = []
        for record in self._store.records.all():
            names = {output.object for output in record.outputs.values() if output.object}
            size = sum(sizes.get(name, 0) for name in names)
            if size:
                found.append(Holder(recipes.get(record.run, ""), record.step, record.run, size))
        return sorted(found, key=lambda holder: -holder.bytes)[:most]

    def clean(
        self, *, keep_days: float | None, max_size: int | None, dry_run: bool = False
    ) -> Cleaned:
        """Remove items that are not needed; returns those removed, or with `dry_run` to remove.

        keep_days: older runs are removed, then the records that no remaining run names and nobody
            made since, and the values not used since.
        max_size: of the values that remain the least recently used go, until their bytes are no
            more than this. A record that a remaining run names is never taken away.
        """
        before = 0.0 if keep_days is None else time.time() - keep_days * _DAY
        rows = self._store.runs.rows()
        old = {row.id for row in rows if _moment(row) < before and _may_go(row)}
        named = {key for row in rows if row.id not in old for key in row.keys}
        records = self._store.records.older_than(before) - named
        values = self._store.objects.least_used()
        gone = _to_go(values, before, max_size)
        strays = self._store.objects.strays()
        self._require_read()
        if not dry_run:
            self._store.runs.remove(sorted(old))
            self._store.records.remove(records)
            if keep_days is not None:
                self._remove_abandoned(before)
            self._store.objects.remove(gone)
            for path in strays:
                remove_file(path)
            self._store.compact()
        return Cleaned(len(old), len(records), len(gone), sum(gone.values()))

    def _require_read(self) -> None:
        """Raise FlowrunError if a table could not be read: what it lists would seem abandoned."""
        if not (self._store.database.is_in_reach and self._store.errors.may_write):
            folder = shown_path(self._store.folder)
            raise FlowrunError(f"the tables of {folder} cannot be read, so nothing is removed")

    def verify(self, values: Codecs) -> Verified:
        """Read everything, and describe each thing that differs from its stored digest."""
        found = Verified()
        if not self._store.database.is_whole():
            found.wrong.append(
                "the tables (records.sqlite) are damaged; the next run puts them aside"
            )
        found.wrong += [
            f"the record of the key {key} is damaged; its step runs again when it is needed"
            for key in self._store.records.damaged()
        ]
        self._verify_values(values, found)
        found.wrong += [
            f"{path} belongs to no record; `flowrun store gc` removes it"
            for path in self._store.objects.strays()
        ]
        return found

    def _verify_values(self, values: Codecs, found: Verified) -> None:
        for record, name, output in self._kept():
            assert output.object is not None
            assert output.digest is not None
            try:
                wrong = self._store.objects.check(output.object, output.digest, values)
            except NoCodecError:
                found.unchecked += 1
                continue
            if wrong is not None:
                found.wrong.append(f"the value `{name}` of `{record.step}` is damaged: {wrong}")

    def _kept(self) -> Iterator[tuple[StepRecord, str, OutputRecord]]:
        """Each kept value once: a record that names it, and the name of the output there."""
        left = {name for name, _, _ in self._store.objects.least_used()}
        for record in self._store.records.all():
            for name, output in record.outputs.items():
                if output.digest is not None and output.object in left:
                    left.remove(output.object)
                    yield record, name, output

    def _remove_abandoned(self, before: float) -> None:
        """Locks, checkpoints, damaged and temporary files older than `before`."""
        folder = self._store.folder
        for part in ("objects", "checkpoints"):
            remove_abandoned(folder / part)
        self._store.locks.remove_unused(before)
        for part in ("aside", "checkpoints"):
            for path in _children(folder / part):
                if _is_own(path) and path.lstat().st_mtime < before:
                    remove_file(path)


def _to_go(
    values: list[tuple[str, int, float]], before: float, max_size: int | None
) -> dict[str, int]:
    """The values to remove, with their bytes: unused since a moment, and those beyond a size."""
    gone = {name: size for name, size, used in values if used < before}
    left = sum(size for name, size, _ in values if name not in gone)
    for name, size, _ in values if max_size is not None else ():
        if left <= (max_size or 0):
            break
        if name not in gone:
            gone[name] = size
            left -= size
    return gone


def _is_own(path: Path) -> bool:
    """Whether the store has made a file in the folders of checkpoints and of damaged files."""
    return is_of_value(path) or _OF_TABLES.fullmatch(path.name) is not None


def _may_go(row: RunRow) -> bool:
    """Whether a run may be removed: it has ended, and the user's key and flowrun made it."""
    return row.status != "running" and not row.elsewhere and is_run_id(row.id)


def _moment(row: RunRow) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(row.started).timestamp()
    except ValueError:
        return 0.0


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _below(folder: Path) -> list[Path]:
    return [Path(above, name) for above, _, names in os.walk(folder) for name in names]


def _names(paths: list[Path]) -> set[str]:
    return {path.name.partition("-")[0].partition(".")[0] for path in paths}


def _sizes(paths: list[Path]) -> int:
    return sum(path.lstat().st_size for path in paths)
