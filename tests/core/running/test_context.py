"""What `ctx` is to a step: its members, its reports of progress, and the wish to end early."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun
from flowrun import CheckContext, Context

Write = Callable[[str, str], Path]

MEMBERS = {
    "step", "seed", "device", "dtype", "path", "env", "reads", "writes", "log", "warn", "progress",
    "checkpoint", "restored", "should_stop", "locate", "plugins",
}  # fmt: skip
ON_SHAPES = {"promised", "repeated", "mapped"}

STEPS = '''
import os, signal
from pathlib import Path
from flowrun import step

def called():
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write("called\\n")

@step(outputs="rounds")
def wait(*, interrupted: bool, ctx):
    """Count until the run is to end."""
    called()
    for number in range(1000):
        if ctx.should_stop:
            Path("released.txt").touch()
            return number
        if interrupted and number == 3 and not Path("go on").exists():
            os.kill(os.getpid(), signal.SIGINT)
    return 1000

@step(outputs="rounds")
def deaf(*, ctx):
    """Count, and look at nothing."""
    os.kill(os.getpid(), signal.SIGINT)
    Path("released.txt").touch()
    return 0

@step(outputs="rounds")
def stubborn(*, ctx):
    """Look once, and go on all the same."""
    ctx.should_stop
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    Path("released.txt").touch()
    return 0

@step(outputs="shown")
def report(*, ctx):
    """Report a figure that is counted."""
    asked = []
    def figure():
        asked.append(1)
        return 0.5
    for number in range(1000):
        ctx.progress(number, 1000, loss=figure, rate=2.0)
    return len(asked)
'''

LISTENER = """
from flowrun import hookimpl

@hookimpl
def flowrun_step_progress(progress):
    with open("heard.txt", "a") as file:
        file.write(f"{progress.figures}\\n")
"""


@pytest.fixture
def recipe(write: Write) -> Callable[[str], Path]:
    write("steps.py", STEPS)
    return lambda step: write("r.yaml", f"recipe: r\nplugins: [./steps.py]\nsteps: [{step}]\n")


def test_ctx_has_these_members_and_no_more() -> None:
    assert {name for name in dir(Context) if not name.startswith("_")} == MEMBERS
    assert {name for name in dir(CheckContext) if not name.startswith("_")} == MEMBERS | ON_SHAPES


@pytest.mark.usefixtures("tmp_path")
def test_a_step_that_looks_ends_by_itself_and_its_result_is_discarded(
    recipe: Callable[[str], Path],
) -> None:
    path = recipe("wait: {interrupted: true}")
    with pytest.raises(KeyboardInterrupt):
        flowrun.run(path)
    assert Path("released.txt").exists()
    Path("go on").touch()
    assert flowrun.run(path).values["rounds"] == 1000
    assert Path(os.environ["CALLS"]).read_text().split() == ["called"] * 2, (
        "nothing was kept of the first"
    )


@pytest.mark.parametrize("step", ["deaf", "stubborn"])
def test_a_step_that_does_not_look_or_a_second_signal_ends_it_at_once(
    step: str, recipe: Callable[[str], Path]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        flowrun.run(recipe(step))
    assert not Path("released.txt").exists()


def test_nothing_stops_a_run_that_nobody_interrupts(recipe: Callable[[str], Path]) -> None:
    assert flowrun.run(recipe("wait: {interrupted: false}")).values["rounds"] == 1000


def test_a_figure_is_computed_only_for_a_report_that_is_shown(
    recipe: Callable[[str], Path], write: Write
) -> None:
    path = recipe("report")
    assert flowrun.run(path, record=False).values["shown"] == 0, "nobody listens"
    write("listener.py", LISTENER)
    shown = flowrun.run(path, record=False, plugins=("listener.py",)).values["shown"]
    heard = Path("heard.txt").read_text().splitlines()
    assert 1 <= shown == len(heard) < 1000
    assert heard[0] == "{'loss': 0.5, 'rate': 2.0}"
