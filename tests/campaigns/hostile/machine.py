"""The terminal and the machine: streams, locales, variables, folders, limits, records of runs."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.world import World

STEPS = """\
from flowrun import step

@step(outputs="a")
def give(*, n: int = 1, text: str = "") -> int:
    print(text, end="")
    return n
"""
RECIPE = "recipe: plain\nplugins: [./steps.py]\nsteps: [give]\nexpect: {a: {equals: 1}}\n"
TENSORS = "recipe: tensors\nsteps: [tensor: {a: [1.5, 2]}]\n"
COMMANDS: dict[str, list[str]] = {
    "a first run": ["r.yaml", "--fresh"],
    "a kept run": ["r.yaml"],
    "--json": ["r.yaml", "--json"],
    "-q --show": ["r.yaml", "-q", "--show", "a"],
    "check": ["check", "r.yaml"],
    "check --json": ["check", "r.yaml", "--json"],
    "lint": ["lint", "./steps.py"],
    "graph": ["graph", "r.yaml"],
    "show": ["show", "last"],
    "show a value": ["show", "last", "a", "-p", "./steps.py"],
    "show --json": ["show", "last", "--json"],
    "runs": ["runs"],
    "runs --json": ["runs", "--json"],
    "diff": ["diff", "last", "last~1"],
    "explain": ["explain", "r.yaml"],
    "steps": ["steps"],
    "plugins": ["plugins"],
    "schema": ["schema"],
    "examples": ["examples"],
    "new": ["new", "recipe", "fresh"],
    "export": ["export", "t.yaml"],
    "store": ["store"],
    "store verify": ["store", "verify"],
    "test": ["test", "r.yaml"],
    "--help": ["--help"],
    "--version": ["--version"],
}
# How a shell starts a command whose output cannot be printed: codes, and what is said of it.
OUTPUTS: dict[str, tuple[str, tuple[int, ...], str]] = {
    "standard output is full": ('"$@" > /dev/full', (2,), "incomplete: .*No space left on device"),
    "standard output is closed": ('"$@" >&-', (2,), "incomplete: standard output is closed"),
    "the reader has ended": ('"$@" | true; exit ${PIPESTATUS[0]}', (0, 1), ""),
}
ERRORS = {
    "standard error is full": '"$@" 2> /dev/full', "standard error is closed": '"$@" 2>&-',
    "standard input is closed": '"$@" <&-',
}  # fmt: skip
ALL_CLOSED = '"$@" <&- >&- 2>&-'


def _project(world: World) -> None:
    world.write("steps.py", STEPS)
    world.write("r.yaml", RECIPE)
    world.write("t.yaml", TENSORS)


def _with_runs(world: World) -> None:
    _project(world)
    for _ in range(2):
        world.flowrun("r.yaml")
    assert len(_records(world)) == 2


def _with_context(world: World) -> None:
    _project(world)
    world.write("steps.py", STEPS.replace("*, n", "*, ctx, n"))  # it could make checkpoints


def _records(world: World) -> list[Any]:
    return sorted(world.project.glob(".flowrun/runs/*/run.json"))


def _attempt(name: str, command: Sequence[str], **more: Any) -> Attempt:
    settings = {"prepare": _with_runs, "commands": [command], **more}
    return Attempt(group="machine", name=name, **settings)


STREAMS = [
    _attempt(f"{way}: {name}", command, start=start, codes=codes, says=[says] * bool(says),
             never=[] if says else ["(?i)error"])
    for way, (start, codes, says) in OUTPUTS.items()
    for name, command in COMMANDS.items()
]  # fmt: skip
STREAMS += [
    _attempt(f"{way}: {name}", COMMANDS[name], start=start, codes=(0,), says=[says])
    for way, start in ERRORS.items()
    for name, says in {"a kept run": "give .* kept", "--json": '"recipe": "plain"',
                       "runs": "plain", "steps": "gives|tensor"}.items()
]  # fmt: skip
STREAMS += [
    _attempt(f"all streams are closed: {name}", COMMANDS[name], start=ALL_CLOSED, codes=(2,))
    for name in ("a first run", "a kept run", "--json", "runs", "show", "--help")
]

# ---- Locales, terminals, variables --------------------------------------------------------------

NAME = "größe Ω 漢字 ع"
_OLD = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES: dict[str, dict[str, str]] = {
    "the C locale": {"LC_ALL": "C", **_OLD},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "an unknown locale": {"LC_ALL": "xx_YY.nope", **_OLD},
}


def _in_any_script(world: World) -> None:
    _project(world)
    text = f'recipe: "{NAME}"\nplugins: [./steps.py]\nsteps: [give: {{text: "{NAME}"}}]\n'
    world.write("r.yaml", text)
    world.write(f"{NAME}.yaml", text)
    world.write("wrong.yaml", f'recipe: wrong\nplugins: [./steps.py]\nsteps: ["{NAME}"]\n')
    world.write("more.yaml", f'extends: "{NAME}.yaml"\nrecipe: more\n')
    world.write("data.yaml", f"recipe: d\nsteps: [load: {{source: '{NAME}.csv'}}]\n")
    world.write(f"{NAME}.csv", f"{NAME},b\n1,2\n3,4\n")
    world.flowrun("r.yaml")


LOCAL = [
    _attempt(f"{place}, names in any script: {' '.join(command)}", command,
             prepare=_in_any_script, variables=variables, start='"$@"', codes=codes)
    for place, variables in LOCALES.items()
    for command, codes in (
        (["r.yaml", "--fresh"], (0,)), (["r.yaml", "--json"], (0,)), ([f"{NAME}.yaml"], (0,)),
        (["runs"], (0,)), (["show", "last"], (0,)), (["check", "wrong.yaml"], (2,)),
        (["check", "data.yaml"], (0, 2)), (["more.yaml"], (0, 2)),
    )
]  # fmt: skip
LONG = "/".join(["h" * 200] * 25)
# Each is one that a command survives; `says` names what is wrong, if it matters to the command.
VARIABLES: dict[str, dict[str, str]] = {
    "FLOWRUN_HOME with a long part": {"FLOWRUN_HOME": "h" * 300},
    "FLOWRUN_HOME that is too long": {"FLOWRUN_HOME": LONG},
    "FLOWRUN_HOME is a file": {"FLOWRUN_HOME": "r.yaml"},
    "FLOWRUN_HOME below a file": {"FLOWRUN_HOME": "r.yaml/x"},
    "FLOWRUN_HOME is a device": {"FLOWRUN_HOME": "/dev/null"},
    "FLOWRUN_HOME where nothing can be written": {"FLOWRUN_HOME": "/proc/flowrun"},
    "FLOWRUN_CACHE is a file": {"FLOWRUN_CACHE": "r.yaml"},
    "FLOWRUN_DATA_PATH with empty parts": {"FLOWRUN_DATA_PATH": "::/nowhere:"},
    "COLUMNS is 0": {"COLUMNS": "0"},
    "COLUMNS is 1": {"COLUMNS": "1"},
    "COLUMNS is negative": {"COLUMNS": "-1"},
    "COLUMNS is huge": {"COLUMNS": "1000000000"},
    "COLUMNS has 5000 digits": {"COLUMNS": "9" * 5000},
    "COLUMNS is a digit of another kind": {"COLUMNS": "²"},
    "LINES is negative": {"LINES": "-5"},
    "TERM is not known": {"TERM": "no-such-terminal"},
    "OMP_NUM_THREADS is text": {"OMP_NUM_THREADS": "many"},
    "HOME is a file": {"HOME": "r.yaml"},
    "HOME does not exist": {"HOME": "/nowhere"},
    "XDG_CACHE_HOME is relative": {"XDG_CACHE_HOME": "relative"},
    "XDG_STATE_HOME is a file": {"XDG_STATE_HOME": "r.yaml"},
    "TMPDIR does not exist": {"TMPDIR": "/nowhere"},
    "TZ is not known": {"TZ": "No/Where"},
}
MATTERS = [
    _attempt(f"{name}: {' '.join(command)}", command, variables=variables, start='"$@"',
             codes=(0,))
    for name, variables in VARIABLES.items()
    for command in (["r.yaml", "--fresh"], ["runs"])
]  # fmt: skip
MATTERS += [
    _attempt(f"FLOWRUN_CHECKPOINT_SECONDS is {value}", ["r.yaml", "--fresh"], codes=(2,),
             prepare=_with_context, variables={"FLOWRUN_CHECKPOINT_SECONDS": value},
             says=[f"error: .*FLOWRUN_CHECKPOINT_SECONDS is `{value}`", "expected a number"])
    for value in ("soon", "nan", "-1")
]  # fmt: skip
GONE = [
    _attempt(f"the current folder is gone: {' '.join(command)}", command, codes=(2,),
             start='mkdir gone; cd gone; rmdir ../gone; "$@"',
             says=["error: the current folder cannot be found"])
    for command in (["r.yaml"], ["runs"], ["steps"], ["test"], ["--version"])
]  # fmt: skip

# ---- Limits of the system -----------------------------------------------------------------------

FIRST = ["r.yaml", "--fresh"]
LIMITS = [
    _attempt("no file may grow: a first run", FIRST, start='ulimit -f 0; "$@"', codes=(0,),
             says=["a .*1, equals 1: met", "warning: not everything could be kept"]),
    _attempt("files of 4 KiB at most: a first run", FIRST, start='ulimit -f 4; "$@"', codes=(0,),
             says=["a .*1, equals 1: met"]),
    _attempt("no file may grow: a kept run", ["r.yaml"], start='ulimit -f 0; "$@"', codes=(0,),
             says=["a .*1, equals 1: met"]),
    _attempt("no file may grow: runs", ["runs"], start='ulimit -f 0; "$@"', codes=(0,),
             says=["plain"]),
    _attempt("no file may grow: --json", ["r.yaml", "--json"], start='ulimit -f 0; "$@" | cat',
             codes=(0,), says=['"status": "ok"']),
    _attempt("eight open files: a kept run", ["r.yaml"], start='ulimit -n 8; "$@"', codes=(0, 2)),
    _attempt("sixteen open files: a first run", FIRST, start='ulimit -n 16; "$@"',
             codes=(0, 2, 3)),
    _attempt("umask 777: a first run", FIRST, start='umask 777; "$@"', codes=(0,),
             says=["a .*1, equals 1: met"]),
    _attempt("umask 777: new", ["new", "recipe", "fresh"], start='umask 777; "$@"', codes=(0,)),
]  # fmt: skip


# ---- Records of runs ----------------------------------------------------------------------------


def _changed(**fields: Any) -> Callable[[World], None]:
    """A project whose last record has other values of these fields."""

    def prepare(world: World) -> None:
        _with_runs(world)
        path = _records(world)[-1]
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, **fields}))

    return prepare


def _written(content: str) -> Callable[[World], None]:
    """A project whose last record is this text."""

    def prepare(world: World) -> None:
        _with_runs(world)
        _records(world)[-1].write_text(content)

    return prepare


def _replaced(make: Callable[[World, str], object], *, whole: bool = False) -> Any:
    """A project whose last record, or its folder, is something else."""

    def prepare(world: World) -> None:
        _with_runs(world)
        path = _records(world)[-1]
        path.unlink()
        if whole:
            for other in path.parent.iterdir():
                other.unlink()
            path.parent.rmdir()
            path = path.parent
        make(world, str(path.relative_to(world.project)))

    return prepare


def _socket(world: World, name: str) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir((world.project / name).parent)  # the name of a socket must be short
    try:
        socket.socket(socket.AF_UNIX).bind(name.rpartition("/")[2])
    finally:
        os.fchdir(here)
        os.close(here)


def _folder(world: World, name: str) -> None:
    (world.project / name).mkdir()


def _text(world: World, name: str) -> None:
    world.write(name, "no folder")


def _to(target: str) -> Callable[[World, str], object]:
    return lambda world, name: world.link(name, target)


RECORDS: dict[str, Callable[[World], None]] = {
    "seconds of 1e400": _written('{"id": "x", "seconds": 1e400}'),
    "seconds are text": _changed(seconds="soon"),
    "seconds are negative": _changed(seconds=-1e300),
    "a seed of 5000 digits": _written('{"seed": %s}' % ("9" * 5000)),
    "a start in the year 0": _changed(started="0000-00-00T00:00:00+00:00"),
    "a start in the year 99999": _changed(started="99999-01-01T00:00:00+00:00"),
    "a start that is a number": _changed(started=12),
    "metrics of 1e308": _changed(metrics={"a": 1e308, "b": -1e308, "c": {"d": "nan"}}),
    "metrics that are a list": _changed(metrics=[1]),
    "an id of another run": _changed(id="../../../thesis"),
    "an id that is null": _changed(id=None),
    "a status that is not known": _changed(status="wonderful"),
    "a process that is no number": _changed(status="running", process="x"),
    "a process of 10**30": _changed(status="running", process=10**30),
    "a process that is negative": _changed(status="running", process=-1),
    "a list": _written("[]"),
    "a number": _written("1e999"),
    "nested 100,000 deep": _written("[" * 100_000),
    "no text": _written("\0" * 5000),
    "half a text": _written('{"id": "2026'),
    "a pipe": _replaced(lambda world, name: world.fifo(name)),
    "a socket": _replaced(_socket),
    "a folder": _replaced(_folder),
    "a link to /dev/zero": _replaced(_to("/dev/zero")),
    "a link to itself": _replaced(_to("run.json")),
    "a link out of the project": _replaced(_to("../../../../notes/keys.txt")),
    "a file in place of its folder": _replaced(_text, whole=True),
    "a pipe in place of its folder": _replaced(lambda w, name: w.fifo(name), whole=True),
    "a link in place of its folder": _replaced(_to("../../../notes"), whole=True),
}  # fmt: skip
HISTORY = [
    Attempt(
        group="machine", name=f"a record that is {name}", prepare=prepare,
        commands=[["runs"], ["runs", "--json"], ["explain", "r.yaml"], ["store"],
                  ["store", "verify"], ["show", "last"], ["diff", "last", "last~1"]],
        says=["plain"], never=["secret", "ten years"],
    )
    for name, prepare in RECORDS.items()
]  # fmt: skip

ATTEMPTS = [*STREAMS, *LOCAL, *MATTERS, *GONE, *LIMITS, *HISTORY]
