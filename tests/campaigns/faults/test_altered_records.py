"""The record of a run damaged or gone: later runs do not mind, and runs can still be listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowrun.store.store import Store
from tests.campaigns.faults.altering import WAYS, flip, remove
from tests.campaigns.faults.scale import IS_WHOLE
from tests.campaigns.faults.undisturbed import Undisturbed

Way = Callable[[Path], None]


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_record_hinders_no_run_and_no_list(
    tmp_path: Path, plain: Undisturbed, way: Way
) -> None:
    world = plain.ran.copy(tmp_path / "world")
    (record,) = world.home.glob("runs/*/run.json")
    way(record)
    remove(world.store / "records.sqlite")  # so that listing must look into it
    listed = world.command("runs")
    assert (listed.code, listed.err) == (0, "")
    assert record.parent.name in listed.out
    remove(record) if record.exists() else None
    done = world.run("--set", "write.to=out/elsewhere.json")
    assert (done.code, done.err) == (0, "")
    assert world.saved()["elsewhere.json"] == plain.outcome.saved["numbers.json"]


def test_no_bit_of_a_record_can_keep_runs_from_being_listed(
    tmp_path: Path, plain: Undisturbed
) -> None:
    world = plain.ran.copy(tmp_path / "world")
    (record,) = world.home.glob("runs/*/run.json")
    content = record.read_bytes()
    store = Store(world.home, warn=print)
    for bit in range(0, 8 * len(content), 5 if IS_WHOLE else 331):
        flip(record, *divmod(bit, 8))
        store.database.write("delete from runs where id = ?", [(record.parent.name,)])
        (row,) = store.runs.rows()
        assert row.id == record.parent.name
        assert isinstance(row.metrics, dict)
        record.write_bytes(content)
    store.close()
