"""A step that was ended goes on from what it last saved, and ends with the same bits."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun_tensors.engines.choice import ENGINES
from tests.core.store.conftest import World

COUNTING = """
from pathlib import Path
from flowrun import step

@step(outputs="seen")
def count(*, to: int = 10, ctx):
    begun, seen = ctx.restored or (0, [])
    for number in range(begun, to):
        seen = [*seen, number]
        ctx.checkpoint(lambda: (number + 1, seen))
        if number == 5 and not Path("go on").exists():
            raise RuntimeError("ended")
    Path("begun.txt").write_text(str(begun))
    return seen
"""
CHECKPOINTS = Path(".flowrun/store/checkpoints")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRUN_CHECKPOINT_SECONDS", "0.2")


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("FLOWRUN_CHECKPOINT_SECONDS", "0")
    monkeypatch.setattr("flowrun.running.checkpoints._LARGEST_SHARE", 1e9)  # save at each offer
    (world.folder / "steps.py").write_text(COUNTING)
    world.recipe("[count]")
    with pytest.raises(flowrun.StepError, match="ended"):
        flowrun.run(world.path)
    (world.folder / "go on").touch()
    return world


def begun(**arguments: Any) -> int:
    """At which number the step begins when the recipe runs once more."""
    result = flowrun.run("r.yaml", **arguments)
    assert result.values["seen"] == list(range(10))
    return int(Path("begun.txt").read_text())


@pytest.mark.usefixtures("world")
def test_a_step_goes_on_from_what_it_saved_and_forgets_it_when_it_is_done() -> None:
    assert begun() == 6
    assert list(CHECKPOINTS.iterdir()) == []


SLOW_AT_FIRST = """
import time
import torch
from pathlib import Path
from flowrun import step

@step(outputs="seen")
def count(*, ctx):
    if ctx.restored is None:
        time.sleep(0.2)
        ctx.checkpoint(lambda: 1)
        if not Path("go on").exists():
            raise RuntimeError("ended")
    return torch.zeros(9)
"""


def test_a_value_is_kept_by_what_all_of_its_step_took_and_not_only_the_end(world: World) -> None:
    (world.folder / "steps.py").write_text(SLOW_AT_FIRST)
    (world.folder / "go on").unlink()
    with pytest.raises(flowrun.StepError, match="ended"):
        flowrun.run(world.path)
    (world.folder / "go on").touch()
    flowrun.run(world.path)
    assert len(list(Path(".flowrun/store/objects").glob("*.safetensors"))) == 1


@pytest.mark.usefixtures("world")
def test_fresh_sets_checkpoints_aside() -> None:
    assert begun(fresh=True) == 0


def test_another_option_is_another_step_with_nothing_saved(world: World) -> None:
    flowrun.run(world.path, set={"count.to": 3})
    assert Path("begun.txt").read_text() == "0"


def test_changed_code_begins_anew(world: World) -> None:
    (world.folder / "steps.py").write_text(COUNTING.replace("number]", "int(number)]"))
    assert begun() == 0


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("harm", ["truncate", "alter"])
def test_a_damaged_checkpoint_is_none(harm: str) -> None:
    (path,) = CHECKPOINTS.glob("*.json")
    text = path.read_text()
    path.write_text(
        text[:40] if harm == "truncate" else text.replace("[0,", "[1,", 1).replace("3,", "4,")
    )
    with pytest.warns(UserWarning, match="a checkpoint cannot be read, so its step starts over"):
        assert begun() == 0


def test_a_checkpoint_takes_the_place_of_the_one_before(world: World) -> None:
    with_tensors = COUNTING.replace("(number + 1, seen))", "torch.full((999,), number))")
    (world.folder / "steps.py").write_text(f"import torch\n{with_tensors}")
    (world.folder / "go on").unlink()
    with pytest.raises(flowrun.StepError, match="ended"):
        flowrun.run(world.path)
    assert len(list(CHECKPOINTS.glob("*.safetensors"))) == 1


LOOKING = """
from pathlib import Path
import flowrun

def checkpoints():
    return sorted(path.name for path in Path(".flowrun/store/checkpoints").iterdir())

@flowrun.step(outputs="found")
def look(*, ctx):
    ctx.checkpoint(lambda: 1)
    before = checkpoints()
    flowrun.run("other.yaml")
    return [before, checkpoints()]
"""


def test_a_step_on_record_keeps_its_checkpoint_while_another_run_computes_it(world: World) -> None:
    (world.folder / "other.yaml").write_text("recipe: other\nsteps: [tensor: {a: 1}]\n")
    (world.folder / "steps.py").write_text(LOOKING)
    world.recipe("[look]")
    flowrun.run(world.path)
    before, after = flowrun.run(world.path, fresh=True).values["found"]
    assert len(before) == 2  # its own, and that of the step that was ended
    assert after == before


class Ender:
    """A listener that ends the run when a step reports progress for the second time."""

    def __init__(self) -> None:
        self.count = 0

    @flowrun.hookimpl
    def flowrun_step_progress(self) -> None:
        self.count += 1
        if self.count == 2:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.campaign(every=6, kind=lambda options: options["engine"])
@pytest.mark.parametrize(
    "options",
    [
        {"engine": engine, **options}
        for engine in ("autograd", "fused")
        for options in (
            {},
            {"batch_size": 100},
            {"batch_size": 96, "loss": "huber"},
            {"tolerance": 1e-12},
            {"optimizer": "adam", "lr": 0.001},
            {"momentum": 0.9, "lr": 0.001},
        )
    ],
    ids=str,
)
def test_training_that_was_ended_goes_on_to_the_same_bits(options: dict[str, Any]) -> None:
    steps = 1500 if options["engine"] == "autograd" else 4000  # enough to be ended in the midst
    recipe = {
        "recipe": "train",
        "steps": [
            {"load": {"source": "wine-red"}},
            {"split": {"train": 1000}},
            "normalize",
            {"init_params": {"layers": [8, 1], "scale": 0.1}},
            {"gd_train": {"lr": 0.01, "steps": steps, **options}},
        ],
    }
    plan = flowrun.plan(recipe)
    with pytest.raises(KeyboardInterrupt):
        flowrun.run_plan(plan, listeners=[Ender()])
    heard: list[flowrun.StepResult] = []

    class Listener:
        @flowrun.hookimpl
        def flowrun_step_finished(self, result: flowrun.StepResult) -> None:
            heard.append(result)

    resumed = flowrun.run_plan(plan, listeners=[Listener()])
    assert [result.restored is not None for result in heard] == [True]
    whole = flowrun.run(recipe, fresh=True)
    assert torch.equal(resumed.values["losses"], whole.values["losses"])
    for name, value in whole.values["params"].items():
        assert torch.equal(resumed.values["params"][name], value)
    assert resumed.record["steps"][-1]["digests"] == whole.record["steps"][-1]["digests"]
    assert resumed.record["steps"][-1]["messages"] == whole.record["steps"][-1]["messages"]


def test_a_checkpoint_of_another_engine_is_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {
        "recipe": "train",
        "steps": [
            {"random": {"X_train": {"randn": [60, 4]}, "y_train": {"randn": [60, 1]}}},
            {"init_params": {"layers": [8, 1]}},
            {"gd_train": {"lr": 0.01, "steps": 4000}},
        ],
    }
    plan = flowrun.plan(recipe)
    with monkeypatch.context() as changed:
        only_autograd = [engine for engine in ENGINES if engine.name == "autograd"]
        changed.setattr("flowrun_tensors.engines.choice.ENGINES", only_autograd)
        with pytest.raises(KeyboardInterrupt):
            flowrun.run_plan(plan, listeners=[Ender()])
    assert list(CHECKPOINTS.glob("*.json"))
    found = flowrun.run_plan(plan).values
    whole = flowrun.run(recipe, fresh=True).values
    assert torch.equal(found["losses"], whole["losses"])
    assert torch.equal(found["params"]["W1"], whole["params"]["W1"])
