"""What is kept of a step that ran: its record, the bytes that are worth it, and in which form."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.conftest import Flowrun
from tests.core.store.conftest import World

STEPS = """
import os, sys, time
import torch
from flowrun import step

def called(name):
    with open(os.environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs="t")
def make(*, seconds: float = 0.0, megabytes: float = 0.001):
    called("make")
    time.sleep(seconds)
    import numpy

    # Memory that is not touched yet, so that this takes no longer on a busy machine.
    return torch.from_numpy(numpy.zeros(int(megabytes * 250_000), "float32"))

@step(outputs="u")
def double(t):
    called("double")
    return t + 1

@step(outputs="total")
def total(u, *, times: int = 1):
    called("total")
    return float(u.sum()) * times

@step(outputs="found")
def find(u, *, times: int = 1):
    called("find")
    for line in open("/proc/self/maps"):
        first, last = (int(part, 16) for part in line.split()[0].split("-"))
        if first <= u.data_ptr() < last:
            return line.split()[-1]

@step(outputs="found")
def hold(*, ctx):
    ctx.log("held")
    held = bytearray(b"1") * 200_000_000
    return {"text": ["a", 1.5, None, True], "size": len(held)}

@step(outputs="found")
def use(found, *, times: int = 1):
    called("use")
    return found["size"] * times
"""
PARTS = ["", "runs", "store", "store/key", "store/lock", "store/objects", "store/records.sqlite"]


@pytest.fixture
def world(world: World) -> World:
    (world.folder / "steps.py").write_text(STEPS)
    return world


def objects() -> list[Path]:
    return list(Path(".flowrun/store").glob("objects/*"))


def test_a_record_holds_digests_summaries_seconds_memory_and_messages(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[hold]")
    done = flowrun("r.yaml", "--json")
    assert done.returncode == 0, done.stderr
    for _ in range(2):  # of the step that ran, and of the one that is kept
        (step,) = json.loads(done.stdout)["steps"]
        assert len(step["key"]) == len(step["digests"]["found"]) == 64
        assert step["outputs"]["found"]["items"]["size"] == {"type": "int", "value": 200_000_000}
        assert step["messages"] == ["held"]
        done = flowrun("r.yaml", "--json", "-q")
    with closing(sqlite3.connect(".flowrun/store/records.sqlite")) as connection:
        ((record,),) = connection.execute("select record from steps")
    kept = msgspec.msgpack.decode(record)
    assert kept["parts"]["step"] == "hold"
    assert kept["peak_bytes"] > 200_000_000
    assert kept["seconds"] >= kept["work"] > 0


def test_small_plain_values_are_in_the_record_itself(world: World) -> None:
    world.recipe("[hold, use]")
    first, _ = world.run()
    shutil.rmtree(".flowrun/store/objects", ignore_errors=True)
    again, called = world.run(set={"use.times": 2})
    assert called == ["use"]
    assert again.values["found"] == 2 * first.values["found"]


@pytest.mark.parametrize(("megabytes", "is_kept"), [(0.001, True), (120, False)])
def test_bytes_are_kept_if_the_step_took_longer_than_reading_them_would(
    world: World, megabytes: float, is_kept: bool
) -> None:
    world.recipe(f"[{{make: {{seconds: 0.05, megabytes: {megabytes}}}}}]")
    world.called()
    assert bool(objects()) is is_kept


@pytest.mark.parametrize("cache", ["false", "true"])
def test_the_steps_that_would_have_to_run_before_it_count(world: World, cache: str) -> None:
    world.recipe(f"[{{make: {{seconds: 0.1}}, cache: {cache}}}, double, total]")
    world.called()
    called = world.called(set={"total.times": 2})
    assert called == (["total"] if cache == "false" else ["double", "total"])


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is mapped")
def test_a_kept_tensor_is_mapped_from_its_file(world: World) -> None:
    world.recipe("[make, {double: {}, cache: true}, find]")
    world.called()
    result, called = world.run(set={"find.times": 2})
    assert called == ["find"]
    (path,) = Path(".flowrun/store/objects").glob("*.safetensors")
    assert result.values["found"] == str(path.resolve())


def test_a_damaged_value_is_moved_aside(world: World) -> None:
    world.recipe("[{make: {}, cache: false}, {double: {}, cache: true}, total]")
    world.called()
    (path,) = Path(".flowrun/store/objects").glob("*.safetensors")
    damaged = path.read_bytes()[:-4]
    path.write_bytes(damaged)
    with pytest.warns(UserWarning, match="a kept value was damaged"):
        world.called(set={"total.times": 2})
    assert Path(".flowrun/store/aside", path.name).read_bytes() == damaged


@pytest.mark.parametrize("part", PARTS)
def test_deleting_a_part_of_the_store_does_no_harm(world: World, part: str) -> None:
    world.recipe("[make, {double: {}, cache: true}, total]")
    first, _ = world.run()
    path = world.folder / ".flowrun" / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert world.run()[0].values["total"] == first.values["total"] == 250
    assert world.run(set={"total.times": 2})[0].values["total"] == 500


def test_a_step_called_again_is_named_below_the_step_that_needed_it(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[make, {double: {}, cache: false}, total]")
    assert "recomputed" not in flowrun("r.yaml").stdout
    lines = flowrun("r.yaml", "--set", "total.times=2").stdout.splitlines()
    (number,) = [number for number, line in enumerate(lines) if "total 500" in line]
    said = lines[number + 1].strip()
    assert said == "recomputed make, double, whose outputs are not stored"


def test_a_value_that_only_pickle_could_write_is_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.folder / "steps.py").write_text(
        "from pathlib import Path\nfrom flowrun import step\n\n"
        "class Bare:\n    def __reduce__(self):\n        Path('pickled').touch()\n"
        "        return Bare, ()\n\n@step(outputs='bare')\ndef bare():\n    return Bare()\n"
    )
    world.recipe("[{bare: {}, cache: true}]")
    world.called()
    assert not Path("pickled").exists()
    assert objects() == []
