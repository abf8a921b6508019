"""Links that lead out of the folder, named pipes, devices and sockets in the place of files."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable
from functools import partial

from flowrun.values.digests import parts_digest
from tests.campaigns.hostile.attempt import Attempt, typed
from tests.campaigns.hostile.names import HEX, MAKING, OWN, RUN, SAVING, in_the_past, kept
from tests.campaigns.hostile.world import World

Prepare = Callable[[World], object]
PLAIN = "recipe: plain\nsteps:\n  - tensor: {a: [1.5, 2]}\n"
GOLDEN = OWN + "expect: {n: golden}\n"
_OUT = "leads out of"


attempt = partial(typed, "links", codes=(2,))


def _fifo(world: World, name: str) -> None:
    world.fifo(name)


def _zeros(world: World, name: str) -> None:
    world.link(name, "/dev/zero")


def _socket(world: World, name: str) -> None:
    """A socket, whose path may be longer than a program may bind: so from its own folder."""
    (world.project / name).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir((world.project / name).parent), socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.basename(name))  # noqa: PTH119


SPECIAL = {"a named pipe": _fifo, "a device": _zeros, "a socket": _socket}


def _kept_with_link(name: str, target: str) -> Prepare:
    """A store in which a link stands in the place of a folder or file."""

    def prepare(world: World) -> None:
        kept(world)
        path = world.project / ".flowrun" / name
        if path.is_dir():
            path.rename(world.project / "moved")
        else:
            path.unlink(missing_ok=True)
        world.link(f".flowrun/{name}", os.path.relpath(world.outside / target, path.parent))

    return prepare


_FOLDERS = (
    "runs", "store", "store/aside", "store/checkpoints", "store/locks", "store/objects",
    "store/replays",
)  # fmt: skip
_FILES = ("store/lock", *(f"store/records.sqlite{end}" for end in ("", "-wal", "-shm")))
STORE = [
    attempt(f"{command}, and .flowrun/{name} is a link out of the folder",
            _kept_with_link(name, target), command, says=["is a link"])
    for names, target in ((_FOLDERS, "notes"), (_FILES, "thesis.txt"))
    for name in names
    for command in ("own.yaml", "store gc --keep-days 0 --max-size 0")
]  # fmt: skip


def _others_tables(world: World) -> None:
    """The tables of another program of the user's in the place of flowrun's."""
    connection = sqlite3.connect(world.outside / "places.sqlite")
    connection.execute("create table bookmarks(address text)")
    connection.execute("pragma user_version = 77")
    connection.commit()
    connection.close()
    _kept_with_link("store/records.sqlite", "places.sqlite")(world)


def _linked_home(world: World) -> None:
    world.write("own.yaml", OWN)
    world.write("make.py", MAKING)
    world.link(".flowrun", "../notes")


def _linked_home_inside(world: World) -> None:
    world.write("r.yaml", PLAIN)
    (world.project / "build").mkdir()
    world.link(".flowrun", "build")


HOME = [
    attempt(f"{command}, and .flowrun is a link out of the folder", _linked_home, command,
            says=["is a link"])
    for command in ("own.yaml", "runs", "store", "store gc --max-size 0", "schema --install",
                    "show last", "store verify", "test own.yaml", "explain own.yaml",
                    "diff last last", "test own.yaml --update-golden")
] + [
    attempt("a run whose tables are a link to another program's", _others_tables, "own.yaml",
            says=["is a link"]),
    attempt("a run in a .flowrun that is a link within the folder", _linked_home_inside, "r.yaml",
            "runs", says=["plain +ok"], codes=[0]),
]  # fmt: skip


def _linked_run(world: World) -> None:
    kept(world)
    world.link(f".flowrun/runs/{RUN}", "../../../notes")


def _run_of(make: Callable[[World, str], None], file: str) -> Prepare:
    """A run of which a file is no file."""

    def prepare(world: World) -> None:
        kept(world)
        make(world, f".flowrun/runs/{RUN}/{file}")
        if file != "run.json":
            record = '{"id": "x", "status": "running", "recipe": "r", "plan": []}'
            world.write(f".flowrun/runs/{RUN}/run.json", record)

    return prepare


RUNS = [
    attempt("store gc, and a run is a link to a folder outside", _linked_run,
            "store gc --keep-days 0", says=["removed 1 runs"], codes=[0]),
    attempt("show, and a run is a link to a folder outside", _linked_run, f"show {RUN}",
            says=["there is no run"]),
] + [
    attempt(f"{command}, and a run.json is {what}", _run_of(make, "run.json"),
            command.format(RUN=RUN), says=says, codes=codes)
    for what, make in SPECIAL.items()
    for command, says, codes in (
        ("runs", ["unreadable"], [0]), ("show {RUN}", [f"it is {what}"], [2]),
        ("diff {RUN} last", [f"it is {what}"], [2]), ("store gc --keep-days 1", ["removed"], [0]),
        ("show {RUN} --json", [f"it is {what}"], [2]), ("runs --where seed>1", [], [0, 2]),
    )
] + [
    attempt(f"show, and events.jsonl is {what}", _run_of(make, "events.jsonl"), f"show {RUN}",
            says=["killed"], codes=[0])
    for what, make in SPECIAL.items()
]  # fmt: skip


def _special(name: str, make: Callable[[World, str], None], recipe: str = PLAIN) -> Prepare:
    """A special file beside a recipe."""

    def prepare(world: World) -> None:
        kept(world)
        world.write("r.yaml", recipe)
        make(world, name)

    return prepare


def _data(suffix: str) -> str:
    return f"recipe: r\nsteps:\n  - load: {{source: x.{suffix}}}\n"


_SUFFIXES = ("csv", "tsv", "npy", "npz", "pt", "safetensors")
DATA = [
    attempt(f"{command} of a .{suffix} that is {what}",
            _special(f"x.{suffix}", make, _data(suffix)), f"{command} r.yaml".strip(),
            says=[f"cannot be read: it is {what}"], never=["importing +torch"])
    for what, make in SPECIAL.items()
    for suffix in _SUFFIXES
    for command in (("check", "") if suffix == "csv" else ("",))
]  # fmt: skip
READ = [
    attempt(f"{command}, and z.yaml is {what}", _special("z.yaml", make), command, codes=codes,
            says=says)
    for what, make in SPECIAL.items()
    for command, codes, says in (
        ("z.yaml", [2], [f"z.yaml: it is {what}"]),
        ("check z.yaml", [2], [f"z.yaml: it is {what}"]),
        ("graph z.yaml", [2], [f"it is {what}"]),
        ("schema --install z.yaml", [2], ["z.yaml"]),
        ("schema --install", [0], ["r.yaml"]),
        ("test . --collect-only", [0], ["r.yaml"]),
        ("test r.yaml --against z.yaml", [1, 2, 3], ["z.yaml"]),
    )
] + [
    attempt(f"a recipe that extends {what}",
            _special("z.yaml", make, "recipe: r\nextends: z.yaml\n"), "r.yaml", says=["`extends`"])
    for what, make in SPECIAL.items()
] + [
    attempt(f"a plugin that is {what}", _special("z.py", make, OWN.replace("make.py", "z.py")),
            "r.yaml", says=["z.py"])
    for what, make in SPECIAL.items()
] + [
    attempt(f"golden values that are {what}", _special("golden/r.json", make, GOLDEN), "r.yaml",
            codes=[1], says=[f"golden/r.json cannot be read: it is {what}"])
    for what, make in SPECIAL.items()
] + [
    attempt(f"{what} beside golden values", _special("own.pipe", make, GOLDEN), "own.yaml",
            "test own.yaml --update-golden", "own.yaml", codes=[0])
    for what, make in SPECIAL.items()
] + [
    attempt("a recipe that extends the standard input",
            _special("z", _fifo, "recipe: r\nextends: /dev/stdin\n"), "r.yaml", says=["extends"]),
]  # fmt: skip


def _in_the_way(name: str, target: str, *more: str) -> Prepare:
    """A link in the place of a file or folder that a command writes."""

    def prepare(world: World) -> None:
        kept(world)
        world.write("r.yaml", PLAIN)
        world.write("save.yaml", SAVING)
        world.write("array.yaml", SAVING.replace("to: out", "to: x.npy"))
        world.write("golden.yaml", GOLDEN)
        (world.outside / "theirs.yaml").write_text(PLAIN)
        for one in (name, *more):
            world.link(one, target)

    return prepare


WRITTEN = [
    attempt(f"{command}, and {name} is a link to {target}", _in_the_way(name, target), command,
            says=[_OUT], codes=codes)
    for command, name, target, codes in (
        ("save.yaml", "out", "../notes", [3]), ("save.yaml", "out", "../new", [3]),
        ("save.yaml", "out/values.json", "../../thesis.txt", [3]),
        ("array.yaml", "x.npy", "../thesis.txt", [3]), ("array.yaml", "x.npy", "../new.npy", [3]),
        ("check save.yaml", "out", "../notes", [2]),
        ("check array.yaml", "x.npy", "../thesis.txt", [2]),
        ("graph r.yaml --no-shapes -o g.dot", "g.dot", "../thesis.txt", [2]),
        ("graph r.yaml --no-shapes -o d/g.dot", "d", "../notes", [2]),
        ("export r.yaml -o s.py", "s.py", "../thesis.txt", [2]),
        ("export r.yaml -o d/s.py", "d", "../notes", [2]),
        ("examples red_linear", "red_linear.yaml", "../new.yaml", [2]),
        ("examples red_linear --force", "red_linear.yaml", "../thesis.txt", [2]),
        ("examples article", "article", "../notes", [2]),
        ("new step clip_rows", "clip_rows.py", "../new.py", [2]),
        ("new step clip_rows", "test_clip_rows.py", "../new.py", [2]),
        ("new recipe wine", "wine.yaml", "../new.yaml", [2]),
        ("new plugin grapes", "flowrun-grapes", "../notes", [2]),
        ("new recipe wine --into d", "d", "../notes", [2]),
        ("schema --install", ".flowrun/recipe.schema.json", "../../thesis.txt", [2]),
        ("schema --install linked.yaml", "linked.yaml", "../theirs.yaml", [2]),
        ("test own.yaml --junitxml=j.xml", "j.xml", "../thesis.txt", [2]),
        ("test own.yaml --junit-xml j.xml", "j.xml", "../thesis.txt", [2]),
        ("test golden.yaml --update-golden", "golden", "../notes", [1]),
        ("test golden.yaml --update-golden", "golden/golden.json", "../../new.json", [1]),
    )
]  # fmt: skip
INSIDE = [
    attempt(f"{command}, and {name} is a link within the folder",
            _in_the_way(name, "inner"), command, codes=[0], never=[_OUT])
    for command, name in (
        ("array.yaml", "x.npy"), ("save.yaml", "out"), ("export r.yaml -o s.py", "s.py"),
        ("graph r.yaml --no-shapes -o g.dot", "g.dot"),
    )
] + [
    attempt(f"{command}, and g.dot is {what}", _special("g.dot", make), command,
            says=["cannot write g.dot"])
    for what, make in SPECIAL.items() for command in ("graph r.yaml --no-shapes -o g.dot",)
]  # fmt: skip


def _old_link(name: str) -> Prepare:
    """An old link with the name of a file that `store gc` removes."""

    def prepare(world: World) -> None:
        kept(world)
        world.write("mine.txt", "mine\n")
        in_the_past(world, "mine.txt")
        up = "../" * (name.count("/"))
        world.link(name, f"{up}mine.txt")

    return prepare


CLEANED = [
    attempt(f"store gc, and {name} is a link", _old_link(name),
            "store gc --keep-days 1 --max-size 0", codes=[0], files=["mine.txt", name])
    for name in (f".flowrun/store/checkpoints/{HEX}.json", f".flowrun/store/aside/{HEX}.json",
                 f".flowrun/store/objects/{HEX}.json", ".flowrun/store/aside/records.sqlite.1")
] + [
    attempt(f"store verify, and a stray value is {what}",
            partial(lambda world, make: (kept(world), make(
                world, f".flowrun/store/objects/{HEX}.json")), make=make),
            "store verify", "store", codes=[0])
    for what, make in SPECIAL.items()
]  # fmt: skip


def _linked_lock(make: Callable[[World, str], None]) -> Prepare:
    """Something else in the place of the lock of golden values."""

    def prepare(world: World) -> None:
        kept(world)
        world.write("golden.yaml", GOLDEN)
        path = world.project.resolve() / "golden/golden.json"
        make(world, f".flowrun/golden-{parts_digest(str(path))[:16]}.lock")

    return prepare


def _to_notes(world: World, name: str) -> None:
    world.link(name, "../../notes/keys.txt")


LOCKED = [
    attempt(f"golden values are written, and their lock is {what}", _linked_lock(make),
            "test golden.yaml --update-golden", says=["is no lock"], codes=[1])
    for what, make in {**SPECIAL, "a link": _to_notes}.items()
] + [
    Attempt(group="links", name=f"completion of `{words}`, and .flowrun is a link", codes=[0, 1],
            prepare=_linked_home, commands=[[]], never=["is a link"],
            variables={"_FLOWRUN_COMPLETE": "bash_complete", "COMP_WORDS": words,
                       "COMP_CWORD": str(words.count(" "))})
    for words in ("flowrun show ", "flowrun diff la", "flowrun own.yaml --set ")
]  # fmt: skip

ATTEMPTS = [*LOCKED, *STORE, *HOME, *RUNS, *DATA, *READ, *WRITTEN, *INSIDE, *CLEANED]
