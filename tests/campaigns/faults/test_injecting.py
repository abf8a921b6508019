"""The library of faults sees every call that writes or locks, whoever makes it."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.faults.injecting import Faults
from tests.campaigns.faults.undisturbed import Undisturbed


def test_the_calls_of_python_and_of_sqlite_are_seen(plain: Undisturbed, faults: Faults) -> None:
    seen = {(call.kind, Path(call.path).name) for call in plain.calls}
    assert {
        ("write", "events.jsonl"),
        ("rename", "run.json"),
        ("open", "records.sqlite"),
        ("write", "records.sqlite-wal"),
        ("truncate", "records.sqlite"),
        ("unlink", "records.sqlite-wal"),
        ("sync", "objects"),
        ("mkdir", "checkpoints"),
        ("lock", "lock"),
    } <= seen


def test_an_undisturbed_run_makes_the_same_calls_each_time(
    tmp_path: Path, plain: Undisturbed, faults: Faults
) -> None:
    world = plain.world(tmp_path / "world")
    log = tmp_path / "log"
    assert world.run(told=faults.counted(log, world.folder)).code == 0
    count = len(log.read_text().splitlines())
    assert abs(count - len(plain.calls)) <= 6  # a page more or less in the tables
