"""Forgeries of a store: figures altered in each of its parts, under seals of several kinds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from blake3 import blake3

from tests.campaigns.hostile.world import World

FALSE = "987"  # the figure that no command may print
RECIPE = """\
recipe: r
steps:
  - tensor: {a: [1.5, 2]}
  - compute: {b: "a * 2"}
expect:
  b[0]: {below: 10}
"""
STORE = ".flowrun/store"
TABLES = f"{STORE}/records.sqlite"
STRANGER = {"FLOWRUN_STORE_KEY": "the stranger's"}
_TRUE = 3.0  # the first element of `b`

Seal = Callable[..., bytes]


def sealed_before(*parts: bytes) -> bytes:
    """The seal as it was before seals had keys: anyone can make it."""
    return blake3(parts[-1]).digest()


def sealed_by_fingerprint(*parts: bytes) -> bytes:
    """A seal with a key made of all that the store shows of the user's."""
    return blake3(b"\0".join(parts), key=blake3(b"fingerprint").digest()).digest()


def unsealed(*parts: bytes) -> bytes:
    """No seal."""
    return b""


def zeros(*parts: bytes) -> bytes:
    """A seal of the right length."""
    return bytes(32)


SEALS: dict[str, Seal | None] = {
    "the seal of before": None,  # which belongs to what was there
    "a seal without a key": sealed_before,
    "another key's seal": sealed_by_fingerprint,
    "no seal": unsealed,
    "a seal of zeros": zeros,
}


def ran(world: World) -> None:
    """Run the recipe twice, as the user: the second run leaves a memo if the first does not."""
    world.write("r.yaml", RECIPE)
    for _ in range(2):
        assert world.flowrun("r.yaml").returncode == 0


def received(world: World) -> None:
    """Run the recipe as a stranger, who gives the folder away."""
    world.write("r.yaml", RECIPE)
    assert world.flowrun("r.yaml", variables=STRANGER).returncode == 0


def altered(value: Any) -> Any:
    """A document with the true figure replaced by the false one."""
    if isinstance(value, dict):
        return {key: altered(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [altered(item) for item in value]
    if isinstance(value, str):
        return value.replace("b[0] 3,", f"b[0] {FALSE},").replace("[3, 4]", f"[{FALSE}, 4]")
    return float(FALSE) if value == _TRUE and not isinstance(value, bool) else value


def forge_memo(world: World, seal: Seal | None) -> None:
    """Alter the figures of every memo."""
    for path in (world.project / STORE / "replays").glob("*.json"):
        was, _, text = path.read_bytes().partition(b"\n")
        note = altered(json.loads(text))
        note["files"] = []
        new = json.dumps(note).encode()
        found = was if seal is None else seal(path.name.encode(), new).hex().encode()
        path.write_bytes(found + b"\n" + new)


def forge_records(world: World, seal: Seal | None) -> None:
    """Alter the figures of every step's record."""
    remove_memos(world)
    with closing(sqlite3.connect(world.project / TABLES)) as connection, connection:
        rows = connection.execute("select key, record, seal from steps").fetchall()
        for key, record, was in rows:
            new = msgspec.msgpack.encode(altered(msgspec.msgpack.decode(record)))
            found = was if seal is None else seal(key.encode(), new)
            connection.execute(
                "update steps set record = ?, seal = ? where key = ?", (new, found, key)
            )


def forge_runs(world: World, seal: Seal | None) -> None:
    """Alter the figures in the records of all runs, and forget their rows."""
    remove_memos(world)
    for path in (world.project / ".flowrun/runs").glob("*/run.json"):
        record = altered(json.loads(path.read_text()))
        record["about"] = FALSE
        was = record.pop("seal", "")
        text = json.dumps(record, indent=1)
        found = was if seal is None else seal(path.parent.name.encode(), text.encode()).hex()
        path.write_text(text.removesuffix("\n}") + f',\n "seal": "{found}"\n}}')
    execute(world, "delete from runs")


def forge_rows(world: World, seal: Seal | None) -> None:
    """Alter the rows of the list of runs."""
    remove_memos(world)
    given = None if seal is None else seal(b"runs", FALSE.encode())
    execute(world, "update runs set recipe = ?, seal = coalesce(?, seal)", (FALSE, given))


def forge_sources(world: World, seal: Seal | None) -> None:
    """Alter the texts of modules that the store keeps."""
    remove_memos(world)
    given = None if seal is None else seal(b"sources", FALSE.encode())
    execute(world, "update sources set text = ?, seal = coalesce(?, seal)", (FALSE, given))


def remove_memos(world: World) -> None:
    """Remove the memos, so that the next run looks at the records."""
    for path in (world.project / STORE / "replays").glob("*"):
        path.unlink()


def execute(world: World, sql: str, values: tuple[object, ...] = ()) -> None:
    """Execute a statement on the tables."""
    with closing(sqlite3.connect(world.project / TABLES)) as connection, connection:
        connection.execute(sql, values)


def script(world: World, sql: str) -> None:
    """Execute statements on the tables."""
    with closing(sqlite3.connect(world.project / TABLES)) as connection, connection:
        connection.executescript(sql)


def the_run(world: World) -> Path:
    """The folder of the first run."""
    return min((world.project / ".flowrun/runs").iterdir())
