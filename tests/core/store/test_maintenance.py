"""What the store holds, what a cleaning removes, and the rows of runs, from Python."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowrun.store.maintenance import Maintenance, Verified
from flowrun.store.step_records import OutputRecord, StepRecord, full_key
from flowrun.store.store import MISSING, Store
from flowrun.store.value_files import remove_value, write_value
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest
from tests.sealing import write_record

DAY = 86_400.0
CODECS = Codecs(())


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
def store(warned: list[str]) -> Iterator[Store]:
    made = Store(Path("home"), warned.append)
    yield made
    made.close()


def record(number: int, *, run: str = "r", days: float = 0.0, **more: Any) -> StepRecord:
    """A record of a step that some run made so many days ago."""
    base = f"{number:032x}" * 2
    return StepRecord(
        key=full_key(base, {}), base=base, step=f"step{number}", parts={"code": {}}, states={},
        outputs={}, run=run, made=time.time() - days * DAY, **more,
    )  # fmt: skip


def keep(store: Store, number: int, value: object, **more: Any) -> StepRecord:
    """Keep a record with a value of its own."""
    digest = value_digest(value, CODECS)
    assert digest is not None
    name = store.objects.keep(value, digest, CODECS)
    made = record(number, **more)
    made.outputs["x"] = OutputRecord(digest, {"type": "list"}, None, name)
    store.records.keep(made)
    return made


def add_run(store: Store, run: str, *, days: float = 0.0, keys: list[str] | None = None) -> None:
    started = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - days * DAY))
    content = {"status": "ok", "started": started, "recipe": f"recipe of {run}",
               "steps": [{"key": key} for key in keys or ()]}  # fmt: skip
    folder = Path("home/runs") / run
    folder.mkdir(parents=True)
    store.runs.add(run, write_record(folder, content))


def used(store: Store, name: str | None, days: float) -> None:
    moment = time.time() - days * DAY
    store.database.write("update objects set used = ? where name = ?", [(moment, name)])


def test_the_parts_are_counted_with_their_bytes(store: Store) -> None:
    keep(store, 1, [1] * 10)
    keep(store, 2, [2] * 100)
    add_run(store, "a")
    Path("home/runs/stray.txt").touch()
    for name, text in (("checkpoints/c1.json", "12"), ("checkpoints/c1-x.safetensors", "345"),
                       ("checkpoints/c2.json", "6"), ("aside/d", "7")):  # fmt: skip
        path = Path("home/store") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = {part.name: (part.count, part.bytes) for part in Maintenance(store).parts()}
    objects = sum(path.stat().st_size for path in Path("home/store/objects").iterdir())
    tables = sum(path.stat().st_size for path in Path("home/store").glob("records.sqlite*"))
    assert found == {
        "runs": (1, Path("home/runs/a/run.json").stat().st_size),
        "records of steps": (2, tables),
        "values": (2, objects),
        "checkpoints": (2, 6),
        "damaged files put aside": (1, 1),
    }
    for path in Path("home/store/checkpoints").iterdir():
        path.unlink()


def test_those_that_hold_the_most_come_first(store: Store) -> None:
    keep(store, 1, [1] * 10, run="a")
    keep(store, 2, [2] * 100, run="b")
    keep(store, 3, [3] * 50, run="a")
    store.records.keep(record(4))
    add_run(store, "a")
    found = Maintenance(store).holders(2)
    assert [(one.step, one.run, one.recipe) for one in found] == [
        ("step2", "b", ""), ("step3", "a", "recipe of a"),
    ]  # fmt: skip
    sizes = {name: size for name, size, _ in store.objects.least_used()}
    assert found[0].bytes == max(sizes.values())
    assert len(Maintenance(store).holders(9)) == 3


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_older_than_the_days_goes_unless_a_run_that_stays_names_it(
    store: Store, dry_run: bool
) -> None:
    old, named, new = (keep(store, number, [number] * 9, days=days)
                       for number, days in ((1, 10.5), (2, 10.5), (3, 9.5)))  # fmt: skip
    used(store, old.outputs["x"].object, 10.5)
    a, b = "20260101-000000-00000a", "20260101-000000-00000b"
    add_run(store, a, days=10.5, keys=[old.key])
    add_run(store, b, days=9.5, keys=[named.key])
    size = store.objects.least_used()[0][1]
    cleaned = Maintenance(store).clean(keep_days=10, max_size=None, dry_run=dry_run)
    assert (cleaned.runs, cleaned.records, cleaned.values, cleaned.bytes) == (1, 1, 1, size)
    left = {old.key, named.key, new.key} if dry_run else {named.key, new.key}
    assert store.records.keys() == left
    assert {row.id for row in store.runs.rows()} == ({a, b} if dry_run else {b})
    assert len(store.objects.least_used()) == (3 if dry_run else 2)
    assert store.objects.strays() == []


def test_values_go_the_least_used_first_until_the_rest_fits(store: Store) -> None:
    names = [keep(store, number, [number] * 9).outputs["x"].object for number in (1, 2, 3)]
    for name, days in zip(names, (1, 3, 2), strict=True):
        used(store, name, days)
    (size, *_) = {size for _, size, _ in store.objects.least_used()}
    assert Maintenance(store).clean(keep_days=None, max_size=3 * size).values == 0
    cleaned = Maintenance(store).clean(keep_days=None, max_size=2 * size)
    assert (cleaned.values, cleaned.bytes) == (1, size)
    assert [name for name, _, _ in store.objects.least_used()] == [names[2], names[0]]
    assert Maintenance(store).clean(keep_days=None, max_size=0).values == 2
    assert list(Path("home/store/objects").iterdir()) == []


def test_a_kept_value_is_read_as_it_was_and_a_damaged_one_is_put_aside(
    store: Store, warned: list[str]
) -> None:
    kept = keep(store, 1, [1, (2, {"a": None})])
    output = kept.outputs["x"]
    assert output.object is not None
    assert output.digest is not None
    assert store.objects.read(output.object, output.digest, CODECS) == [1, (2, {"a": None})]
    assert store.objects.check(output.object, output.digest, CODECS) is None
    assert Maintenance(store).verify(CODECS) == Verified()
    path = Path(f"home/store/objects/{output.object}.json")
    path.write_text(path.read_text().replace("[1,", "[7,"))
    (wrong,) = Maintenance(store).verify(CODECS).wrong
    assert wrong.startswith("the value `x` of `step1` is damaged: ")
    assert store.objects.read(output.object, output.digest, CODECS) is MISSING
    assert not path.exists()
    assert (Path("home/store/aside") / path.name).exists()
    assert len(warned) == 1
    assert store.objects.least_used() == []
    assert store.objects.read(output.object, output.digest, CODECS) is MISSING
    assert len(warned) == 1, "one that is gone is nothing to warn of"


def test_the_files_of_a_value_are_removed_and_those_of_others_stay() -> None:
    folder = Path("folder")
    for name in ("one", "other"):
        write_value(folder, name, [1], "digest", CODECS, None)
    (folder / "one-digest.safetensors").touch()
    remove_value(folder, "one")
    assert [path.name for path in folder.iterdir()] == ["other.json"]
    remove_value(Path("none"), "one")


def test_a_use_of_a_value_is_noted_once_an_hour(store: Store) -> None:
    output = keep(store, 1, [1]).outputs["x"]
    assert output.object is not None
    assert output.digest is not None
    for minutes, is_noted in ((59, False), (61, True)):
        used(store, output.object, minutes / 24 / 60)
        store.objects.read(output.object, output.digest, CODECS)
        ((_, _, last),) = store.objects.least_used()
        assert (time.time() - last < 60) == is_noted


def test_the_records_of_a_base_key_come_the_last_made_first_and_no_more_than_twenty(
    store: Store,
) -> None:
    base = "ab" * 32
    for number in range(22):
        made = record(0, days=number)
        made.base, made.key = base, full_key(base, {"seed": str(number)})
        store.records.keep(made)
    other = record(0)
    other.base, other.key = "ac" * 32, full_key("ac" * 32, {})
    store.records.keep(other)
    found = store.records.of_base(base)
    moments = [one.made for one in found]
    assert (len(found), moments) == (20, sorted(moments, reverse=True))
    assert store.records.is_known(base)
    assert store.records.is_known(base[:32])
    assert not store.records.is_known("ad" * 32)
    assert store.records.of_key(other.key) == other
    assert store.records.of_key("none") is None
    assert len(list(store.records.all())) == len(store.records.keys()) == 23
    assert len(store.records.older_than(time.time() - 20.5 * DAY)) == 1


def test_a_damaged_record_is_none(store: Store) -> None:
    good, bad = record(1), record(2)
    for one in (good, bad):
        store.records.keep(one)
    store.database.write("update steps set record = x'78' where key = ?", [(bad.key,)])
    assert [one.step for one in store.records.all()] == ["step1"]
    assert store.records.damaged() == [bad.key]
    assert store.records.of_key(bad.key) is None
    (told,) = Maintenance(store).verify(CODECS).wrong
    assert bad.key in told


def test_runs_are_listed_the_latest_first_by_their_records(store: Store) -> None:
    add_run(store, "20260101-000000-000001", days=2)
    add_run(store, "20260101-000000-000003", days=1)
    add_run(store, "20260101-000000-000002", days=3)
    Path("home/runs/20251231-235959-abcdef").mkdir()
    Path("home/runs/mine").mkdir()
    rows = store.runs.rows()
    assert [row.id[-6:] for row in rows] == ["000003", "000001", "000002", "abcdef"]
    last = rows[-1]
    assert (last.status, last.started) == ("unreadable", "2025-12-31T23:59:59.000+00:00")
    assert (last.recipe, last.metrics, last.keys, last.seconds) == ("", {}, [], 0.0)
    assert store.runs.ids() == {row.id for row in rows} | {"mine"}
    store.runs.remove([rows[0].id])
    assert [row.id for row in store.runs.rows()] == [row.id for row in rows[1:]]
    assert not Path("home/runs", rows[0].id).exists()


def test_a_row_has_the_metrics_and_the_keys_of_its_run(store: Store) -> None:
    folder = Path("home/runs/one")
    folder.mkdir(parents=True)
    content = {
        "status": "running", "process": os.getpid(), "started": "2026", "recipe": "r",
        "file": "r.yaml", "seconds": 1.5, "metrics": {"mae": 0.5},
        "steps": [{"key": "k"}, {"key": None}],
    }  # fmt: skip
    write_record(folder, content)
    (row,) = store.runs.rows()
    assert (row.metrics, row.keys, row.status, row.seconds) == ({"mae": 0.5}, ["k"], "running", 1.5)
    assert store.runs.latest_of("r.yaml", "other") == [row]
    assert store.runs.latest_of(None, "r") == [row]
    assert store.runs.latest_of(None, "other") == []
    write_record(folder, {**content, "status": "ok"})
    (row,) = store.runs.rows()
    assert row.status == "ok", "one that had not ended is read again"
    write_record(folder, {**content, "status": "failed"})
    assert store.runs.rows()[0].status == "ok"
    store.database.write("update runs set metrics = '[', keys = '{}' where id = ?", [("one",)])
    (row,) = store.runs.rows()
    assert (row.metrics, row.keys, row.status) == ({"mae": 0.5}, ["k"], "failed"), "read again"
