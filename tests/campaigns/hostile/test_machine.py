"""What happens to a command beside its files: signals, a terminal that closes; `flowrun test`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.campaigns.hostile.conftests import RUNNING, STEPS
from tests.campaigns.hostile.machine import RECIPE
from tests.campaigns.hostile.world import World

WAITING = """\
import time
from pathlib import Path
from flowrun import step

@step(outputs="a")
def give(*, n: int = 1, text: str = "") -> int:
    Path("begun").touch()
    time.sleep(60)
    return n
"""
BY_SIGNAL = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A machine with an empty folder from elsewhere."""
    made = World(tmp_path / "machine")
    made.make()
    return made


def _started(world: World, *command: str, ignored: bool = False) -> subprocess.Popen[str]:
    """A command whose signals are as in the foreground; ignored: SIGHUP is, as `nohup` has it."""

    def reset() -> None:
        for number in BY_SIGNAL:
            signal.signal(number, signal.SIG_DFL)
        if ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    return subprocess.Popen(
        [sys.executable, "-P", "-m", "flowrun", *command], cwd=world.project,
        env=world.environment({}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=reset,
    )  # fmt: skip


def _in_a_step(world: World, *, ignored: bool = False) -> subprocess.Popen[str]:
    world.write("steps.py", WAITING)
    world.write("r.yaml", RECIPE)
    process = _started(world, "r.yaml", ignored=ignored)
    end = time.monotonic() + 60
    while not (world.project / "begun").exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    return process


@pytest.mark.campaign(every=3)
@pytest.mark.parametrize("number", BY_SIGNAL, ids=lambda number: number.name)
def test_a_signal_in_a_step_ends_the_run_with_a_line_and_its_code(
    number: signal.Signals, world: World
) -> None:
    process = _in_a_step(world)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == BY_SIGNAL[number]
    assert said == (
        "interrupted in `give`, step 1 of 1; nothing is saved, and the same command starts over\n"
    )
    (path,) = world.project.glob(".flowrun/runs/*/run.json")
    assert json.loads(path.read_text())["status"] == "interrupted"


@pytest.mark.campaign(every=3)
def test_a_terminal_that_closes_does_not_end_a_run_that_nohup_started(world: World) -> None:
    process = _in_a_step(world, ignored=True)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    assert process.wait(30) == 143
    process.communicate()


@pytest.mark.campaign(every=3)
def test_a_terminal_that_is_gone_ends_no_command_in_a_traceback(world: World) -> None:
    world.write("steps.py", STEPS)
    world.write("r.yaml", RECIPE)
    ours, theirs = os.openpty()
    os.close(ours)
    errors = world.project / "errors"
    with errors.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "flowrun", "r.yaml"], cwd=world.project, check=False,
            env=world.environment({}), stdin=theirs, stdout=theirs, stderr=file, timeout=60,
        )  # fmt: skip
    os.close(theirs)
    assert done.returncode == 2
    assert errors.read_text().startswith("error: the output is incomplete: writing to standard out")
    assert list(world.project.glob(".flowrun/runs/*/run.json"))


@pytest.mark.campaign(every=6)
@pytest.mark.parametrize("name", RUNNING)
def test_a_line_names_what_pytest_runs_before_it_does(name: str, world: World) -> None:
    world.write("steps.py", STEPS)
    for file, content in RUNNING[name].items():
        if content.startswith("-> "):
            world.link(file, content[3:])
        else:
            world.write(file, content.replace("=..", "=base").replace("../", "deep/"))
    world.write("r.yaml", RECIPE)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "flowrun", "test"], cwd=world.project, text=True,
        env=world.environment({}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    process.kill()
    process.communicate()
    (named,) = (one for one in RUNNING[name] if "conftest" in one or "." + one.split(".")[-1] in
                (".ini", ".cfg", ".toml"))  # fmt: skip
    assert first.startswith("note: pytest ")
    assert named in first
    assert first.endswith("; `--no-conftest` leaves it out\n")
