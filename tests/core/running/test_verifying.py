"""`--verify`: every step is called, and kept results that are wrong are said and replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

# What a child process reads is not seen, so the result of `read` is kept although the file changes.
STEPS = """
import subprocess
from flowrun import step

@step(outputs="numbers")
def read():
    done = subprocess.run(["cat", "numbers.txt"], capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]

@step(outputs="total")
def add(numbers):
    return sum(numbers)
"""


@pytest.fixture
def recipe(write: Write) -> Path:
    write("numbers.txt", "1 2 3")
    write("steps.py", STEPS)
    return write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [read, add]")


def test_a_wrong_result_is_said_and_replaced(recipe: Path, write: Write, flowrun: Flowrun) -> None:
    first = flowrun(recipe)
    assert "it starts processes: the files these read are not seen" in first.stdout
    write("numbers.txt", "1 2 4")
    assert flowrun(recipe).stdout.count("kept") == 2
    done = flowrun(recipe, "--verify")
    assert done.returncode == 1
    assert "the step `read` (r.yaml:3:9): the result of run " in done.stderr
    assert "`numbers`: 1 of 3 numbers differ, most at [2]: 3 -> 4 (+1)" in done.stderr
    assert "1 kept results compared, 1 wrong" in done.stdout
    after = flowrun(recipe)
    assert "total 7" in after.stdout
    assert after.stdout.count("kept") == 2


def test_what_is_right_is_kept(recipe: Path, flowrun: Flowrun) -> None:
    flowrun(recipe)
    done = flowrun(recipe, "--verify")
    assert done.returncode == 0
    assert "2 kept results compared, 0 wrong" in done.stdout


def test_without_kept_results_nothing_is_compared(recipe: Path, flowrun: Flowrun) -> None:
    done = flowrun(recipe, "--verify")
    assert (done.returncode, "0 kept results compared" in done.stdout) == (0, True)
