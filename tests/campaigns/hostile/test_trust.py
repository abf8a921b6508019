"""Whose code runs: that of plugins a recipe names, and none that merely lies in the folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns.hostile.trust import CODE
from tests.campaigns.hostile.world import World

PROGRAM = Path(sys.executable).with_name("flowrun")
# Names that Python, flowrun or a library would import, if it looked for modules in the folder.
MODULES = (
    "IPython", "curses", "flowrun", "flowrun_tensors", "msgspec", "numba", "numpy", "pluggy",
    "pwd", "pyarrow", "pygraphviz", "pytest", "readline", "sitecustomize", "torch",
    "usercustomize", "watchfiles", "yaml",
)  # fmt: skip
RECIPE = "recipe: r\nsteps:\n  - tensor: {a: [1.5, 2]}\n  - compute: {b: a * 2}\n"
STEPS = f"""\
{CODE}
from flowrun import step

@step(outputs="x")
def give():
    return 1
"""
PLANNING = (["r.yaml"], ["check", "r.yaml"], ["explain", "r.yaml"], ["graph", "r.yaml"])
OTHERS = (
    ["r.yaml", "--check"], ["runs"], ["show", "last"], ["steps"], ["plugins"], ["test"],
    ["export", "r.yaml"],
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A machine with an empty folder from elsewhere."""
    made = World(tmp_path / "machine")
    made.make()
    return made


@pytest.mark.campaign(every=4)
@pytest.mark.parametrize("command", PLANNING, ids=" ".join)
@pytest.mark.parametrize("names", ["plugins: [steps.py]", "extends: base.yaml"])
def test_each_command_that_plans_a_recipe_runs_its_plugins(
    names: str, command: list[str], world: World
) -> None:
    world.write("steps.py", STEPS)
    world.write("base.yaml", "recipe: base\nplugins: [./steps.py]\nsteps: [give]\n")
    world.write("r.yaml", f"recipe: r\n{names}\n" + "steps: [give]\n" * (names[0] == "p"))
    assert world.flowrun(*command).returncode == 0
    assert world.markers()


@pytest.mark.campaign(every=4)
@pytest.mark.parametrize("command", [*PLANNING, *OTHERS], ids=" ".join)
def test_no_command_imports_modules_of_the_folder(command: list[str], world: World) -> None:
    world.write("r.yaml", RECIPE)
    assert world.flowrun("r.yaml").returncode == 0  # for a run that is shown
    for module in MODULES:
        world.write(f"{module}.py", CODE)
    done = subprocess.run(
        [PROGRAM, *command], cwd=world.project, env=world.environment({}), timeout=60,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert not world.markers()


def test_watching_imports_no_modules_of_the_folder(world: World) -> None:
    for module in MODULES:
        world.write(f"{module}.py", CODE)
    world.write("r.yaml", RECIPE)
    process = subprocess.Popen(
        [PROGRAM, "watch", "r.yaml"], cwd=world.project, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0,
        env=world.environment({"PYTHONUNBUFFERED": "1"}),
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Traceback" in line or "watching" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert any("compute" in line for line in lines), lines
    assert not world.markers()


def test_python_itself_imports_modules_of_the_current_folder(world: World) -> None:
    world.write("msgspec.py", CODE)
    world.write("r.yaml", RECIPE)
    subprocess.run(
        [sys.executable, "-m", "flowrun", "r.yaml"], cwd=world.project, timeout=60,
        env=world.environment({}), capture_output=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert world.markers()
