"""The store of one run: its records, values, digests, locks and checkpoints, in one folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flowrun.store.closure import Code
from flowrun.store.code import CodeIndex
from flowrun.store.database import Database, StoreErrors
from flowrun.store.file_digests import FileDigests
from flowrun.store.files import remove_abandoned, replacing
from flowrun.store.home import require_no_link
from flowrun.store.locks import Locks
from flowrun.store.own_folder import TABLES, OwnFolder
from flowrun.store.run_index import RunIndex
from flowrun.store.seals import Seals
from flowrun.store.step_records import BASE_LENGTH, StepRecords
from flowrun.store.structures import DamagedValueError, NoCodecError, NotKeepableError
from flowrun.store.value_files import (
    NAME_LENGTH,
    is_of_value,
    is_value_name,
    read_value,
    remove_value,
    sealed_anew,
    value_paths,
    write_value,
)
from flowrun.values.codecs import Codecs
from flowrun.values.files import is_file


class Store:
    """Everything kept below `store` in one folder, by default `.flowrun`.

    home: that folder, which also contains the `runs`.
    warn: called with a sentence about values that could not be kept or were damaged.
    sets_aside: whether a store that another key made is set aside, for one of the user's own; if
        not, it is only not used.

    Raises FlowrunError if a link is in the place of a folder or file of it.
    """

    def __init__(self, home: Path, warn: Callable[[str], None], *, sets_aside: bool = True) -> None:
        require_no_link(home)
        folder = home / "store"
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.errors = StoreErrors(warn)
        self.seals = Seals(warn)
        own = OwnFolder(folder, self.seals, warn, may_move=sets_aside)
        self.database = Database(folder / TABLES, self.errors, own)
        self.records = StepRecords(self.database)
        self.objects = Objects(folder / "objects", self.database, self.errors)
        self.runs = RunIndex(self.database, home / "runs")
        self.files = FileDigests(self.database)
        self.code = CodeIndex(self.database, self.files)
        self.locks = Locks(folder, self.errors)
        self._sources_kept: set[str] = set()

    def keep_sources(self, code: Code) -> None:
        """Keep the texts of a step's modules, so that a later change can be shown line by line."""
        new = [digest for digest in code.modules.values() if digest not in self._sources_kept]
        if not new:
            return
        self._sources_kept.update(new)
        marks = ", ".join("?" * len(new))
        kept = self.database.rows(f"select digest from sources where digest in ({marks})", new)
        there = {row[0] for row in kept}
        texts = {digest: self.code.text(digest) for digest in new if digest not in there}
        rows = [
            (digest, text, self.seals.seal(_SEALED, digest, text))
            for digest, text in texts.items()
            if text is not None
        ]
        self.database.write("insert or replace into sources values (?, ?, ?)", rows)

    def source(self, digest: str) -> str | None:
        """The stored text of a module, by the digest of the part of it that a step reached."""
        row = self.database.row("select text, seal from sources where digest = ?", (digest,))
        if row is None or not self.seals.holds(row[1], _SEALED, digest, row[0]):
            return None
        return str(row[0])

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
        for name in {name[:BASE_LENGTH] for name in found}:
            if not is_value_name(name):
                continue  # no step has made it
            if self.records.is_known(name) and self.locks.is_free(name):
                remove_value(self.checkpoints, name)


_SEALED = "sources"  # the kind of the seals
MISSING: Any = object()  # a value that is not to be had

_KEEP = "insert or replace into objects values (?, ?, ?)"
_COARSE = 3600  # seconds within which a further use is not written down


class Objects:
    """The folder of kept values, with their sizes and last uses in the tables."""

    def __init__(self, folder: Path, database: Database, errors: StoreErrors) -> None:
        self._folder = folder
        self._database = database
        self._seals = database.seals
        self._errors = errors

    def keep(self, value: object, digest: str, values: Codecs) -> str | None:
        """Keep a value; gives its name, or None if it could not be kept."""
        if not self._errors.may_write or not self._database.is_in_reach:
            return None
        try:
            name = digest[:NAME_LENGTH]
            if is_file(self._folder / f"{name}.json"):
                size = self._bytes(name)  # a process killed here may have left it out of the table
            else:
                size = write_value(self._folder, name, value, digest, values, self._seals)
            self._database.write(_KEEP, [(name, size, time.time())])
        except NotKeepableError:
            return None
        except Exception as error:  # a codec writes by whatever library it likes
            self._errors.note(f"values in {self._folder}", error)
            return None
        return name

    def read(self, name: str, digest: str, values: Codecs) -> Any:
        """A kept value; MISSING if it is gone or damaged, or if no codec reads its type.

        name: of a record. One that `keep` cannot have given is MISSING, and nothing is touched.
        """
        if not is_value_name(name):
            return MISSING
        try:
            value = read_value(self._folder, name, digest, values, self._seals)
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

    def take(self, name: str, paths: list[Path]) -> bool:
        """Copy the files of a kept value of another store; whether it was not there yet."""
        if not paths or is_file(self._folder / f"{name}.json"):
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(
            paths, key=lambda path: path.suffix == ".json"
        ):  # which names the others
            with replacing(self._folder / path.name) as temporary:
                if path.suffix == ".json":
                    temporary.write_bytes(sealed_anew(path, self._seals))
                else:
                    shutil.copyfile(path, temporary)
        self._database.write(_KEEP, [(name, self._bytes(name), time.time())])
        return True

    def check(self, name: str, digest: str, values: Codecs) -> str | None:
        """What is wrong with a kept value; None if nothing is.

        Raises NoCodecError for one that only plugins can read that are not loaded.
        """
        if not is_value_name(name):
            return "its record names no file of the store"
        try:
            read_value(self._folder, name, digest, values, self._seals)
        except NoCodecError:
            raise
        except (OSError, DamagedValueError) as error:
            return str(error)
        return None

    def least_used(self) -> list[tuple[str, int, float]]:
        """Name, bytes and last use of each kept value, the least recently used first."""
        rows = self._database.rows("select name, bytes, used from objects order by used")
        return [row for row in rows if tuple(map(type, row)) == (str, int, float)]

    def remove(self, names: Iterable[str]) -> None:
        """Remove kept values; a record that names one finds it missing, and it is recomputed.

        Of a name that `keep` cannot have given, only the row is removed.
        """
        for name in names:
            if is_value_name(name):
                remove_value(self._folder, name)
            self._database.write("delete from objects where name = ?", [(name,)])

    def strays(self) -> list[Path]:
        """Files that no table knows, as a process killed between two writes leaves them.

        Only those with the name of a value: the store has made no others.
        """
        known = {name for name, _, _ in self.least_used()}
        found = self._folder.iterdir() if self._folder.is_dir() else iter(())
        return [
            path for path in found if is_of_value(path) and path.name[:NAME_LENGTH] not in known
        ]

    def _bytes(self, name: str) -> int:
        return sum(path.lstat().st_size for path in value_paths(self._folder, name))

    def _put_aside(self, name: str, error: Exception) -> None:
        aside = self._folder.parent / "aside"
        try:
            aside.mkdir(exist_ok=True)
            for path in value_paths(self._folder, name):
                path.replace(aside / path.name)
            self._database.write("delete from objects where name = ?", [(name,)])
        except OSError as failure:
            self._errors.note(f"damaged values in {self._folder} put aside", failure)
        self._errors.warn(
            "a kept value was damaged, and is recomputed; "
            f"the damaged file lies in {aside}: {error}"
        )
