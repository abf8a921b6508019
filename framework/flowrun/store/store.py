"""The store of one run: its records, values, digests, locks and checkpoints, in one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flowrun.store.closure import Code
from flowrun.store.code import CodeIndex
from flowrun.store.database import Database, StoreErrors
from flowrun.store.file_digests import FileDigests
from flowrun.store.files import remove_abandoned
from flowrun.store.locks import Locks
from flowrun.store.run_index import RunIndex
from flowrun.store.step_records import BASE_LENGTH, StepRecords
from flowrun.store.value_files import (
    DamagedValueError,
    NoCodecError,
    NotKeepableError,
    read_value,
    remove_value,
    value_paths,
    write_value,
)
from flowrun.values.codecs import Codecs


class Store:
    """Everything kept below `store` in one folder, by default `.flowrun`.

    home: that folder, which also contains the `runs`.
    warn: called with a sentence about values that could not be kept or were damaged.
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
        self.code = CodeIndex(self.database, self.files)
        self.locks = Locks(folder, self.errors)
        self._sources_kept: set[str] = set()

    def keep_sources(self, code: Code) -> None:
        """Keep the texts of a step's modules, so that a later change can be shown line by line."""
        for digest in code.modules.values():
            if digest in self._sources_kept:
                continue
            self._sources_kept.add(digest)
            text = self.code.text(digest)
            if text is not None and self.source(digest) is None:
                self.database.write("insert or ignore into sources values (?, ?)", [(digest, text)])

    def source(self, digest: str) -> str | None:
        """The stored text of a module, by the digest of the part of it that a step reached."""
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
        self.files.write()
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


MISSING: Any = object()  # a value that is not to be had

_NAME_LENGTH = 32
_COARSE = 3600  # seconds within which a further use is not written down


class Objects:
    """The folder of kept values, with their sizes and last uses in the tables."""

    def __init__(self, folder: Path, database: Database, errors: StoreErrors) -> None:
        self._folder = folder
        self._database = database
        self._errors = errors

    def keep(self, value: object, digest: str, values: Codecs) -> str | None:
        """Keep a value; gives its name, or None if it could not be kept."""
        if not self._errors.may_write:
            return None
        try:
            name = digest[:_NAME_LENGTH]
            if (self._folder / f"{name}.json").is_file():
                size = self._bytes(name)  # a process killed here may have left it out of the table
            else:
                size = write_value(self._folder, name, value, digest, values)
            self._database.write(
                "insert or replace into objects values (?, ?, ?)", [(name, size, time.time())]
            )
        except NotKeepableError:
            return None
        except Exception as error:  # a codec writes by whatever library it likes
            self._errors.note(f"values in {self._folder}", error)
            return None
        return name

    def read(self, name: str, digest: str, values: Codecs) -> Any:
        """A kept value; MISSING if it is gone or damaged, or if no codec reads its type."""
        try:
            value = read_value(self._folder, name, digest, values)
        except (FileNotFoundError, NoCodecError):
            return MISSING
        except (OSError, DamagedValueError) as error:
            self._put_aside(name, error)
            return MISSING
        now = time.time()
        self._database.write(
            "update objects set used = ? where name = ? and used < ?", [(now, name, now - _COARSE)]
        )
        return value

    def check(self, name: str, digest: str, values: Codecs) -> str | None:
        """What is wrong with a kept value; None if nothing is."""
        try:
            read_value(self._folder, name, digest, values)
        except (OSError, DamagedValueError) as error:
            return str(error)
        return None

    def least_used(self) -> list[tuple[str, int, float]]:
        """Name, bytes and last use of each kept value, the least recently used first."""
        rows = self._database.rows("select name, bytes, used from objects order by used")
        return [(str(name), int(size), float(used)) for name, size, used in rows]

    def remove(self, names: Iterable[str]) -> None:
        """Remove kept values; a record that names one finds it missing, and it is recomputed."""
        for name in names:
            for path in value_paths(self._folder, name):
                path.unlink(missing_ok=True)
            self._database.write("delete from objects where name = ?", [(name,)])

    def strays(self) -> list[Path]:
        """Files that no table knows, as a process killed between two writes leaves them."""
        known = {name for name, _, _ in self.least_used()}
        found = self._folder.iterdir() if self._folder.is_dir() else iter(())
        return [path for path in found if path.name[:_NAME_LENGTH] not in known]

    def _bytes(self, name: str) -> int:
        return sum(path.stat().st_size for path in value_paths(self._folder, name))

    def _put_aside(self, name: str, error: Exception) -> None:
        aside = self._folder.parent / "aside"
        try:
            aside.mkdir(exist_ok=True)
            for path in value_paths(self._folder, name):
                if path.exists():
                    path.replace(aside / path.name)
            self._database.write("delete from objects where name = ?", [(name,)])
        except OSError as failure:
            self._errors.note(f"damaged values in {self._folder} put aside", failure)
        self._errors.warn(
            "a kept value was damaged, and is recomputed; "
            f"the damaged file lies in {aside}: {error}"
        )
