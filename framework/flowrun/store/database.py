"""The store's tables, in one SQLite file: step records, digests known, code seen, runs listed.

SQLite, and not a file for each record, because a record must be kept within some tens of
microseconds, completely or not at all even in a crash, and found by several processes. In
write-ahead mode a killed process loses nothing that was committed, and a power failure leaves the
last state that was synced.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

_FORMAT = 2  # of the tables; a file of another format is put aside
_WAIT = 30  # seconds to wait for another process's transaction
_PAUSE = 0.01  # seconds between two tries to open the file
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_OTHER_TABLES = ("no such table", "no such column", "has no column named")
_UNREADABLE = "Could not decode to UTF-8"  # Python's message for a damaged text

_TABLES = """
create table if not exists steps(
    key text primary key, made real not null, record blob not null, seal blob not null);
create table if not exists objects(
    name text primary key, bytes integer not null, used real not null) without rowid;
create table if not exists files(
    path text primary key, stamp text not null, digest text not null) without rowid;
create table if not exists modules(digest text primary key, syntax blob not null) without rowid;
create table if not exists sources(digest text primary key, text text not null);
create table if not exists runs(
    id text primary key, started text, recipe text, file text, status text, seconds real,
    metrics text, keys text) without rowid;
"""

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

    @property
    def may_write(self) -> bool:
        """Whether it is still worth trying to write; a disk that is full stays so."""
        return not self._unkept

    def note(self, what: str, error: BaseException) -> None:
        """Note that something could not be kept, and why."""
        self._unkept[what] = self._unkept.get(what, 0) + 1
        self._reason = self._reason or f"{type(error).__name__}: {error}"

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
    """

    def __init__(self, path: Path, errors: StoreErrors) -> None:
        self._path = path
        self._errors = errors
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._is_out_of_reach = False

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of a query."""
        return self._tried(lambda connection: connection.execute(sql, values).fetchall()) or []

    def row(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """The first row that a query gives, or None."""
        return self._tried(lambda connection: connection.execute(sql, values).fetchone())

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """A statement for each of the rows, all of them or none."""

        def work(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.executemany(sql, rows)

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

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._inode = _inode(self._path)
            self._connection = self._opened()
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        last = time.monotonic() + _WAIT
        while True:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                return _opened_to_write(self._path)
            except (sqlite3.OperationalError, PermissionError) as error:
                # Another process may be making the tables: SQLite does not wait for that itself.
                if _is_busy(error) and time.monotonic() < last:
                    time.sleep(_PAUSE)
                elif _is_busy(error) or not self._path.is_file():
                    raise
                else:
                    address = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
                    return sqlite3.connect(address, uri=True, isolation_level=None)

    def _tried(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of `work`; if the file turns out to be damaged, on a new one."""
        if self._is_out_of_reach:
            return None
        try:
            try:
                return work(self._connected())
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if _is_damage(error):
                    self._put_aside()
                elif self._connection is not None and str(error).startswith(_UNREADABLE):
                    self._connection.text_factory = _as_far_as_readable
                else:
                    raise
                return work(self._connected())
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._is_out_of_reach = self._connection is None
            self._errors.note(f"records in {self._path}", error)
            return None

    def _put_aside(self) -> None:
        self.close()
        if _inode(self._path) not in (None, self._inode) and self._inode is not None:
            return  # another process has done so already
        aside = self._path.parent / "aside"
        aside.mkdir(exist_ok=True)
        damaged = aside / f"{self._path.name}.{time.time_ns()}"
        self._path.replace(damaged)
        for suffix in ("-wal", "-shm"):  # they belong to the damaged file
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._errors.warn(
            f"the records in {self._path} were damaged, and start empty; "
            f"the damaged file lies in {damaged}"
        )


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _is_busy(error: Exception) -> bool:
    """Whether an error means that another process is using the file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _is_damage(error: Exception) -> bool:
    """Whether an error means that the file is damaged.

    Python decodes SQLite's message, which may quote a damaged text, and fails at that.
    """
    is_damaged = getattr(error, "sqlite_errorcode", None) in _DAMAGED
    has_other_tables = any(words in str(error) for words in _OTHER_TABLES)
    return is_damaged or has_other_tables or isinstance(error, UnicodeDecodeError)


def _as_far_as_readable(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _opened_to_write(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    try:
        (found,) = connection.execute("pragma user_version").fetchone()
        connection.execute("pragma journal_mode = wal")  # each time: it fails without an error
        if found != _FORMAT:
            with _transaction(connection):
                if found:  # this flowrun cannot read the tables of a later or earlier one
                    _drop_all(connection)
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"pragma user_version = {_FORMAT}")
        connection.execute("pragma synchronous = normal")
    except BaseException:
        connection.close()
        raise
    return connection


def _drop_all(connection: sqlite3.Connection) -> None:
    names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
    for (name,) in names:
        connection.execute(f'drop table "{name}"')


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
