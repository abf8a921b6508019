"""A checkpoint that is damaged or gone: the step begins anew, and ends in the same bits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns.faults.altering import WAYS, remove
from tests.campaigns.faults.injecting import Faults
from tests.campaigns.faults.scale import whole
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World, ended

Way = Callable[[Path], None]
SAID = "warning: a checkpoint cannot be read, so its step starts over: "


@pytest.mark.parametrize("way", WAYS)
def test_a_step_with_a_damaged_checkpoint_begins_anew(
    tmp_path: Path, plain: Undisturbed, faults: Faults, way: Way
) -> None:
    last = [call for call in plain.calls if call.kind == "open" and "checkpoints" in call.path][-1]
    world = plain.world(tmp_path / "world")
    assert world.run(told=faults.at(last.number, "kill", world.folder)).was_killed
    (checkpoint,) = (world.store / "checkpoints").glob("*.json")
    way(checkpoint)
    _rerun(world, plain, is_said=way is not remove)


@whole
@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("way", WAYS)
def test_training_with_a_damaged_checkpoint_begins_anew(
    tmp_path: Path, in_batches: Undisturbed, suffix: str, way: Way
) -> None:
    world = in_batches.world(tmp_path / "world")
    process = world.start()
    while not list((world.store / "checkpoints").glob("*.json")):
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    assert ended(process).was_killed
    for path in (world.store / "checkpoints").glob(f"*{suffix}"):
        way(path)
    _rerun(world, in_batches, is_said=way is not remove or suffix != ".json")


def _rerun(world: World, undisturbed: Undisturbed, *, is_said: bool) -> None:
    done = world.run()
    assert done.code == 0
    assert done.err.startswith(SAID if is_said else "")
    assert done.warnings == is_said
    assert "goes on from" not in done.out
    assert world.outcome() == undisturbed.outcome
    assert world.leftovers() == []
