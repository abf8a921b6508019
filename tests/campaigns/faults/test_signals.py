"""SIGINT and SIGTERM: training saves how far it is, says how to go on, and goes on from there."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from tests.campaigns.faults.injecting import Faults
from tests.campaigns.faults.rerunning import report, what_is_wrong_after
from tests.campaigns.faults.scale import IS_WHOLE, PARTS, chosen
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import Ended, World, ended

SELDOM = {"FLOWRUN_CHECKPOINT_SECONDS": "1000"}  # no checkpoint but that of the signal
SIGNALS = [signal.SIGINT, signal.SIGTERM]

STUBBORN = '''
import time
from flowrun import step

@step(outputs="x")
def stubborn(*, offers: bool = True, ctx):
    """Offer a checkpoint, then take long."""
    if offers:
        ctx.checkpoint(lambda: 1)
    time.sleep(60)
    return 1
'''


@pytest.fixture(params=SIGNALS if IS_WHOLE else SIGNALS[1:], ids=lambda number: number.name)
def number(request: pytest.FixtureRequest) -> signal.Signals:
    return signal.Signals(request.param)


@pytest.fixture(params=["in_batches", "to_tolerance"] if IS_WHOLE else ["in_batches"])
def training(request: pytest.FixtureRequest) -> Undisturbed:
    found: Undisturbed = request.getfixturevalue(request.param)
    return found


def test_interrupted_training_saves_its_progress_and_goes_on_to_the_same_bits(
    tmp_path: Path, training: Undisturbed, number: signal.Signals
) -> None:
    world = training.world(tmp_path / "world")
    done = _interrupted(world, number)
    assert done.code == 128 + number
    (said,) = done.err.splitlines()
    found = re.fullmatch(
        r"interrupted in `gd_train`, step (\d) of \d, at ([\d,]+ of [\d,]+); a checkpoint of it is "
        "saved: run the same command to resume",
        said,
    )
    assert found is not None, said
    assert list((world.store / "checkpoints").iterdir())
    again = world.run(told=SELDOM)
    assert f"goes on from {found[2]}, saved " in again.out
    assert world.outcome() == training.outcome
    assert world.leftovers() == []


def test_fresh_begins_anew_whatever_was_saved(tmp_path: Path, in_batches: Undisturbed) -> None:
    world = in_batches.world(tmp_path / "world")
    assert _interrupted(world, signal.SIGINT).code == 130
    again = world.run("--fresh", told=SELDOM)
    assert again.code == 0
    assert "goes on from" not in again.out
    assert world.outcome() == in_batches.outcome
    assert world.leftovers() == []


@pytest.mark.parametrize("offers", ["true", "false"])
def test_a_step_that_saves_nothing_ends_at_once_at_the_last_at_the_second_signal(
    tmp_path: Path, number: signal.Signals, offers: str
) -> None:
    recipe = f"recipe: r\nplugins: [./steps.py]\nsteps:\n  - stubborn: {{offers: {offers}}}\n"
    world = World(tmp_path / "world", {"recipe.yaml": recipe, "steps.py": STUBBORN})
    process = world.start()
    world.wait_for("step_started", "stubborn", process)
    begun = time.monotonic()
    while process.poll() is None:
        process.send_signal(number)
        time.sleep(0.5)
    done = ended(process)
    assert done.code == 128 + number
    assert done.err.startswith("interrupted in `stubborn`, step 1 of 1")
    assert done.err.endswith("; nothing is saved, and the same command starts over\n")
    assert time.monotonic() - begun < 30  # it would have slept for 60


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["int", "term"])
def test_a_run_interrupted_at_any_write_ends_in_order_and_in_the_same_bits(
    tmp_path: Path, plain: Undisturbed, faults: Faults, how: str, part: int
) -> None:
    number = signal.SIGINT if how == "int" else signal.SIGTERM
    wrong, interrupted = {}, 0
    for call in chosen(plain.calls, part, sample=2):
        world = plain.world(tmp_path / str(call.number))
        done = world.run(told=faults.at(call.number, how, world.folder))
        interrupted += done.code == 128 + number
        found = [] if _ended_in_order(done, number) else [f"it ended with {done}"]
        found += what_is_wrong_after(world, plain)
        if found:
            wrong[call] = found
        else:
            world.remove()
    assert not wrong, report(wrong)
    assert interrupted


def test_an_interrupt_before_the_first_step_is_said(
    tmp_path: Path, plain: Undisturbed, faults: Faults
) -> None:
    world = plain.world(tmp_path / "world")
    done = world.run(told=faults.at(1, "int", world.folder))
    assert (done.code, done.err) == (130, "interrupted before the first step\n")


def _ended_in_order(done: Ended, number: signal.Signals) -> bool:
    """Whether a run was interrupted and said so, or had ended, or Python had begun to go."""
    if done.code == 128 + number:
        said = done.err.split()[:1]
        return said in (["interrupted"], []) and "Traceback" not in done.err
    return (done.code, done.err) in [(0, ""), (-number, "")]


def _interrupted(world: World, number: signal.Signals) -> Ended:
    """Start a run, and interrupt it in the midst of training."""
    process = world.start(told=SELDOM)
    world.wait_for("step_started", "gd_train", process)
    time.sleep(0.3)
    process.send_signal(number)
    return ended(process)
