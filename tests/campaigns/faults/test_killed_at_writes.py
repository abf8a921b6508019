"""A run killed at any of its writes, or in the middle of one, ends in the same bits when rerun."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.faults.injecting import Call, Faults
from tests.campaigns.faults.rerunning import report, what_is_wrong_after
from tests.campaigns.faults.scale import PARTS, chosen
from tests.campaigns.faults.undisturbed import Undisturbed


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["kill", "tear"])
def test_plain_steps_killed_at_a_write_end_in_the_same_bits(
    tmp_path: Path, plain: Undisturbed, faults: Faults, how: str, part: int
) -> None:
    calls = [call for call in plain.calls if how == "kill" or call.kind == "write"]
    _kill_at_each(tmp_path, plain, faults, how, chosen(calls, part, sample=4))


@pytest.mark.parametrize("part", PARTS)
def test_training_killed_at_a_write_ends_in_the_same_bits(
    tmp_path: Path, in_batches: Undisturbed, faults: Faults, part: int
) -> None:
    calls = [  # a fourth of those of the tables: with plain steps each of them is taken
        call for call in in_batches.calls if ".sqlite" not in call.path or call.number % 4 == 0
    ]
    _kill_at_each(tmp_path, in_batches, faults, "kill", chosen(calls, part, sample=1))


def _kill_at_each(
    folder: Path, undisturbed: Undisturbed, faults: Faults, how: str, calls: list[Call]
) -> None:
    killed, wrong = 0, {}
    for call in calls:
        world = undisturbed.world(folder / str(call.number))
        done = world.run(told=faults.at(call.number, how, world.folder))
        killed += done.was_killed
        found = what_is_wrong_after(world, undisturbed)
        if found:
            wrong[call] = found
        else:
            world.remove()
    assert not wrong, report(wrong)
    assert killed
