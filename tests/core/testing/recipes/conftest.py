"""Recipes of small steps in the test's folder, and pytest run on them as a user runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import run_module

Pytest = Callable[..., subprocess.CompletedProcess[str]]

STEPS = '''
import random
from typing import Any

from flowrun import step


@step(outputs="value")
def give(*, value: Any):
    """Give a value of the recipe, and leave a trace of the call."""
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write("give\\n")
    return value


@step(outputs="number", random=True)
def draw(*, ctx):
    """Draw a random number from 0 to 1."""
    return random.Random(ctx.seed).random()


@step(outputs="broken")
def break_down(value):
    """Fail."""
    raise ValueError("the wheel came off")
'''

GOOD = """\
recipe: good
plugins: [./steps.py]
steps:
  - give: {value: {mae: 0.5, losses: [3, 1]}}
expect:
  value.mae: {below: 0.6, above: 0.4}
  value.losses[-1]: {equals: 1}
"""


@pytest.fixture
def run_pytest(tmp_path: Path) -> Pytest:
    """Run pytest in the test's folder, in a process of its own, beside a module of steps."""
    (tmp_path / "steps.py").write_text(STEPS, encoding="utf-8")

    def run(
        *arguments: str, fresh: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        command = ["pytest", "-p", "no:cacheprovider", *arguments]
        return run_module(tmp_path, *command, fresh=fresh, **environment)

    return run
