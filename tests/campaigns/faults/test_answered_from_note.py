"""A command that is answered from its note, killed or on a failing disk: it is answered anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.faults.injecting import DISK_FULL, Faults
from tests.campaigns.faults.rerunning import what_is_wrong_after
from tests.campaigns.faults.scale import IS_WHOLE
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World

NUMBERS = range(1, 25) if IS_WHOLE else [1, 8]  # of the calls that write


@pytest.fixture
def world(tmp_path: Path, plain: Undisturbed) -> World:
    """Where the command has been run and has left its note."""
    world = plain.world(tmp_path / "world")
    assert world.run().code == 0
    return world


@pytest.mark.parametrize("number", NUMBERS)
def test_an_answer_killed_at_a_write_is_given_when_asked_again(
    world: World, plain: Undisturbed, faults: Faults, number: int
) -> None:
    done = world.run(told=faults.at(number, "kill", world.folder))
    assert done.was_killed or number > NUMBERS[0]
    assert what_is_wrong_after(world, plain) == []


@pytest.mark.parametrize("number", NUMBERS)
def test_an_answer_is_given_on_a_full_disk(
    world: World, plain: Undisturbed, faults: Faults, number: int
) -> None:
    done = world.run(told=faults.at(number, "enospc", world.home, on=True, kinds=DISK_FULL))
    assert done.code == 0
    assert world.shown(done) == plain.shown
    assert done.warnings <= 1
    assert "Traceback" not in done.err
    assert world.calls_of("walk") == 1
    assert what_is_wrong_after(world, plain) == []
