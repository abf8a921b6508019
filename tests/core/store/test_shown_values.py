"""Values that are shown although they cannot be kept, or although their parts name one another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Flowrun
from tests.core.store.conftest import World

STEPS = """
import dataclasses
import functools
import operator
import shapes
from flowrun import step

def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs="made")
def make():
    called("make")
    return VALUE

@step(outputs="n")
def look(made, *, n: int = 1):
    called("look")
    return n
"""
SHAPES = """
import dataclasses

@dataclasses.dataclass(eq=False)
class Node:
    name: str
    left: object = None
    parent: object = None

@dataclasses.dataclass
class Empty:
    pass

class Plain:
    pass

def f(): pass
def g(): pass
def h(): pass

def tree():
    root = Node("root", Node("child"))
    root.left.parent = root
    return root
"""


def write(world: World, value: str, expect: str = "") -> None:
    (world.folder / "shapes.py").write_text(SHAPES)
    (world.folder / "steps.py").write_text(STEPS.replace("VALUE", value))
    world.recipe("[{make: {}, cache: true}, look]", expect)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("shapes.tree()", "made {name root, left {name child"),
        ("{'a': shapes.tree()}", "made {a {name root"),
        ("{shapes.Plain(), shapes.Plain()}", "made [2]"),
        ("shapes.Empty()", "made {}"),
    ],
)
def test_a_step_that_ran_is_shown(world: World, flowrun: Flowrun, value: str, shown: str) -> None:
    write(world, value)
    done = flowrun("r.yaml", fresh=True)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_an_instance_whose_parts_name_it_is_compared(world: World, flowrun: Flowrun) -> None:
    write(world, "shapes.tree()", "expect: {made: golden}")
    updated = flowrun("test", "--update-golden", "r.yaml")
    assert updated.returncode == 1
    assert "`made` cannot be golden: a Node contains itself" in updated.stdout
    write(world, "shapes.tree()", "expect: {made.left.name: {equals: child}}")
    done = flowrun("r.yaml", "--verify", fresh=True)
    assert done.returncode == 0, done.stdout


def test_a_set_of_functions_has_one_digest_in_each_process(world: World, flowrun: Flowrun) -> None:
    write(world, "{shapes.f, shapes.g, shapes.h, len}")
    for number in range(3):
        done = flowrun("r.yaml", "--set", f"look.n={number}", fresh=True)
        assert done.returncode == 0, done.stderr
        assert "damaged" not in done.stderr
    assert Path(os.environ["CALLS"]).read_text().split().count("make") == 1
