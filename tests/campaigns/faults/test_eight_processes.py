"""Eight processes started together on one store: each step is computed once, for all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.campaigns.faults.scale import times, whole
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World, ended

EIGHT = range(8)
STEPS = ("numbers", "walk", "measure", "write")
WAITING = re.compile(r"(warning: waiting for another process that computes `?[a-z_ ]+`?\n)*")


@pytest.mark.parametrize("round_", times(1, 50))
@pytest.mark.parametrize("seconds", ["0", "0.3"], ids=["quick", "slow"])
def test_each_step_is_computed_once_by_eight_processes(
    tmp_path: Path, plain: Undisturbed, seconds: str, round_: int
) -> None:
    world = plain.world(tmp_path / "world")
    together = [world.start("--set", f"walk.seconds={seconds}") for _ in EIGHT]
    done = [ended(process) for process in together]
    assert [one.code for one in done] == [0] * 8
    assert [one.err for one in done if not WAITING.fullmatch(one.err)] == []
    assert [world.shown(one) for one in done] == [plain.shown] * 8
    assert {step: world.calls_of(step) for step in STEPS} == dict.fromkeys(STEPS, 1)
    assert world.saved() == plain.outcome.saved
    assert world.leftovers() == []


@pytest.mark.parametrize("round_", times(1, 10))
def test_processes_that_write_elsewhere_share_the_steps_before(
    tmp_path: Path, plain: Undisturbed, round_: int
) -> None:
    world = plain.world(tmp_path / "world")
    together = [world.start("--set", f"write.to=out/{number}.json") for number in EIGHT]
    assert [(one.code, one.err) for one in map(ended, together)] == [(0, "")] * 8
    assert {step: world.calls_of(step) for step in STEPS} == {
        "numbers": 1, "walk": 1, "measure": 1, "write": 8,
    }  # fmt: skip
    (expected,) = plain.outcome.saved.values()
    assert list(world.saved().values()) == [expected] * 8


@whole
@pytest.mark.parametrize("round_", range(4))
def test_each_step_of_a_training_is_computed_once_by_eight_processes(
    tmp_path: Path, in_batches: Undisturbed, round_: int
) -> None:
    world = in_batches.world(tmp_path / "world")
    together = [world.start() for _ in EIGHT]
    done = [ended(process) for process in together]
    assert [one.code for one in done] == [0] * 8
    assert [world.shown(one) for one in done] == [in_batches.shown] * 8
    finished = [event["step"] for event in world.events() if event["event"] == "step_finished"]
    assert sorted(finished) == sorted(["first", "init_params", "gd_train", "evaluate", "save"])
    assert world.saved() == in_batches.outcome.saved


@pytest.mark.parametrize("round_", times(1, 10))
def test_when_the_one_that_computes_is_killed_another_takes_over(
    tmp_path: Path, plain: Undisturbed, round_: int
) -> None:
    world = plain.world(tmp_path / "world")
    slow = ("--set", "walk.seconds=2")
    first = world.start(*slow)
    world.wait_for("step_started", "walk", first)
    others = [world.start(*slow) for _ in range(3)]
    waiting = others[0].stderr
    assert waiting is not None
    said = waiting.readline()
    first.kill()
    done = [ended(process) for process in others]
    assert said == "warning: waiting for another process that computes `walk`\n"
    assert ended(first).was_killed
    assert [one.code for one in done] == [0] * 3
    assert [world.shown(one) for one in done] == [plain.shown] * 3
    assert world.calls_of("walk") == 2
    assert world.saved() == plain.outcome.saved
    assert world.leftovers() == []


def test_a_process_waits_for_no_lock_of_one_that_was_killed_before_it_came(
    tmp_path: Path, plain: Undisturbed
) -> None:
    world: World = plain.world(tmp_path / "world")
    first = world.start("--set", "walk.seconds=60")
    world.wait_for("step_started", "walk", first)
    first.kill()
    assert ended(first).was_killed
    done = world.run("--set", "walk.seconds=0")
    assert (done.code, done.err) == (0, "")
