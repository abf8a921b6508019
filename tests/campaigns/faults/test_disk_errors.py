"""A disk that fails or is full under the store: the run gives its result, and says what it lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.faults.injecting import DISK_FULL, Call, Faults
from tests.campaigns.faults.rerunning import report
from tests.campaigns.faults.scale import PARTS, chosen, whole
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import Environment, World


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["enospc", "eio", "short"])
def test_one_call_that_fails_does_not_spoil_the_run(
    tmp_path: Path, plain: Undisturbed, faults: Faults, how: str, part: int
) -> None:
    wrong = {}
    for call in chosen(_below_home(plain), part, sample=3):
        if how == "short" and call.kind != "write":
            continue
        world = plain.world(tmp_path / str(call.number))
        found = _wrong_with(world, plain, faults.at(call.number, how, world.home))
        if found:
            wrong[call] = found
    assert not wrong, report(wrong)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["enospc", "eio"])
def test_a_disk_that_fails_from_a_call_on_does_not_spoil_the_run(
    tmp_path: Path, plain: Undisturbed, faults: Faults, how: str, part: int
) -> None:
    kinds = DISK_FULL if how == "enospc" else None
    wrong = {}
    for call in chosen(_below_home(plain, kinds), part, sample=3):
        world = plain.world(tmp_path / str(call.number))
        told = faults.at(call.number, how, world.home, on=True, kinds=kinds)
        found = _wrong_with(world, plain, told)
        if found:
            wrong[call] = found
    assert not wrong, report(wrong)


@whole
@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8, 0.9, 1])
def test_a_disk_that_is_full_from_a_call_on_does_not_spoil_training(
    tmp_path: Path, in_batches: Undisturbed, faults: Faults, share: float
) -> None:
    calls = _below_home(in_batches, DISK_FULL)
    world = in_batches.world(tmp_path / "world")
    number = int(share * len(calls))
    told = faults.at(number, "enospc", world.home, on=True, kinds=DISK_FULL)
    assert _wrong_with(world, in_batches, told) == []


def _below_home(undisturbed: Undisturbed, kinds: str | None = None) -> list[Call]:
    """The calls below the home folder, of these kinds, numbered as the library will count them."""
    wanted = None if kinds is None else kinds.split(",")
    below = [
        call
        for call in undisturbed.calls
        if call.path.startswith(".flowrun") and (wanted is None or call.kind in wanted)
    ]
    return [Call(number, call.kind, call.path) for number, call in enumerate(below, start=1)]


def _wrong_with(world: World, undisturbed: Undisturbed, told: Environment) -> list[str]:
    """What is wrong with a run under a fault and with the next one; nothing, if all is well."""
    done = world.run(told=told)
    wrong = []
    if done.code or "Traceback" in done.err:
        wrong.append(f"it ended with {done.code}: {done.err}")
    if world.shown(done) != undisturbed.shown:
        wrong.append(f"it printed {done.out}")
    if done.warnings > 1:
        wrong.append(f"{done.warnings} warnings: {done.err}")
    if done.warnings == 0 and not _has_told_all(world):
        wrong.append("its record is not whole, and it said nothing")
    again = world.run("--quiet")  # a command of its own, which no note answers
    if again.code or again.err:
        return [*wrong, f"the next run ended with {again.code}: {again.err}"]
    if done.warnings == 0 and any(step["kept"] is None for step in world.records()[-1]["steps"]):
        wrong.append("a step was not kept, and it said nothing")
    if world.outcome() != undisturbed.outcome:
        wrong.append("the next run gives something else")
    left = world.leftovers()
    if left:
        wrong.append(f"files are left: {left}")
    if not wrong:
        world.remove()
    return wrong


def _has_told_all(world: World) -> bool:
    """Whether a run's record is there, and each of its events."""
    told = [event["event"] for event in world.events()]
    steps = len(world.records()[-1]["steps"]) if world.records() else 0
    return told[-1:] == ["run_finished"] and told.count("step_finished") == steps
