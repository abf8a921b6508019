"""How often a step's progress is saved, and that a killed process's progress is found."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

import pytest

from tests.conftest import Flowrun
from tests.core.store.conftest import World

STEPS = """
import flowrun.running.checkpoints
from flowrun import step

@step(outputs="saved")
def work(*, seconds: int, saving: float = 0.0, ctx):
    '''Offer a checkpoint each second, of a clock that stands still otherwise.'''
    clock, saved = flowrun.running.checkpoints.time, []
    begun = clock.monotonic()

    def state():
        saved.append(clock.monotonic() - begun)
        clock.advance(saving)
        return 1

    for _ in range(seconds):
        clock.advance(1.0)
        ctx.checkpoint(state)
    return saved
"""
KILLED = """
import os, signal, time
from pathlib import Path
from flowrun import step

@step(outputs="seen")
def count(*, to: int = 10, ctx):
    begun, seen = ctx.restored or (0, [])
    for number in range(begun, to):
        seen = [*seen, number * number]
        time.sleep(0.02)
        ctx.checkpoint(lambda: (number + 1, seen))
        if number == 5 and begun == 0 and Path("kill").exists():
            os.kill(os.getpid(), signal.SIGKILL)
    return seen
"""


@pytest.fixture
def clocked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose checkpoints go by a clock that its step moves."""
    now = [0.0]
    clock = SimpleNamespace(
        monotonic=lambda: now[0],
        time=time.time,
        advance=lambda seconds: now.__setitem__(0, now[0] + seconds),
    )
    monkeypatch.setattr("flowrun.running.checkpoints.time", clock)
    monkeypatch.delenv("FLOWRUN_CHECKPOINT_SECONDS", raising=False)
    (world.folder / "steps.py").write_text(STEPS)
    return world


def test_progress_is_saved_every_10_seconds(clocked: World) -> None:
    clocked.recipe("[{work: {seconds: 35}}]")
    assert clocked.run()[0].values["saved"] == [10, 20, 30]


def test_a_variable_changes_how_often(clocked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRUN_CHECKPOINT_SECONDS", "3")
    clocked.recipe("[{work: {seconds: 10}}]")
    assert clocked.run()[0].values["saved"] == [3, 6, 9]


def test_after_a_save_a_step_goes_on_for_50_times_as_long(clocked: World) -> None:
    clocked.recipe("[{work: {seconds: 150, saving: 1}}]")
    saved = clocked.run()[0].values["saved"]
    assert saved == [10, 61, 112]  # each second of saving is followed by fifty without


def test_a_killed_process_is_resumed_from_its_last_checkpoint(
    world: World, flowrun: Flowrun
) -> None:
    (world.folder / "steps.py").write_text(KILLED)
    world.recipe("[count]")
    (world.folder / "kill").touch()
    often = {"FLOWRUN_CHECKPOINT_SECONDS": "0"}
    assert flowrun("r.yaml", **often).returncode != 0
    done = flowrun("r.yaml", **often)
    assert re.search(r"  count         goes on from a checkpoint saved \d+ s ago\n", done.stdout)
    (world.folder / "kill").unlink()
    values = world.run()[0].values
    assert values == world.run(fresh=True)[0].values == {"seen": [n * n for n in range(10)]}
