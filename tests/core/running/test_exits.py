"""Code of a plugin that would end the whole process, as by `sys.exit()`, has failed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun
from flowrun import PluginError, RecipeError, StepError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

ENDS = [
    "sys.exit()",
    "sys.exit(0)",
    "sys.exit(7)",
    "sys.exit('found nothing to do')",
    "exit()",
    "raise SystemExit",
    "raise GeneratorExit",
    "raise asyncio.CancelledError('enough')",
    "raise Own",
]
STEPS = """
import asyncio, os, sys
from flowrun import step

class Own(BaseException):
    pass

@step(outputs="a")
def early() -> int:
    {end}
    return 5

@step(outputs="a")
def usual() -> int:
    return 5
"""
RECIPE = "recipe: r\nplugins: [./steps.py]\nsteps: [{step}]\nexpect: {{a: {{equals: 5}}}}\n"


def recipe(write: Write, end: str, step: str = "early") -> Path:
    write("steps.py", STEPS.format(end=end))
    return write(f"{step}.yaml", RECIPE.format(step=step))


@pytest.mark.parametrize("end", ENDS)
def test_a_step_that_would_end_the_process_fails(end: str, write: Write) -> None:
    path = recipe(write, end)
    with pytest.raises(StepError, match=r" \(steps.py:10\)\n    code that flowrun calls ends by"):
        flowrun.run(path)
    assert "steps.py:10" in str(flowrun.check(path).errors)


def test_the_command_ends_with_3_and_runs_the_other_recipes(write: Write, flowrun: Flowrun) -> None:
    paths = [recipe(write, "sys.exit(0)"), recipe(write, "sys.exit(0)", "usual")]
    done = flowrun(*paths)
    assert done.returncode == 3
    assert "SystemExit: 0 (steps.py:10)" in done.stderr
    assert "expect        a 5, equals 5: met" in done.stdout


def test_a_recipe_may_expect_it(write: Write) -> None:
    recipe(write, "sys.exit(7)")
    expected = {"error": {"step": "early", "matches": "SystemExit: 7"}}
    steps = {"recipe": "r", "plugins": ["./steps.py"], "steps": ["early"]}
    assert flowrun.run({**steps, "expect": expected}).ok


def test_an_interrupt_stays_one(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        flowrun.run(recipe(write, "raise KeyboardInterrupt"))


FORKS = "if not os.fork(): sys.exit(9)\n    assert os.waitstatus_to_exitcode(os.wait()[1]) == 9"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_child_that_a_step_has_forked_ends_by_itself(write: Write, flowrun: Flowrun) -> None:
    paths = [recipe(write, FORKS), recipe(write, FORKS, "usual")]
    done = flowrun(*paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("a 5, equals 5: met") == 2
    assert done.stdout.count("usual         a 5") == 1  # the child has not gone on to it


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise asyncio.CancelledError"])
def test_a_module_that_would_end_the_process_is_a_plugin_that_fails(end: str, write: Write) -> None:
    write("steps.py", f"import asyncio, sys\n{end}\n")
    write("r.yaml", RECIPE.format(step="early"))
    with pytest.raises(RecipeError, match=r"failed to load:(.|\n)*\(steps.py:2\)"):
        flowrun.run("r.yaml")
    with pytest.raises(PluginError, match=r"\(steps.py:2\)"):
        flowrun.plan({"recipe": "r", "steps": []}, plugins=("steps.py",))
    with pytest.raises(PluginError, match=r"\(steps.py:2\)"):
        flowrun.plan({"recipe": "r", "steps": []}, plugins=("steps",))


OPTIONS = """
import sys
from flowrun import step

@step(outputs=lambda options: sys.exit(0))
def early() -> dict[str, int]:
    return {}
"""
LISTENER = (
    STEPS.format(end="return 5")
    + """
import flowrun

@flowrun.hookimpl
def flowrun_run_finished(run):
    sys.exit(0)
"""
)


def test_names_that_would_end_the_process_are_a_mistake_of_the_recipe(write: Write) -> None:
    write("steps.py", OPTIONS)
    with pytest.raises(
        RecipeError, match=r"cannot derive its outputs .*SystemExit: 0 \(steps.py:5"
    ):
        flowrun.run(write("r.yaml", RECIPE.format(step="early")))


def test_a_listener_that_would_end_the_process_is_switched_off(
    write: Write, flowrun: Flowrun
) -> None:
    write("steps.py", LISTENER)
    done = flowrun(write("r.yaml", RECIPE.format(step="usual")))
    assert done.returncode == 0
    assert "failed in flowrun_run_finished and is switched off" in done.stderr
    assert "a 5, equals 5: met" in done.stdout
