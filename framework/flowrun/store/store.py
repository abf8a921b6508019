"""The store of one run: its records, values, digests, locks and checkpoints, under one folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowrun.store.checkpoint_files import remove_finished
from flowrun.store.claims import Claims
from flowrun.store.code import Code, CodeIndex
from flowrun.store.database import Database
from flowrun.store.file_digests import FileDigests
from flowrun.store.objects import Objects
from flowrun.store.outcomes import Outcomes
from flowrun.store.run_index import RunIndex
from flowrun.store.step_records import StepRecords
from flowrun.store.store_errors import StoreErrors


class Store:
    """Everything kept below `store` in one folder, by default `.flowrun`.

    home: that folder, which also holds the `runs`.
    complain: is told, in a sentence, what could not be kept or was found damaged.
    """

    def __init__(self, home: Path, complain: Callable[[str], None]) -> None:
        folder = home / "store"
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.trouble = StoreErrors(complain)
        self.database = Database(folder / "records.sqlite", self.trouble)
        self.records = StepRecords(self.database)
        self.objects = Objects(folder / "objects", self.database, self.trouble)
        self.runs = RunIndex(self.database, home / "runs")
        self.outcomes = Outcomes(self.database)
        self.files = FileDigests(self.database)
        self.code = CodeIndex(self.database)
        self.claims = Claims(folder / "locks", self.database, self.trouble)
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
        """The text of a module as it was kept."""
        row = self.database.row("select text from sources where digest = ?", (digest,))
        return None if row is None else str(row[0])

    def compact(self) -> None:
        """Drop what no record needs any more, and give the space back."""
        codes = [record.parts["code"] for record in self.records.all()]
        needed = {digest for code in codes for digest in code.values()}
        kept = self.database.rows("select digest from sources")
        unused = [row for row in kept if row[0] not in needed]
        self.database.write("delete from sources where digest = ?", unused)
        self.database.compact()

    def close(self) -> None:
        """Give back what is claimed, close the tables, and say what could not be kept."""
        self.claims.end()
        remove_finished(self.checkpoints, self.database)
        self.database.close()
        self.trouble.tell()
