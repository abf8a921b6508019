"""Instances of classes that extend one in C, whose part of them no attribute shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.core.store.conftest import World

STEPS = """
import array
import dataclasses
import functools
import io
import random
import _thread

from flowrun import step

@dataclasses.dataclass(init=False)
class Drawing(random.Random):
    pass

@dataclasses.dataclass(init=False)
class Partial(functools.partial):
    pass

@dataclasses.dataclass(init=False)
class Numbers(array.array):
    pass

@dataclasses.dataclass(init=False)
class Text(io.StringIO):
    pass

@dataclasses.dataclass
class One:
    __slots__ = ("a",)
    a: int

class Two(One):
    __slots__ = ("a",)

@dataclasses.dataclass
class Fine(One):
    b: int = 2

@step(outputs="made")
def make():
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write("make\\n")
    return VALUE

@step(outputs="n")
def look(made, *, n: int = 1):
    return n
"""


def write(world: World, value: str) -> None:
    (world.folder / "steps.py").write_text(STEPS.replace("VALUE", value))
    world.recipe("[{make: {}, cache: true}, look]")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Drawing(1)", "it extends `Random`"),
        ("Partial(int)", "it extends `partial`"),
        ("Numbers('d', [1.0])", "it extends `array`"),
        ("Text('a')", "it extends `StringIO`"),
        ("Two(1)", "two of its classes have a slot `a`"),
    ],
)
def test_it_is_not_kept_and_the_line_says_why(world: World, value: str, reason: str) -> None:
    write(world, value)
    result, _ = world.run()
    messages = result.record["steps"][0]["messages"]
    assert any(reason in text for text in messages), messages
    assert result.record["steps"][0]["digests"].get("made") is None


def test_a_class_with_slots_and_a_dict_is_kept(world: World) -> None:
    write(world, "Fine(1)")
    world.run()
    Path(os.environ["CALLS"]).write_text("")
    assert "make" not in world.called(set={"look.n": 2})
