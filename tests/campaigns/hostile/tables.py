"""Databases from a stranger who has seen a store of the user's: files, schemas, pages and rows."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.campaigns.hostile import forging
from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.forging import FALSE, RECIPE, TABLES, ran
from tests.campaigns.hostile.world import World

Harm = Callable[[World], object]

TRUE = r"b \(2,\) \[3, 4\]"
_ENDLESS = (
    "with recursive n(i) as (select 1 union all select i + 1 from n)"
    " select cast(i as text) as key, 1.0 as made, x'80' as record, x'00' as seal from n"
)
_OTHER = ("runs", "store verify", "explain r.yaml", "store gc --max-size 0", "store", "show last")


def _special(make: Callable[[World, str], object], suffix: str, world: World) -> None:
    path = world.project / f"{TABLES}{suffix}"
    path.unlink(missing_ok=True)
    make(world, f"{TABLES}{suffix}")


def _content(change: Callable[[bytes], bytes], suffix: str, world: World) -> None:
    path = world.project / f"{TABLES}{suffix}"
    path.write_bytes(change(path.read_bytes() if path.exists() else b""))


def _sql(sql: str, world: World) -> None:
    forging.script(world, sql)


def _in_schema(name: str, sql: str, world: World) -> None:
    """Write a definition into the schema itself, past SQLite's checks."""
    with closing(sqlite3.connect(world.project / TABLES)) as connection, connection:
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_master set sql = ? where name = ?", (sql, name))


def _wal_of_another(world: World) -> None:
    """The write-ahead log of another database, with its index, beside the user's tables."""
    other = world.project / "other.sqlite"
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table steps(x)")
        for number in range(200):
            connection.execute("insert into steps values (?)", (str(number) * 500,))
        for suffix in ("-wal", "-shm"):
            content = Path(f"{other}{suffix}").read_bytes()
            (world.project / f"{TABLES}{suffix}").write_bytes(content)


def _journal_of_several(world: World) -> None:
    """A journal that names a file of the user's: SQLite would remove that once it has gone back."""
    name = str(world.outside / "thesis.txt").encode()
    with closing(sqlite3.connect(world.project / TABLES)) as connection:
        connection.execute("pragma journal_mode = delete")
    size = (world.project / TABLES).stat().st_size
    magic = bytes.fromhex("d9d505f920a163d7")
    head = magic + bytes(4) + b"abcd" + (size // 4096).to_bytes(4, "big")
    head += (512).to_bytes(4, "big") + (4096).to_bytes(4, "big")
    end = name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + magic
    lock_page = (0x40000000 // 4096 + 1).to_bytes(4, "big")
    path = world.project / f"{TABLES}-journal"
    path.write_bytes(head.ljust(512, b"\0") + lock_page + end)


def _pages_of_pages(world: World) -> None:
    """A tree in which all children of a page are the same page: to walk it has no end."""
    forging.execute(world, "delete from runs")
    with closing(sqlite3.connect(world.project / TABLES)) as connection, connection:
        many = ((f"{n:06}", "x" * 400) for n in range(4000))
        connection.executemany("insert into runs (id, recipe) values (?, ?)", many)
        root = connection.execute("select rootpage from sqlite_master where name = 'runs'")
        number = root.fetchone()[0]
        connection.execute("pragma journal_mode = delete")
    path = world.project / TABLES
    content = bytearray(path.read_bytes())
    root = content[(number - 1) * _PAGE : number * _PAGE]
    assert root[0] == _INNER
    last = bytes(root[8:12])  # a leaf
    first = len(content) // _PAGE + 1
    content[(number - 1) * _PAGE : number * _PAGE] = _with_children(root, first.to_bytes(4, "big"))
    for more in range(_LEVELS):
        child = last if more == _LEVELS - 1 else (first + more + 1).to_bytes(4, "big")
        content += _with_children(root, child)
    content[28:32] = (len(content) // _PAGE).to_bytes(4, "big")
    path.write_bytes(content)


_PAGE, _INNER, _LEVELS = 4096, 2, 15


def _with_children(page: bytearray, child: bytes) -> bytearray:
    """An inner page of which every child is the same page."""
    found = bytearray(page)
    for cell in range(int.from_bytes(found[3:5], "big")):
        at = 12 + 2 * cell
        place = int.from_bytes(found[at : at + 2], "big")
        found[place : place + 4] = child
    found[8:12] = child
    return found


def _many_rows(world: World) -> None:
    with closing(sqlite3.connect(world.project / TABLES)) as connection, connection:
        rows = ((f"{n:064x}", float(n), b"\x80", bytes(32)) for n in range(50_000))
        connection.executemany("insert into steps values (?, ?, ?, ?)", rows)


def _large_rows(world: World) -> None:
    forging.execute(world, "update steps set record = zeroblob(300000000) where rowid = 1")


_SPECIAL: dict[str, Callable[[World, str], object]] = {
    "a pipe": lambda world, name: world.fifo(name),
    "a link to a file of the user's": lambda world, name: world.link(name, "../../../thesis.txt"),
    "a link to nothing": lambda world, name: world.link(name, "nothing"),
    "a link to a device": lambda world, name: world.link(name, "/dev/zero"),
    "a folder": lambda world, name: (world.project / name).mkdir(),
}
_CONTENT: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "its first byte": lambda content: content[:1],
    "half of its header": lambda content: content[:50],
    "its header": lambda content: content[:100],
    "half of it": lambda content: content[: len(content) // 2],
    "all but its last page": lambda content: content[:-4096],
    "all but its last byte": lambda content: content[:-1],
    "text": lambda content: b"hello\n" * 1000,
    "pages of ones": lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
    "its pages in reverse": lambda content: b"".join(
        content[at : at + 4096] for at in (0, *range(len(content) - 4096, 0, -4096))
    ),
}
_GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "zeros": lambda content: bytes(65536),
    "ones": lambda content: b"\xff" * 65536,
    "the magic of a log": lambda content: bytes.fromhex("377f0682002de218") + bytes(65536),
}
_SCHEMAS: dict[str, Harm] = {
    **{
        f"a view without an end in place of {table}": partial(
            _sql, f"drop table {table}; create view {table} as {_ENDLESS};"
        )
        for table in ("steps", "files", "modules", "objects", "runs", "sources")
    },
    "a trigger that forges each record": partial(
        _sql,
        "create trigger t after insert on steps begin"
        " update steps set record = 'forged'; end;",
    ),
    "a trigger without an end": partial(
        _sql, f"create trigger t after insert on files begin insert into objects"
        f" select key, 1, 1.0 from ({_ENDLESS}); end;",
    ),
    "a table more": partial(_sql, "create table more(x); insert into more values (1);"),
    "an index on an expression": partial(
        _sql, "create index i on steps(length(record));",
    ),
    "a table less": partial(_sql, "drop table sources;"),
    "a column more": partial(_sql, "alter table steps add column more text;"),
    "a column of another name": partial(_sql, "alter table steps rename column made to was;"),
    "a generated column": partial(
        _sql, "drop table files; create table files(path text primary key, stamp text,"
        " digest text as (hex(zeroblob(900000000))), seal blob);",
    ),
    "a virtual table": partial(
        _sql, "drop table steps; create virtual table steps using fts5(key, made, record, seal);"
    ),
    **{f"the format {number}": partial(_sql, f"pragma user_version = {number};")
       for number in (0, 2, 3, 99, -1)},
    "a definition that is none": partial(_in_schema, "steps", "CREATE TABLE steps(" + "(" * 5000),
    "a definition of a megabyte": partial(
        _in_schema, "steps", f"CREATE TABLE steps(key {'x' * 1_000_000})"
    ),
    "a definition with escapes": partial(_in_schema, "steps", "CREATE TABLE steps(\x1b]0;x\x07)"),
}  # fmt: skip
_ROWS: dict[str, Harm] = {
    "records that are texts": partial(_sql, "update steps set record = 'abc';"),
    "records that are numbers": partial(_sql, "update steps set record = 7;"),
    "keys that are bytes": partial(_sql, "update steps set key = cast(key as blob);"),
    "moments that are texts": partial(_sql, "update steps set made = 'never';"),
    "seals that are texts": partial(_sql, "update steps set seal = 'never';"),
    "runs of other types": partial(
        _sql, "update runs set started = x'00', recipe = 7, seconds = 'long', metrics = 7,"
        " keys = x'ff', seed = 1.5, part = 9e999;",
    ),
    "runs with escapes": partial(
        _sql, "update runs set recipe = char(27) || ']0;x' || char(7), status = char(8238);"
    ),
    "values of other sizes": partial(
        _sql, "update objects set bytes = 'much', used = x'00';"
    ),
    "values that are numbers": partial(_sql, "update objects set name = x'00';"),
    "values of a negative size": partial(_sql, "update objects set bytes = -9e18, used = 9e999;"),
    "digests of files": partial(_sql, f"update files set digest = '{FALSE}';"),
    "stamps of files": partial(_sql, "update files set stamp = '*', digest = x'00';"),
    "the syntax of modules": partial(_sql, "update modules set syntax = x'c0';"),
    "many records": _many_rows,
    "a record of 300 MB": _large_rows,
}  # fmt: skip
_PAGES: dict[str, Harm] = {
    "the log of another database": _wal_of_another,
    "a journal that names a file of the user's": _journal_of_several,
}


def _prepare(harm: Harm, world: World) -> None:
    ran(world)
    forging.remove_memos(world)
    harm(world)


def _attempts(kind: str, harms: dict[str, Harm], commands: itertools.cycle[str]) -> list[Attempt]:
    return [
        Attempt(
            group="tables",
            name=f"{kind}: {name}",
            prepare=partial(_prepare, harm),
            commands=[[*next(commands).split()], ["r.yaml"]],
            codes=(2,) if _is_link(name) else (0,),
            says=("is a link, and flowrun writes through none",) if _is_link(name) else (TRUE,),
            never=(FALSE,),
        )
        for name, harm in harms.items()
    ]


def _is_link(name: str) -> bool:
    """Whether a file of SQLite is a link by then, which the user is to remove."""
    return "is a link to " in name


_COMMANDS = itertools.cycle(_OTHER)
_FILES: dict[str, Harm] = {
    **{f"it is {kind}": partial(_special, make, "") for kind, make in _SPECIAL.items()},
    **{f"it has {kind}": partial(_content, change, "") for kind, change in _CONTENT.items()},
    **{
        f"{suffix} is {kind}": partial(_special, make, suffix)
        for suffix in ("-wal", "-shm", "-journal")
        for kind, make in _SPECIAL.items()
    },
    **{
        f"{suffix} has {kind}": partial(_content, change, suffix)
        for suffix in ("-wal", "-shm", "-journal")
        for kind, change in _GARBAGE.items()
    },
}


def _adopted(harm: Harm, world: World) -> None:
    """A store that the stranger harmed, and the user takes over all the same."""
    world.write("r.yaml", RECIPE)
    assert world.flowrun("r.yaml", variables=forging.STRANGER).returncode == 0
    harm(world)


ATTEMPTS = [
    *_attempts("file", _FILES, _COMMANDS),
    *_attempts("schema", _SCHEMAS, _COMMANDS),
    *_attempts("rows", _ROWS, _COMMANDS),
    *_attempts("pages", _PAGES, _COMMANDS),
    Attempt(
        group="tables",
        name="pages: pages whose children are all one page",
        prepare=partial(_prepare, _pages_of_pages),
        commands=[["runs"], ["r.yaml"]],
        codes=(0,),
        says=(TRUE, "records in .* were damaged, and start empty"),
    ),
    *[
        Attempt(
            group="tables",
            name=f"adopted: {name}",
            prepare=partial(_adopted, harm),
            commands=[["store", "adopt"], ["r.yaml"]],
            codes=(0,),
            says=(TRUE,),
        )
        for name, harm in {
            "a view without an end": _SCHEMAS["a view without an end in place of steps"],
            "a pipe": _FILES["it is a pipe"],
            "half of it": _FILES["it has half of it"],
            "records that are texts": _ROWS["records that are texts"],
            "values that are links": partial(_sql, "update objects set name = '../../../package';"),
        }.items()
    ],
]
