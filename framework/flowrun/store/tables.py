"""The tables of the store in their SQLite file: opened, made, and refused if they are others.

The file may come from a stranger who has seen a store of the user's. So a file with anything but
the tables is not used: SQLite would execute a view or a trigger, and one can be without an end.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from flowrun.values.files import real_path

_FORMAT = 5  # of the tables; a store of another format is set aside
PATIENCE = 2.0  # seconds to wait for another process's transaction before the user is informed
_STEPS = 100_000  # of SQLite's machine, after which the time is looked at
_LONGEST = 60.0  # seconds of processor to read all records of another store
_MOST_BYTES = 1 << 28  # of a row; SQLite would take four times as much
_MOST_SQL = 100_000  # bytes of a statement, those of the tables' own definitions among them
_JOURNAL_END = bytes.fromhex("d9d505f920a163d7")  # of a journal that names a file to remove
BESIDE = ("-wal", "-shm", "-journal")  # the ends of the names of SQLite's files beside its own

# As SQLite keeps them, so that it can be seen that a file has these tables and nothing else.
_TABLES = (
    "steps(key text primary key, made real not null, record blob not null, seal blob not null)",
    "objects(name text primary key, bytes integer not null, used real not null) without rowid",
    "files(path text primary key, stamp text not null, digest text not null, seal blob not null) "
    "without rowid",
    "modules(digest text primary key, syntax blob not null, seal blob not null) without rowid",
    "sources(digest text primary key, text text not null, seal blob not null)",
    "runs(id text primary key, started text, recipe text, file text, status text, seconds real, "
    "metrics text, keys text, seed text, part text, elsewhere integer, seal blob) without rowid",
)
_SCHEMA = {
    b"sqlite_autoindex_steps_1": None,
    b"sqlite_autoindex_sources_1": None,
    **{one.partition("(")[0].encode(): f"CREATE TABLE {one}".encode() for one in _TABLES},
}


class OtherTablesError(Exception):
    """The file has other tables than these."""


def require_plain(path: Path) -> None:
    """Refuse a link, pipe, folder or device in place of one of SQLite's files: it would open it.

    And a journal that names another one, as SQLite makes it for several databases at once: it would
    remove the file of that name. (The tables themselves are not opened here: to close them again
    would release the locks that another connection of this process has.)
    """
    for suffix in ("", *BESIDE):
        name = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(name.lstat().st_mode):
                raise OtherTablesError(f"has no plain file as {name.name}")
            if suffix == "-journal" and _names_another(name):
                raise OtherTablesError("has a journal that is not its own")


def _names_another(journal: Path) -> bool:
    with journal.open("rb") as file:
        file.seek(-min(len(_JOURNAL_END), file.seek(0, os.SEEK_END)), os.SEEK_END)
        return file.read() == _JOURNAL_END


def opened_to_write(path: Path, is_late: Callable[[], bool]) -> sqlite3.Connection:
    """A connection to the tables, which are made if there are none.

    is_late: is asked from time to time whether a statement is to be interrupted.
    """
    with contextlib.suppress(OSError):  # SQLite would make it with the mode 0644 for any umask
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
    connection = _connection(path, is_late, uri=False)
    try:
        if _has_none(connection):
            connection.execute("pragma journal_mode = wal")
            with transaction(connection):
                if _has_none(connection):  # no other process has made them meanwhile
                    _make_tables(connection)
        _require_tables(connection)
        connection.execute("pragma journal_mode = wal")  # each time: it fails without an error
        connection.execute("pragma synchronous = normal")
    except BaseException:
        connection.close()
        raise
    return connection


def opened_to_read(path: Path, is_late: Callable[[], bool]) -> sqlite3.Connection | None:
    """A connection to a file that cannot be written; None if it has no tables yet."""
    address = f"{real_path(path).as_uri()}?mode=ro&immutable=1"
    connection = _connection(address, is_late, uri=True)
    try:
        if _has_none(connection):
            connection.close()
            return None
        _require_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def rows_of_steps(path: Path) -> list[tuple[object, object]]:
    """The keys and records of the steps in a file of any format that has such a table.

    Raises OtherTablesError if it has none, and what SQLite raises.
    """
    last = time.thread_time() + _LONGEST
    address = f"{real_path(path).as_uri()}?mode=ro"
    with closing(_connection(address, lambda: time.thread_time() > last, uri=True)) as connection:
        found = connection.execute("select sql from sqlite_master where name = 'steps'").fetchone()
        text = " ".join(str(found and found[0]).split()).replace("( ", "(")
        if text != f"CREATE TABLE {_TABLES[0]}":
            raise OtherTablesError("it has no table of steps")
        return connection.execute("select key, record from steps").fetchall()


def _connection(path: Path | str, is_late: Callable[[], bool], *, uri: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, uri=uri, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    connection.set_progress_handler(is_late, _STEPS)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _MOST_SQL)
    connection.execute("pragma trusted_schema = off")
    connection.execute("pragma cell_size_check = on")
    return connection


def _has_none(connection: sqlite3.Connection) -> bool:
    """Whether the file has no tables yet."""
    return not _format(connection) and not connection.execute(_COUNT).fetchone()[0]


_COUNT = "select count(*) from sqlite_master"


def _format(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("pragma user_version").fetchone()[0]
    return found


def _require_tables(connection: sqlite3.Connection) -> None:
    """Refuse a file of another format, and one with anything but the tables: a view may not end."""
    found = _format(connection)
    if found != _FORMAT:
        raise OtherTablesError(
            f"is of another flowrun (its tables have the format {found}, not {_FORMAT})"
        )
    connection.text_factory = bytes
    schema = connection.execute("select name, sql from sqlite_master").fetchmany(len(_SCHEMA) + 1)
    connection.text_factory = str
    if sorted(schema, key=repr) != sorted(_SCHEMA.items(), key=repr):
        raise OtherTablesError("has other tables than flowrun makes")


def _make_tables(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(f"CREATE TABLE {table}")
    connection.execute(f"pragma user_version = {_FORMAT}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
