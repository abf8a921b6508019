"""A plugin that fails to load: its failure is the one error, and shows the line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun as flowrun_api
from flowrun import RecipeError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

BROKEN = """from flowrun import step

@step(outputs="data")
def shuffled(data)
    return data
"""
SHOWN = """\
SyntaxError: expected ':' (mine.py:4)
      4 | def shuffled(data)
        |                   ^
"""


@pytest.mark.parametrize(
    "steps",
    [
        "[tensor: {data: [1]}, shuffled]",  # like the built-in `shuffle`
        "[tensor: {data: [1]}, shuffled, shufle: {of: 3}]",
        "[tensor: {data: [1]}, mine.shuffled: {by: 1}, {split: {train: 1}}]",
    ],
)
def test_its_failure_is_the_one_error(write: Write, steps: str) -> None:
    write("mine.py", BROKEN)
    path = write("r.yaml", f"recipe: r\nplugins: [./mine.py]\nsteps: {steps}\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    (problem,) = failure.value.problems
    assert str(problem).startswith("r.yaml:2:11: the plugin `mine.py` (a local file) failed")


def test_a_step_with_the_name_of_a_built_in_is_not_taken_for_that(write: Write) -> None:
    write("mine.py", BROKEN.replace("shuffled", "split"))
    steps = "[tensor: {data: [1]}, split: {into: 3}]"
    path = write("r.yaml", f"recipe: r\nplugins: [./mine.py]\nsteps: {steps}\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    assert len(failure.value.problems) == 1


def test_a_mistake_in_a_step_that_it_has_not_is_reported_as_well(write: Write) -> None:
    write("mine.py", BROKEN)
    steps = "[tensor: {data: [1]}, shuffled, split: {into: 3}]"
    path = write("r.yaml", f"recipe: r\nplugins: [./mine.py]\nsteps: {steps}\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    assert "split has no option `into`" in str(failure.value)


@pytest.mark.parametrize(
    "arguments", [("r.yaml",), ("lint", "mine.py"), ("steps", "-p", "mine.py"), ("check", "r.yaml")]
)
def test_the_line_of_a_syntax_error_is_shown(
    flowrun: Flowrun, write: Write, arguments: tuple[str, ...]
) -> None:
    write("mine.py", BROKEN)
    write("r.yaml", "recipe: r\nplugins: [./mine.py]\nsteps: [shuffled]\n")
    done = flowrun(*arguments)
    assert done.returncode == 2
    assert SHOWN in done.stderr


def test_the_line_of_a_module_beside_it_is_shown(flowrun: Flowrun, write: Write) -> None:
    write("mine.py", "import helper\n")
    write("helper.py", "if True:\nx = 1\n")
    write("r.yaml", "recipe: r\nplugins: [./mine.py]\nsteps: [mine]\n")
    done = flowrun("r.yaml")
    assert "(helper.py:2)\n      2 | x = 1\n        | ^\n" in done.stderr
