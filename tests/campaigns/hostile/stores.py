"""Stores from elsewhere, and the user's own given back altered: nothing forged is believed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial

from tests.campaigns.hostile import forging
from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.forging import FALSE, RECIPE, SEALS, STORE, Seal, ran, received
from tests.campaigns.hostile.world import World

Prepare = Callable[[World], object]
Forge = Callable[[World, Seal | None], None]

TRUE = r"b \(2,\) \[3, 4\]"
SET_ASIDE = r"was not made with your key: nothing of it is used.*store-aside-1"
_PARTS: dict[str, tuple[Forge, list[list[str]], tuple[str, ...]]] = {
    "memo": (forging.forge_memo, [["r.yaml"]], (TRUE,)),
    "records of steps": (forging.forge_records, [["r.yaml"]], (TRUE,)),
    "list of runs": (forging.forge_rows, [["runs"], ["r.yaml"]], (TRUE,)),
    "records of runs": (
        forging.forge_runs, [["r.yaml"], ["show", "last"], ["explain", "r.yaml"]], (TRUE,),
    ),
    "texts of modules": (forging.forge_sources, [["r.yaml"], ["explain", "r.yaml"]], (TRUE,)),
}  # fmt: skip


def _forged(make: Prepare, forge: Forge, seal: Seal | None, world: World) -> None:
    make(world)
    forge(world, seal)


def _own() -> list[Attempt]:
    """The user's own store, which came back altered."""
    return [
        Attempt(
            group="stores",
            name=f"own {part}, with {kind}",
            prepare=partial(_forged, ran, forge, seal),
            commands=commands,
            codes=(0,),
            says=says,
            never=(FALSE,),
        )
        for part, (forge, commands, says) in _PARTS.items()
        for kind, seal in SEALS.items()
    ]


def _elsewhere() -> list[Attempt]:
    """A store that a stranger made, with seals that are right for the stranger's key."""
    return [
        Attempt(
            group="stores",
            name=f"from elsewhere, `flowrun {' '.join(command)}`",
            prepare=received,
            commands=[list(command)],
            codes=codes,
            says=says,
        )
        for command, codes, says in (
            (("r.yaml",), (0,), (SET_ASIDE, TRUE, r"b .*\[3, 4\]  \d")),
            (("explain", "r.yaml"), (0,), (SET_ASIDE, "0 of 2 steps would be kept")),
            (("runs",), (0,), (SET_ASIDE, r"ok \(elsewhere\)")),
            (("show", "last"), (2,), ("no run in .* was made here with your key",)),
            (("diff", "last", "last"), (2,), ("no run in .* was made here with your key",)),
            (("store", "verify"), (0,), (SET_ASIDE, r"0 values read")),
            (("store", "gc", "--keep-days", "0"), (0,), (SET_ASIDE, "removed 0 runs, 0 records")),
            (("r.yaml", "--verify"), (0,), (SET_ASIDE, "0 kept results compared")),
        )
    ]


def _received_and_forged(forge: Forge, world: World) -> None:
    received(world)
    forge(world, forging.sealed_before)


def _without_mark(world: World) -> None:
    received(world)
    (world.project / STORE / "key").unlink()


def _with_mark(content: bytes, world: World) -> None:
    received(world)
    (world.project / STORE / "key").write_bytes(content)


def _mark_as(special: Callable[[World, str], object], world: World) -> None:
    received(world)
    (world.project / STORE / "key").unlink()
    special(world, f"{STORE}/key")


def _mixed(world: World) -> None:
    """The user's mark on the stranger's tables."""
    ran(world)
    mark = (world.project / STORE / "key").read_bytes()
    shutil.rmtree(world.project / ".flowrun")
    received(world)
    forging.forge_records(world, forging.sealed_by_fingerprint)
    (world.project / STORE / "key").write_bytes(mark)


def _moved_rows(world: World) -> None:
    """Own records under the keys of other steps."""
    ran(world)
    forging.remove_memos(world)
    forging.script(
        world,
        "create table t as select a.key, b.record, b.seal from steps a, steps b"
        " where a.key != b.key group by a.key;"
        "update steps set record = (select record from t where t.key = steps.key),"
        " seal = (select seal from t where t.key = steps.key); drop table t;",
    )


def _moved_memo(world: World) -> None:
    """The memo of one command in the place of another's, with another figure."""
    ran(world)
    memos = world.project / STORE / "replays"
    (first,) = memos.iterdir()
    world.flowrun("r.yaml", "-q")
    world.flowrun("r.yaml", "-q")
    content = first.read_bytes()
    for path in memos.iterdir():
        path.write_bytes(content.replace(b"[3, 4]", FALSE.encode()))


def _memo_is(make: Callable[[World, str], object], world: World) -> None:
    ran(world)
    (memo,) = (world.project / STORE / "replays").iterdir()
    memo.unlink()
    make(world, f"{STORE}/replays/{memo.name}")


def _large(world: World, name: str) -> None:
    path = world.write(name, b"0" * 64 + b"\n{}")
    os.truncate(path, 1 << 40)  # without a block on the disk


def _nested(world: World, name: str) -> None:
    world.write(name, b"0" * 64 + b"\n" + b"[" * 5_000_000)


_AS = {
    "a pipe": lambda world, name: world.fifo(name),
    "a link to a device": lambda world, name: world.link(name, "/dev/zero"),
    "a link to a file of the user's": lambda world, name: world.link(name, "../../../thesis.txt"),
    "a link to nothing": lambda world, name: world.link(name, "nothing"),
    "a folder": lambda world, name: (world.project / name).mkdir(),
    "a terabyte": _large,
    "five million brackets": _nested,
}

_MARKS = {
    "no mark": _without_mark,
    "an empty mark": partial(_with_mark, b""),
    "a mark of zeros": partial(_with_mark, b"0" * 64 + b"\n"),
    **{f"a mark that is {kind}": partial(_mark_as, make) for kind, make in _AS.items()},
}

_KEYED = {**forging.STRANGER}


def _run_as_checkpoint(world: World) -> None:
    """A checkpoint of a stranger's, under the name that the user's step has."""
    world.write("steps.py", _COUNTING)
    world.write("c.yaml", "recipe: c\nplugins: [./steps.py]\nsteps: [{count: {}}]\n")
    stopped = {"STOP": "1", "FLOWRUN_CHECKPOINT_SECONDS": "0"}
    world.flowrun("c.yaml", variables=stopped)
    checkpoints = world.project / STORE / "checkpoints"
    (document,) = checkpoints.glob("*.json")
    text = document.read_text()
    assert '"seal"' in text
    shutil.rmtree(world.project / ".flowrun")
    world.flowrun("c.yaml", variables=stopped | forging.STRANGER)
    (forged,) = checkpoints.glob("*.json")
    content = forged.read_bytes()
    shutil.rmtree(world.project / ".flowrun")
    world.flowrun("c.yaml", variables=stopped)
    (own,) = checkpoints.glob("*.json")
    own.write_bytes(content)


_COUNTING = """
import os
from flowrun import Context, step

@step(outputs="n")
def count(*, ctx: Context):
    if ctx.restored is not None:
        print("RESTORED", ctx.restored)
    ctx.checkpoint(lambda: {"n": 1})
    if os.environ.get("STOP"):
        os._exit(9)
    return 1
"""

ATTEMPTS = [
    *_own(),
    *_elsewhere(),
    *[
        Attempt(
            group="stores",
            name=f"from elsewhere, with {kind}",
            prepare=prepare,
            commands=[["r.yaml"]],
            codes=(0,),
            says=(SET_ASIDE, TRUE, r"b .*\[3, 4\]  \d"),
        )
        for kind, prepare in _MARKS.items()
    ],
    *[
        Attempt(
            group="stores",
            name=f"a memo that is {kind}",
            prepare=partial(_memo_is, make),
            commands=[["r.yaml"]],
            codes=(0,),
            says=(TRUE, "kept"),
        )
        for kind, make in _AS.items()
    ],
    *[
        Attempt(
            group="stores",
            name=f"from elsewhere, with forged {part}",
            prepare=partial(_received_and_forged, forge),
            commands=commands,
            never=(FALSE,) if part != "records of runs" else (),
            says=(SET_ASIDE,),
        )
        for part, (forge, commands, _) in _PARTS.items()
    ],
    Attempt(
        group="stores",
        name="the user's mark on the tables of a stranger",
        prepare=_mixed,
        commands=[["r.yaml"], ["store", "verify"]],
        says=(TRUE, "damaged"),
        never=(FALSE,),
    ),
    Attempt(
        group="stores",
        name="own records under the keys of other steps",
        prepare=_moved_rows,
        commands=[["r.yaml"]],
        codes=(0,),
        says=(TRUE, r"b .*\[3, 4\]  \d"),
    ),
    Attempt(
        group="stores",
        name="the memo of one command in the place of another's",
        prepare=_moved_memo,
        commands=[["r.yaml"]],
        codes=(0,),
        says=(TRUE,),
        never=(FALSE,),
    ),
    Attempt(
        group="stores",
        name="a checkpoint of a stranger's",
        prepare=_run_as_checkpoint,
        commands=[["c.yaml"]],
        codes=(0,),
        says=("a checkpoint cannot be read.*not made with your key",),
        never=("RESTORED",),
    ),
    Attempt(
        group="stores",
        name="a key of the project's, which XDG_STATE_HOME would name from there",
        prepare=lambda world: (received(world), world.write("state/flowrun/key", bytes(32))),
        commands=[["r.yaml"]],
        codes=(0,),
        says=(TRUE,),
        variables={"XDG_STATE_HOME": "./state"},
    ),
    Attempt(
        group="stores",
        name="adopted with malformed records",
        prepare=lambda world: (
            received(world),
            forging.execute(world, "update steps set record = 'text' where rowid = 1"),
            forging.execute(world, "update steps set record = x'93' where rowid = 2"),
        ),
        commands=[["store", "adopt"], ["r.yaml"]],
        codes=(0,),
        says=(r"adopted 1 records of steps.*refused as malformed: 2", TRUE),
    ),
    Attempt(
        group="stores",
        name="a recipe that reads the key",
        prepare=lambda world: world.write(
            "r.yaml", RECIPE.replace("recipe: r", 'recipe: r\nabout: "${env:FLOWRUN_STORE_KEY}"')
        ),
        commands=[["r.yaml"]],
        codes=(2,),
        says=("FLOWRUN_STORE_KEY",),
        never=("the stranger's",),
        variables=_KEYED,
    ),
]
