"""Steps that count how often they are called, and recipes of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun

STEPS = '''
from pathlib import Path
from flowrun import step

def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs="x")
def one(*, value: float = 1.0):
    """Give a number."""
    called("one")
    return value

@step(outputs="x")
def add(x, *, by: float = 1.0, ctx):
    """Add to a number."""
    called("add")
    ctx.log(f"added {by}")
    return x + by

@step(outputs="x")
def round_down(x):
    """Round a number down."""
    called("round_down")
    return int(x)

@step(outputs="text")
def read(*, file: str, ctx):
    """Read a text file."""
    called("read")
    return ctx.reads(ctx.path(file)).read_text()

@step(outputs="drawn", random=True)
def draw():
    """Draw a number."""
    import random
    called("draw")
    return random.random()

@step(outputs=(), effect=True)
def write(x, *, to: str, ctx):
    """Write a number to a file."""
    called("write")
    path = ctx.path(to)
    path.write_text(str(x))
    ctx.writes(path)

@step(outputs=(), effect=True)
def tell(x):
    """Act outside, without a file that tells."""
    called("tell")
'''


class World:
    """A folder with a recipe of counting steps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "r.yaml"
        (folder / "steps.py").write_text(STEPS)

    def recipe(self, steps: str, rest: str = "") -> Path:
        """Write the recipe."""
        self.path.write_text(f"recipe: r\nplugins: [./steps.py]\nsteps: {steps}\n{rest}\n")
        return self.path

    def run(self, **arguments: Any) -> tuple[flowrun.Result, list[str]]:
        """Run the recipe; gives the result and the names of the steps that were called."""
        log = Path(os.environ["CALLS"])
        log.write_text("")
        result = flowrun.run(self.path, **arguments)
        return result, log.read_text().split()

    def called(self, **arguments: Any) -> list[str]:
        """The names of the steps that a run calls."""
        return self.run(**arguments)[1]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


Change = Callable[[World], None]
