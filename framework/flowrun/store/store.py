"""The store of one run: its records, values, digests, locks and checkpoints, in one folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowrun.store.code import Code, CodeIndex
from flowrun.store.database import Database, StoreErrors
from flowrun.store.file_digests import FileDigests
from flowrun.store.files import remove_abandoned
from flowrun.store.locks import Locks
from flowrun.store.objects import Objects
from flowrun.store.run_index import RunIndex
from flowrun.store.step_records import BASE_LENGTH, StepRecords
from flowrun.store.value_files import remove_value


class Store:
    """Everything kept below `store` in one folder, by default `.flowrun`.

    home: that folder, which also holds the `runs`.
    warn: is called with a sentence about values that could not be kept or were damaged.
    """

    def __init__(self, home: Path, warn: Callable[[str], None]) -> None:
        folder = home / "store"
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.errors = StoreErrors(warn)
        self.database = Database(folder / "records.sqlite", self.errors)
        self.records = StepRecords(self.database)
        self.objects = Objects(folder / "objects", self.database, self.errors)
        self.runs = RunIndex(self.database, home / "runs")
        self.files = FileDigests(self.database)
        self.code = CodeIndex(self.database)
        self.locks = Locks(folder, self.errors)
        self._sources_kept: set[str] = set()

    def keep_sources(self, code: Code) -> None:
        """Keep the texts of a step's modules, so that a later change can be shown line by line."""
        for name, path in code.paths.items():
            digest = code.modules[name]
            if digest in self._sources_kept:
                continue
            self._sources_kept.add(digest)
            if self.source(digest) is None:
                try:
                    text = path.read_text(encoding="utf-8", errors="replace")
                except OSError:  # it has gone since it was imported
                    continue
                self.database.write("insert or ignore into sources values (?, ?)", [(digest, text)])

    def source(self, digest: str) -> str | None:
        """The stored text of a module."""
        row = self.database.row("select text from sources where digest = ?", (digest,))
        return None if row is None else str(row[0])

    def compact(self) -> None:
        """Drop everything that no record needs any more, and free the space."""
        codes = [record.parts["code"] for record in self.records.all()]
        needed = {digest for code in codes for digest in code.values()}
        kept = self.database.rows("select digest from sources")
        unused = [row for row in kept if row[0] not in needed]
        self.database.write("delete from sources where digest = ?", unused)
        self.database.compact()

    def close(self) -> None:
        """Close everything, and warn of values that could not be kept."""
        self._remove_finished_checkpoints()
        self.locks.close()
        self.database.close()
        self.errors.report()

    def _remove_finished_checkpoints(self) -> None:
        """Remove the checkpoints of steps that are on record and that no run is computing.

        A process killed after it kept a step's record leaves one behind, and nobody calls that
        step again.
        """
        remove_abandoned(self.checkpoints)
        try:
            found = [path.name for path in self.checkpoints.iterdir()]
        except OSError:
            return
        for name in {name[:BASE_LENGTH] for name in found if not name.startswith(".")}:
            if self.records.is_known(name) and self.locks.is_free(name):
                remove_value(self.checkpoints, name)
