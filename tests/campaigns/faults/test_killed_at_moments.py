"""A training run killed at any moment of its life ends in the same bits when rerun.

A tenth of the moments fall into its start and the import of torch; the others are spread from the
end of the first step to a little after the last: over training, checkpoints, saving and records.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.faults.recipes import FIRST
from tests.campaigns.faults.rerunning import what_is_wrong_after
from tests.campaigns.faults.scale import times
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World, ended

MOMENTS = times(1, 150)  # of each recipe
IN_START = 0.1  # of all moments
BEYOND = 1.1  # so far go the moments, in parts of the time that the steps take
START = 1.2  # seconds, about, from the start of the process to the end of the first step

Record = Callable[[str, object], None]


@pytest.mark.parametrize("moment", MOMENTS)
def test_training_in_batches_killed_at_a_moment_ends_in_the_same_bits(
    tmp_path: Path, in_batches: Undisturbed, moment: int, record_property: Record
) -> None:
    _kill_at(moment, in_batches.world(tmp_path / "world"), in_batches, record_property)


@pytest.mark.parametrize("moment", MOMENTS)
def test_training_to_a_tolerance_killed_at_a_moment_ends_in_the_same_bits(
    tmp_path: Path, to_tolerance: Undisturbed, moment: int, record_property: Record
) -> None:
    _kill_at(moment, to_tolerance.world(tmp_path / "world"), to_tolerance, record_property)


@pytest.mark.parametrize("moment", MOMENTS)
def test_training_of_a_module_killed_at_a_moment_ends_in_the_same_bits(
    tmp_path: Path, of_module: Undisturbed, moment: int, record_property: Record
) -> None:
    _kill_at(moment, of_module.world(tmp_path / "world"), of_module, record_property)


def _kill_at(moment: int, world: World, undisturbed: Undisturbed, record_property: Record) -> None:
    share = (moment + 0.5) / len(MOMENTS)
    process = world.start()
    if share < IN_START:
        time.sleep(share / IN_START * START)
    else:
        world.wait_for("step_finished", FIRST, process)
        time.sleep((share - IN_START) / (1 - IN_START) * undisturbed.seconds * BEYOND)
    process.kill()
    was_killed = ended(process).was_killed
    record_property("killed in", _place(world.events()) if was_killed else "nothing: it had ended")
    wrong = what_is_wrong_after(world, undisturbed)
    assert not wrong, "\n".join(wrong)


def _place(events: list[dict[str, Any]]) -> str:
    """Where a process was when it was killed, by the last it told."""
    if not events:
        return "start"
    last = events[-1]
    return f"{last['event']} {last['step']}" if "step" in last else str(last["event"])
