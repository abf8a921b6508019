"""Names in files that would lead out of their folders: values, records, runs, tables."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from blake3 import blake3

from tests.campaigns.hostile.attempt import Attempt, typed
from tests.campaigns.hostile.world import World

SAVING = """\
recipe: saving
steps:
  - tensor: {a: [1.5, 2]}
  - save: {to: out, values: [a]}
"""
LOADING = """\
recipe: loading
steps:
  - load: {source: out, values: [a]}
"""
# A recipe of the user's own whose run needs no torch, for a store to alter.
MAKING = """\
from flowrun import step


@step(outputs="n")
def make():
    return [1, 2, 3]
"""
OWN = """\
recipe: own
plugins: [./make.py]
steps:
  - make
"""
HEX = "0123456789abcdef" * 2  # a name as those of values in the store
RUN = "20240101-000000-abcdef"
Prepare = Callable[[World], object]


def kept(world: World) -> None:
    """A store that the user's own run has made."""
    world.write("make.py", MAKING)
    world.write("own.yaml", OWN)
    done = world.flowrun("own.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def in_tables(world: World, statement: str, *rows: Sequence[object]) -> None:
    """Change the tables of the store."""
    path = world.project / ".flowrun/store/records.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executemany(statement, rows or [()])
    connection.close()


def in_the_past(world: World, name: str) -> None:
    """Let a file or folder of the project be ten years old."""
    os.utime(world.project / name, (1.5e9, 1.5e9))


attempt = partial(typed, "names")


def _index(tensors: object) -> Prepare:
    """A folder to save to whose index names a file."""

    def prepare(world: World) -> None:
        world.write("save.yaml", SAVING)
        world.write("load.yaml", LOADING)
        world.write("beside.txt", "mine\n")
        name = tensors.format(outside=world.outside) if isinstance(tensors, str) else tensors
        world.write("out/values.json", json.dumps({"tensors": name, "values": {"a": 1}}))

    return prepare


_INDEXED = {
    "a file outside": "../../thesis.txt", "a file of the project": "../beside.txt",
    "a path from the root": "{outside}/thesis.txt", "its own folder": ".",
    "the folder above": "..", "itself": "values.json", "a way round": "x/../../../thesis.txt",
    "nothing": "", "a NUL": "a\0b", "a path of Windows": "..\\..\\thesis.txt",
    "a number": 7, "a list": ["../../thesis.txt"], "a name of 5,000 letters": "x" * 5000,
}  # fmt: skip
SAVED = [
    attempt(f"save into a folder whose values.json names {what}", _index(tensors), "save.yaml",
            files=["beside.txt"], says=["a -> "])
    for what, tensors in _INDEXED.items()
]  # fmt: skip
LOADED = [
    attempt(f"load from a folder whose values.json names {what}", _index(tensors), "load.yaml",
            codes=[2], says=["values saved in .* cannot be read"], never=["a 1"])
    for what, tensors in _INDEXED.items() if what not in ("its own folder", "itself")
]  # fmt: skip


def _deep(world: World) -> None:
    _index("x")(world)
    world.write("out/values.json", "[" * 100_000)


def _object_row(name: str) -> Prepare:
    """A row of a kept value with another name."""

    def prepare(world: World) -> None:
        kept(world)
        (world.project / ".flowrun/store/objects/a").mkdir(parents=True)
        in_tables(world, "insert into objects values (?, 10, 0.0)",
                  [name.format(outside=world.outside)])  # fmt: skip

    return prepare


_OBJECTS = (
    "../../../../package", "../../../../thesis.txt", "{outside}/package", "a/../../../../../poetry",
    "*", "../../../../*", "[!x]*", "", ".", "..", "../../../../notes/keys.txt", "/", "package\0x",
)  # fmt: skip
CLEANED = [
    attempt(f"store gc follows the row of a value named {name!r}", _object_row(name),
            "store gc --max-size 0", says=["removed"], files=["make.py", "own.yaml"])
    for name in _OBJECTS
]  # fmt: skip


def _recorded(name: str) -> Prepare:
    """A record whose output lies in another object, with the digest that it would have."""

    def prepare(world: World) -> None:
        kept(world)
        (world.project / ".flowrun/store/objects").mkdir(parents=True, exist_ok=True)
        path = world.project / ".flowrun/store/records.sqlite"
        connection = sqlite3.connect(path)
        ((key, encoded),) = connection.execute("select key, record from steps").fetchall()
        record = msgspec.msgpack.decode(encoded)
        record["outputs"]["n"] |= {"object": name, "plain": None}
        again = msgspec.msgpack.encode(record)
        connection.close()
        in_tables(world, "update steps set record = ?, seal = ? where key = ?",
                  (again, blake3(again).digest(), key))  # fmt: skip
        for note in (world.project / ".flowrun/store/replays").glob("*.json"):
            note.unlink()
        world.write("show.yaml", OWN.replace("own", "shown") + "  - show\n")

    return prepare


RECORDED = [
    attempt(f"{command} reads a record whose value is {name!r}", _recorded(name), command,
            codes=[0, 1])
    for name in ("../../../../package", "../../../../thesis", "*", "", "/etc/passwd", "a" * 3000)
    for command in ("own.yaml", "store verify", "show last n -p ./make.py")
]  # fmt: skip


def _run_row(name: str) -> Prepare:
    def prepare(world: World) -> None:
        kept(world)
        columns = "(id, started, recipe, status, seconds, metrics, keys, seed)"
        in_tables(world, f"insert into runs {columns} values (?, ?, 'r', 'ok', 1, '{{}}', '[]', 0)",
                  (name, "2001-01-01T00:00:00+00:00"))  # fmt: skip

    return prepare


_RUNS = ("../../../thesis.txt", "../../../notes", "..", ".", "", "/", "../store")
LISTED = [
    attempt(f"store gc follows the row of a run named {name!r}", _run_row(name),
            "store gc --keep-days 1", says=["removed 0 runs"], files=["own.yaml"])
    for name in _RUNS
] + [
    attempt(f"{command} of a run outside", _run_row("../../../notes"), command, codes=[2],
            says=["there is no run"])
    for command in ("show ../../../notes", "diff ../../../notes last", "show ..")
]  # fmt: skip


def _old_folder(name: str) -> Prepare:
    """A folder among the runs that is not flowrun's, old and with a record."""

    def prepare(world: World) -> None:
        kept(world)
        world.write(f".flowrun/runs/{name}/notes.txt", "mine\n")
        record = {"id": "../../../notes", "status": "ok", "recipe": "r",
                  "started": "2001-01-01T00:00:00+00:00"}  # fmt: skip
        world.write(f".flowrun/runs/{name}/run.json", json.dumps(record))

    return prepare


def _stray(name: str) -> Prepare:
    """A file in a folder of the store that the store has not made."""

    def prepare(world: World) -> None:
        kept(world)
        world.write(name, "mine\n")
        in_the_past(world, name)

    return prepare


_MINE = [f".flowrun/runs/{name}/notes.txt" for name in ("mine", "20240101", "-rf")]
_STRAYS = [f".flowrun/store/{name}" for name in (
    "objects/notes.txt", "aside/notes.txt", "checkpoints/notes.txt", "replays/notes.txt",
    "objects/thesis.json", "locks/package.json", f"checkpoints/{HEX}.txt",
)]  # fmt: skip
LEFT = [
    attempt(f"store gc removes the folder {name.split('/')[2]} among the runs",
            _old_folder(name.split("/")[2]), "store gc --keep-days 1 --max-size 0", files=[name])
    for name in _MINE
] + [
    attempt(f"store gc removes {name}", _stray(name), "store gc --keep-days 1 --max-size 0",
            files=[name])
    for name in _STRAYS
]  # fmt: skip


def _another_id(world: World) -> None:
    _old_folder(RUN)(world)


def _checkpoint(name: str) -> Prepare:
    """A checkpoint whose name a forged row says is known."""

    def prepare(world: World) -> None:
        kept(world)
        world.write("mine.json", "{}")
        world.write(f".flowrun/store/checkpoints/{name}", "{}")
        in_tables(world, "insert or replace into steps select ?, made, record, seal from steps",
                  (name[:32],))  # fmt: skip

    return prepare


CHECKPOINTS = [
    attempt(f"a checkpoint named {name!r}", _checkpoint(name), "own.yaml", files=["mine.json"],
            never=["cannot be read"])
    for name in ("*", "zz.json", "[a-z]*.json", "?" * 40)
]  # fmt: skip


def _address(address: str, sha256: str) -> Prepare:
    def prepare(world: World) -> None:
        source = json.dumps({"source": address, "sha256": sha256})
        world.write("r.yaml", f"recipe: r\nsteps:\n  - load: {source}\n")

    return prepare


_GOOD = "0" * 64
FETCHED = [
    attempt(f"load with the checksum {sha256!r}", _address("https://a.invalid/x.csv", sha256),
            "r.yaml", codes=[2], says=["64 hexadecimal digits"])
    for sha256 in ("../../../../thesis", "/etc/passwd", "0" * 63, "x" * 64, "../" * 21 + "0")
] + [
    attempt(f"load from the address {address!r}", _address(f"https://a.invalid/{address}", _GOOD),
            "r.yaml", codes=[2], says=["is not fetched"])
    for address in ("..\\..\\x.csv", "a:b.csv", "a\nb.csv", f"{'x' * 300}.csv")
]  # fmt: skip


def _golden(name: object) -> Prepare:
    """Golden values of which a large tensor is in another file."""

    def prepare(world: World) -> None:
        numbers = json.dumps([number + 0.5 for number in range(3000)])
        world.write("r.yaml", f"recipe: r\nsteps: [tensor: {{b: {numbers}}}]\n"
                    "expect: {b: golden}\n")  # fmt: skip
        done = world.flowrun("test", "r.yaml", "--update-golden")
        assert done.returncode == 0, done.stdout + done.stderr
        path = world.project / "golden/r.json"
        document = json.loads(path.read_text())
        assert document["files"]
        document["files"] = dict.fromkeys(document["files"], name)
        path.write_text(json.dumps(document))

    return prepare


GOLDEN = [
    attempt(f"golden values in the file {name!r}", _golden(name), "r.yaml", codes=[1],
            says=["cannot be read: .* is no plain name of a file"])
    for name in ("../../thesis.txt", "/etc/passwd", "..", "", "a\nb")
]  # fmt: skip


def _named(text: str) -> Prepare:
    """A recipe with a text wherever one goes into a script."""

    def prepare(world: World) -> None:
        steps = [{"tensor": {"a": [1.5, 2]}}, {"save": {"to": "out/x.pt", "values": ["a"]}}]
        recipe = {"recipe": text, "about": text, "section": text, "steps": steps, "tags": []}
        world.write("r.yaml", json.dumps(recipe))

    return prepare


_CODE = '__import__("pathlib").Path("PWNED_NAME").touch()'
_TEXTS = {
    "triple quotes": f'x""" + {_CODE} + """', "single ones": f"x''' + {_CODE} + '''",
    "a line break": f"x\n{_CODE}\n#", "a line separator": f"x\u2028{_CODE}",
    "a backslash": f'x\\" + {_CODE} + \\"\\', "braces": f"{{{_CODE}}} %s {{0}}",
    "an encoding": "-*- coding: utf-7 -*- +AAo-import os+AAo-", "a form feed": f"x\f{_CODE}",
}  # fmt: skip
EXPORTED = [
    attempt(f"export of a recipe named with {what}, and its script run", _named(text),
            "export r.yaml -o s.py", "plugins -p ./s.py", codes=[0, 2], says=["wrote s.py"])
    for what, text in _TEXTS.items()
]  # fmt: skip

_BAD_NAMES = ("../../thesis", "/tmp/x", "a/../../b", 'x"""', "a\nb", "..", "a\\b")
NEW = [
    Attempt(group="names", name=f"new {kind} {name!r}", prepare=lambda world: None, codes=[2],
            commands=[["new", kind, name]], says=["is no name for a"])
    for kind in ("step", "recipe", "plugin") for name in _BAD_NAMES
]  # fmt: skip

ATTEMPTS = [
    *SAVED, *LOADED, *CLEANED, *RECORDED, *LISTED, *LEFT, *CHECKPOINTS, *FETCHED, *GOLDEN,
    *EXPORTED, *NEW,
    attempt("load from a folder whose values.json is nested", _deep, "load.yaml", codes=[2],
            says=["cannot be read"]),
    attempt("save into a folder whose values.json is nested", _deep, "save.yaml"),
    attempt("a record that gives another id", _another_id, f"show {RUN}",
            "store gc --keep-days 1", says=[rf"run +{RUN}", "removed 0 runs"]),
]  # fmt: skip
