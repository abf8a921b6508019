"""The store's tables, in one SQLite file: step records, digests known, code seen, runs listed.

SQLite, and not a file for each record, because a record must be kept within some tens of
microseconds, completely or not at all even in a crash, and found by several processes. In
write-ahead mode a killed process loses nothing that was committed, and a power failure leaves the
last state that was synced.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from flowrun.errors import shown_path
from flowrun.store.own_folder import NotBelievedError, OwnFolder, only_one
from flowrun.store.tables import (
    BESIDE,
    PATIENCE,
    OtherTablesError,
    opened_to_read,
    opened_to_write,
    require_plain,
    transaction,
)
from flowrun.values.texts import readable

_WAIT = 30.0  # seconds to wait for it in all
_PAUSE = 0.01  # seconds between two tries to open the file
_AT_ONCE = 1000  # rows
_LEAST = 6  # bytes of a row in the file, at least
_MOST_RATIO = 2  # of the rows of a query to the bytes of the file
_STATEMENT = 10.0  # seconds of processor for a statement: damaged pages can name one another
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNREADABLE = "Could not decode to UTF-8"  # Python's message for a damaged text

Row = tuple[Any, ...]
T = TypeVar("T")


class StoreErrors:
    """The failures of one run's store. None of them spoils the run.

    warn: is called with a sentence the user should see at once.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.warn = warn
        self._unkept: dict[str, int] = {}
        self._reason = ""
        self.may_write = True  # whether it is still worth trying; a disk that is full stays so

    def note(self, what: str, error: BaseException) -> None:
        """Note that something could not be kept, and why."""
        self._unkept[what] = self._unkept.get(what, 0) + 1
        self._reason = self._reason or f"{type(error).__name__}: {error}"
        if isinstance(error, (OSError, sqlite3.Error)):  # and not a value that has no form on disk
            self.may_write = False

    def report(self) -> None:
        """Warn once of everything that was not kept, if anything was not."""
        if self._unkept:
            what = "\n    ".join(self._unkept)
            self.warn(
                f"not everything could be kept ({self._reason}); the results are not affected, "
                f"but a rerun may have to recompute them:\n    {what}"
            )
            self._unkept = {}


class Database:
    """A connection to the tables, made at the first use.

    A row that cannot be read counts as missing, and one that cannot be written is not kept:
    `errors` collects both, so that callers need not check every query. A damaged file is moved
    aside and replaced by an empty one. If the folder is read-only, its rows can still be read.

    folder: is set aside if another key made it, before SQLite reads it.
    """

    def __init__(self, path: Path, errors: StoreErrors, folder: OwnFolder) -> None:
        self.seals = folder.seals
        self._path = path
        self._folder = folder
        self._errors = errors
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._deadline = 0.0
        self._is_out_of_reach = False

    @property
    def is_in_reach(self) -> bool:
        """Whether the store can be used: it is the user's own, and its file can be read."""
        if self._connection is None:
            self._tried(lambda connection: None)
        return not self._is_out_of_reach

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of a query."""
        return self._tried(lambda connection: self._all(_executed(connection, sql, values))) or []

    def row(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """The first row that a query gives, or None."""
        return self._tried(lambda connection: _executed(connection, sql, values).fetchone())

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """A statement for each of the rows, all of them or none."""

        def work(connection: sqlite3.Connection) -> None:
            try:
                with transaction(connection):
                    connection.executemany(sql, rows)
            except UnicodeEncodeError:
                with transaction(connection):
                    connection.executemany(sql, map(_readable, rows))

        if rows and self._errors.may_write:
            self._tried(work)

    def compact(self) -> None:
        """Give the space of removed rows back to the disk."""
        self._tried(lambda connection: connection.execute("vacuum"))

    def is_whole(self) -> bool:
        """Whether SQLite finds its own file in order."""
        return self.row("pragma quick_check") == ("ok",)

    def close(self) -> None:
        """Close the connection; the last one to close has the file written out and synced."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _all(self, cursor: sqlite3.Cursor) -> list[Row]:
        """All rows, which have no more text than the file: damaged pages can repeat others."""
        found: list[Row] = []
        size = 0
        while batch := cursor.fetchmany(_AT_ONCE):
            found += batch
            if len(batch) == _AT_ONCE:
                size += sum(_LEAST + sum(map(_text_size, row)) for row in batch)
                if size > _MOST_RATIO * self._bytes():
                    raise _damage("its pages give more than they can hold")
        return found

    def _bytes(self) -> int:
        paths = [self._path, self._path.with_name(f"{self._path.name}-wal")]
        return sum(path.lstat().st_size for path in paths if path.exists())

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._folder.claim()
            self._inode = _inode(self._path)
            require_plain(self._path)
            self._connection = self._opened()
            self._inode = self._inode or _inode(self._path)  # it may just have been made
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        start, is_announced = time.monotonic(), False
        while True:
            self._begin_statement()
            try:
                return opened_to_write(self._path, self._is_late)
            except (sqlite3.OperationalError, PermissionError) as error:
                # Another process may be making the tables: SQLite does not wait for that itself.
                waited = time.monotonic() - start
                if _is_busy(error) and waited < _WAIT:
                    if waited > PATIENCE and not is_announced:
                        is_announced = True
                        self._warn_of_wait()
                    time.sleep(_PAUSE)
                elif _is_busy(error) or not self._path.is_file():
                    raise
                else:
                    connection = opened_to_read(self._path, self._is_late)
                    if connection is None:  # the disk was full before it had tables
                        raise
                    return connection

    def _begin_statement(self) -> None:
        self._deadline = time.thread_time() + _STATEMENT

    def _is_late(self) -> bool:
        return time.thread_time() > self._deadline

    def _tried(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of `work`; if the file turns out to be damaged, on a new one."""
        if self._is_out_of_reach:
            return None
        try:
            try:
                return self._patiently(work)
            except OtherTablesError as error:
                self.close()
                self._folder.set_aside(str(error), lambda: _inode(self._path) == self._inode)
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if _is_damage(error):
                    self._put_aside()
                elif self._connection is not None and str(error).startswith(_UNREADABLE):
                    self._connection.text_factory = _as_far_as_readable
                else:
                    raise
            return self._patiently(work)
        except NotBelievedError:
            self._is_out_of_reach = True  # of which the user is informed
            return None
        except (sqlite3.Error, OSError, UnicodeDecodeError, OtherTablesError) as error:
            # A lock that is not released, or a page that names itself, would cost its time again.
            self._is_out_of_reach = self._connection is None or _takes_too_long(error)
            self._errors.note(f"records in {self._path}", error)
            return None

    def _patiently(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work`, with the user informed if another process makes it wait."""
        connection = self._connected()
        self._begin_statement()
        try:
            return work(connection)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
        self._warn_of_wait()
        connection.execute(f"pragma busy_timeout = {int((_WAIT - PATIENCE) * 1000)}")
        return work(connection)

    def _warn_of_wait(self) -> None:
        self._errors.warn(
            f"waiting for another process that writes to {shown_path(self._path)}, for at most "
            f"{_WAIT:.0f} s; then this run goes on without what is stored"
        )

    def _put_aside(self) -> None:
        self.close()
        damaged = self._path.parent / "aside" / f"{self._path.name}.{time.time_ns()}"
        with only_one(self._path.parent):
            if self._inode is not None and _inode(self._path) != self._inode:
                return  # another process has done so already
            damaged.parent.mkdir(exist_ok=True)
            self._path.replace(damaged)
            for suffix in BESIDE:  # they belong to the damaged file
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._errors.warn(
            f"the records in {self._path} were damaged, and start empty; "
            f"the damaged file lies in {damaged}"
        )


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except OSError:
        return None


def _is_busy(error: Exception) -> bool:
    """Whether an error means that another process is using the file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _takes_too_long(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return _is_busy(error) or code == sqlite3.SQLITE_INTERRUPT


def _damage(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _text_size(value: object) -> int:
    return len(value) if isinstance(value, (str, bytes)) else 0


def _is_damage(error: Exception) -> bool:
    """Whether an error means that the file is damaged.

    Python decodes SQLite's message, which may quote a damaged text, and fails at that.
    """
    is_damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
    return is_damaged or isinstance(error, UnicodeDecodeError)


def _as_far_as_readable(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _executed(connection: sqlite3.Connection, sql: str, values: Sequence[object]) -> sqlite3.Cursor:
    """Execute a query; names that are not UTF-8 stand in the tables as they are shown."""
    try:
        return connection.execute(sql, values)
    except UnicodeEncodeError:
        return connection.execute(sql, _readable(values))


def _readable(values: Sequence[object]) -> list[object]:
    return [readable(value) if isinstance(value, str) else value for value in values]
