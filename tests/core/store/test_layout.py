"""Where the store lies, and the parts of its folder."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Flowrun
from tests.core.store.conftest import World

STEPS = """
from pathlib import Path
from flowrun import step

@step(outputs="numbers")
def many():
    return list(range(1000))

@step(outputs="total")
def work(numbers, *, ctx):
    ctx.checkpoint(lambda: 1)
    if not Path("go on").exists():
        raise RuntimeError("ended")
    return sum(numbers)
"""


@pytest.mark.parametrize("home", [None, "elsewhere"])
def test_the_parts_of_the_store_lie_in_one_folder(
    world: World, flowrun: Flowrun, home: str | None
) -> None:
    (world.folder / "steps.py").write_text(STEPS)
    world.recipe("[{many: {}, cache: true}, work]")
    environment = {"FLOWRUN_CHECKPOINT_SECONDS": "0", **({"FLOWRUN_HOME": home} if home else {})}
    assert flowrun("r.yaml", **environment).returncode == 3
    store = Path(home or ".flowrun", "store")
    assert len(list(store.glob("checkpoints/*.json"))) == 1
    assert len(list(store.glob("objects/*.json"))) == 1
    assert not (store / "replays").exists()
    (world.folder / "go on").touch()
    assert flowrun("r.yaml", **environment).returncode == 0
    assert list(store.glob("checkpoints/*")) == []
    assert len(list(store.glob("replays/*"))) == 1
    with closing(sqlite3.connect(store / "records.sqlite")) as connection:
        tables = {name for (name,) in connection.execute("select name from sqlite_master")}
    assert {"steps", "files", "runs"} <= tables
    locks = "lock" if sys.platform == "linux" else "locks"
    assert {path.name for path in store.iterdir()} == {
        "checkpoints", "key", "objects", "records.sqlite", "replays", locks,
    }  # fmt: skip
    assert {path.name for path in Path().iterdir()} - {"go on", "r.yaml", "steps.py"} == {
        home or ".flowrun"
    }
