"""`flowrun store`: its size and what holds it, what gc takes away, what verify finds."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from flowrun.store.store import Store
from tests.conftest import Flowrun
from tests.core.store.conftest import World

BIG = """
from flowrun import step

@step(outputs="numbers")
def many(*, start: int = 0):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write("many\\n")
    return list(range(start, start + 1000))

@step(outputs="total")
def total(numbers, *, times: int = 1):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write("total\\n")
    return sum(numbers) * times
"""
STORE = Path(".flowrun/store")


@pytest.fixture
def world(world: World) -> World:
    (world.folder / "steps.py").write_text(BIG)
    world.recipe("[{many: {}, cache: true}, total]")
    return world


def age(days: float) -> None:
    """Let every run, record and value be that old."""
    seconds = days * 86_400
    with sqlite3.connect(STORE / "records.sqlite") as connection:
        connection.execute("update steps set made = made - ?", (seconds,))
        connection.execute("update objects set used = used - ?", (seconds,))
    store = Store(Path(".flowrun"), print)
    rows = [replace(row, started="2001-01-01T00:00:00+00:00") for row in store.runs.rows()]
    store.runs._write(rows)
    store.close()


def kept_values() -> int:
    return len(list((STORE / "objects").glob("*.json")))


def test_the_store_shows_its_size_and_what_holds_it(world: World, flowrun: Flowrun) -> None:
    result, _ = world.run()
    done = flowrun("store")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1][:2] == ["runs", "1"]
    assert lines[3][:2] == ["values", "1"]
    assert lines[-1][0] == "many"
    assert lines[-1][-2:] == ["r", result.record["id"]]


def test_an_empty_folder_has_an_empty_store(world: World, flowrun: Flowrun) -> None:
    done = flowrun("store")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_gc_by_size_takes_the_least_recently_used_values_first(
    world: World, flowrun: Flowrun
) -> None:
    for start in (0, 1, 2):
        world.called(set={"many.start": start})
    with sqlite3.connect(STORE / "records.sqlite") as connection:
        connection.execute("update objects set used = used - 100000")
    world.called(set={"many.start": 0, "total.times": 2})  # uses the first value once more
    size = sum(path.stat().st_size for path in (STORE / "objects").iterdir()) // 3
    done = flowrun("store", "gc", "--max-size", str(size + 50))
    assert "0 runs, 0 records of steps, 2 values" in done.stdout
    assert world.called(set={"many.start": 0, "total.times": 3}) == ["total"]
    assert world.called(set={"many.start": 1, "total.times": 3}) == ["many", "total"]


def test_gc_never_takes_a_record_that_a_kept_run_names(world: World, flowrun: Flowrun) -> None:
    world.called()
    age(40)
    world.called()
    flowrun("store", "gc", "--keep-days", "30", "--max-size", "0B")
    assert len(list(Path(".flowrun/runs").iterdir())) == 1
    assert kept_values() == 0
    assert world.called() == []


def test_gc_by_days_takes_old_runs_and_what_only_they_name(world: World, flowrun: Flowrun) -> None:
    world.called()
    age(40)
    done = flowrun("store", "gc", "--keep-days", "30")
    assert "removed 1 runs, 2 records of steps, 1 values" in done.stdout
    assert list(Path(".flowrun/runs").iterdir()) == []
    assert world.called() == ["many", "total"]


def test_gc_can_say_what_it_would_take(world: World, flowrun: Flowrun) -> None:
    world.called()
    age(40)
    done = flowrun("store", "gc", "--keep-days", "30", "--dry-run")
    assert "would remove 1 runs, 2 records of steps, 1 values" in done.stdout
    assert world.called() == []


def test_gc_removes_what_a_killed_process_left(world: World, flowrun: Flowrun) -> None:
    world.called()
    left = STORE / "objects" / f"{'0' * 32}-1234567890abcdef.safetensors"
    left.write_text("half written")
    assert "belongs to no record" in flowrun("store", "verify").stdout
    flowrun("store", "gc", "--keep-days", "30")
    assert not left.exists()
    assert kept_values() == 1


OLD, FRESH = (f"{digit * 32}.json" for digit in "0f")


def test_gc_by_days_takes_old_checkpoints_and_damaged_files_and_leaves_fresh_ones(
    world: World, flowrun: Flowrun
) -> None:
    world.called()
    long_ago = time.time() - 40 * 86_400
    for part in ("aside", "checkpoints"):
        (STORE / part).mkdir(exist_ok=True)
        for name in (OLD, FRESH):
            (STORE / part / name).write_text("{}")
        os.utime(STORE / part / OLD, (long_ago, long_ago))
    assert flowrun("store", "gc", "--keep-days", "30").returncode == 0
    for part in ("aside", "checkpoints"):
        assert [path.name for path in (STORE / part).iterdir()] == [FRESH]


def test_gc_never_takes_a_run_that_goes_on(world: World, flowrun: Flowrun) -> None:
    result, _ = world.run()
    age(40)
    record = Path(".flowrun/runs", result.record["id"], "run.json")
    going_on = {**result.record, "status": "running", "process": os.getpid()}
    record.write_text(json.dumps({**going_on, "started": "2001-01-01T00:00:00+00:00"}))
    with sqlite3.connect(STORE / "records.sqlite") as connection:
        connection.execute("update runs set status = 'running'")
    done = flowrun("store", "gc", "--keep-days", "30")
    assert "removed 0 runs, 0 records of steps" in done.stdout
    assert record.exists()
    assert world.called() == []


@pytest.mark.parametrize("size", ["much", "-1", "10 bananas"])
def test_a_size_that_is_none_is_a_clear_error(world: World, flowrun: Flowrun, size: str) -> None:
    done = flowrun("store", "gc", "--max-size", size)
    assert done.returncode == 2
    assert "write a number and a unit: 500MiB, 2GB" in done.stderr


def test_gc_without_a_bound_shows_what_it_would_remove_and_removes_nothing(
    world: World, flowrun: Flowrun
) -> None:
    assert world.called() == ["many", "total"]
    age(40)
    assert world.called() == []
    lines = flowrun("store", "gc").stdout.splitlines()
    shown = [" ".join(line.split()[:6]) for line in lines[:-1]]
    assert shown == [f"--keep-days {days} would remove {count} runs,"
                     for days, count in ((90, 1), (30, 1), (7, 1), (0, 2))]  # fmt: skip
    assert "--keep-days DAYS, --max-size SIZE, or both" in lines[-1]
    assert world.called() == []


def test_verify_reads_everything_and_finds_nothing_wrong(world: World, flowrun: Flowrun) -> None:
    world.called()
    done = flowrun("store", "verify")
    assert done.returncode == 0
    assert "all records and values are undamaged (1 values read)" in done.stdout


OF_CLASSES = """
import dataclasses
import torch
from flowrun import step

@dataclasses.dataclass
class Square:
    side: float

@step(outputs=["shape", "net"])
def make(*, side: float = 1.0):
    net = torch.nn.Linear(1, 1)
    with torch.no_grad():
        net.weight.fill_(side)
    return [Square(side), net]
"""


def run_of_classes(world: World, side: float) -> str:
    (world.folder / "steps.py").write_text(OF_CLASSES)
    world.recipe(f"[{{make: {{side: {side}}}, cache: true}}]")
    return str(world.run()[0].record["id"])


def test_verify_counts_the_values_whose_plugins_are_not_loaded(
    world: World, flowrun: Flowrun
) -> None:
    run_of_classes(world, 1.0)
    done = flowrun("store", "verify")
    assert done.returncode == 0
    assert "undamaged (1 values read)" in done.stdout  # the module, of a class of torch
    assert "not checked: 1 (their types or classes belong to plugins" in done.stdout
    done = flowrun("store", "verify", "-p", "./steps.py")
    assert done.returncode == 0
    assert done.stdout.strip() == "all records and values are undamaged (2 values read)"


def test_verify_finds_a_damaged_value_of_a_class(world: World, flowrun: Flowrun) -> None:
    run_of_classes(world, 1.0)
    (path,) = (STORE / "objects").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    done = flowrun("store", "verify")
    assert done.returncode == 1
    assert "the value `net` of `make` is damaged" in done.stdout


def test_diff_compares_values_of_classes(world: World, flowrun: Flowrun) -> None:
    first, second = run_of_classes(world, 1.0), run_of_classes(world, 2.0)
    done = flowrun("diff", first, second, "-p", "./steps.py")
    assert done.returncode == 1
    assert "shape: {side 1} -> {side 2}" in done.stdout
    assert "cannot be read" not in done.stdout
    without = flowrun("diff", first, second)
    assert without.stdout.count("cannot be read: if a plugin can read them, add -p") == 1


def test_verify_names_what_is_damaged(world: World, flowrun: Flowrun) -> None:
    result, _ = world.run()
    (path,) = (STORE / "objects").glob("*.json")
    document = json.loads(path.read_text())
    document["value"]["list"][3] = 77
    path.write_text(json.dumps(document))
    with sqlite3.connect(STORE / "records.sqlite") as connection:
        key = result.record["steps"][1]["key"]
        connection.execute("update steps set seal = x'00' where key = ?", (key,))
    done = flowrun("store", "verify")
    assert done.returncode == 1
    assert "the value `numbers` of `many` is damaged" in done.stdout
    assert "is damaged; its step runs again when it is needed" in done.stdout
