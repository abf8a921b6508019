"""`flowrun test --flaky`: the first step that does not give the same bits each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEPS = '''
import os

import torch
from flowrun import step


@step(outputs="table")
def table():
    """Give a tensor."""
    return torch.arange(6.0).reshape(2, 3)


@step(outputs="noise", random=True)
def seeded(table):
    """Draw numbers from the step's own seed."""
    return torch.randn(3)


@step(outputs="bits")
def unseeded(table):
    """Draw numbers that no seed decides."""
    return torch.tensor(list(os.urandom(16)))


@step(outputs="total")
def total(bits):
    """Add up."""
    return float(bits.sum())
'''

SETS = '''
from flowrun import step


@step(outputs="names")
def names():
    """Give a list."""
    return [f"name {number}" for number in range(50)]


@step(outputs="order")
def set_order(names):
    """Give what differs between processes alone: the order of a set of texts."""
    return list(set(names))
'''


def test_a_recipe_that_gives_the_same_bits_is_told_well_of(write: Write, flowrun: Flowrun) -> None:
    write("steps.py", STEPS)
    write("good.yaml", "recipe: good\nplugins: [./steps.py]\nsteps: [table, seeded]\n")
    done = flowrun("test", "--flaky", "3", "good.yaml")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_first_step_that_differs_is_named(write: Write, flowrun: Flowrun) -> None:
    write("steps.py", STEPS)
    write("bad.yaml", "recipe: bad\nplugins: [./steps.py]\nsteps: [table, unseeded, total]\n")
    done = flowrun("test", "--flaky", "3", "bad.yaml")
    assert done.returncode == 1
    assert "bad.yaml:3:16: `unseeded` does not give the same `bits` each time" in done.stdout
    assert "(1 of 3)" in done.stdout
    assert "`total`" not in done.stdout
    assert "run again   flowrun test bad.yaml --flaky 3" in done.stdout
    assert "Traceback" not in done.stdout


def test_what_differs_between_processes_alone_is_found(write: Write, flowrun: Flowrun) -> None:
    write("sets.py", SETS)
    write("bad.yaml", "recipe: bad\nplugins: [./sets.py]\nsteps: [names, set_order]\n")
    done = flowrun("test", "--flaky", "4", "bad.yaml", fresh=True)
    assert "`set_order` does not give the same `order` each time" in done.stdout


def test_what_is_known_of_a_recipe_is_left_as_it_is(write: Write, flowrun: Flowrun) -> None:
    write("steps.py", STEPS)
    write("bad.yaml", "recipe: bad\nplugins: [./steps.py]\nsteps: [table, unseeded]\n")
    flowrun("bad.yaml")
    assert "1 failed" in flowrun("test", "--flaky", "2", "bad.yaml").stdout
    assert flowrun("bad.yaml").stdout.count("kept") == 2


def test_a_recipe_that_fails_says_why(write: Write, flowrun: Flowrun) -> None:
    write("bad.yaml", "recipe: bad\nsteps: [load: {source: none.csv}]\n")
    done = flowrun("test", "--flaky", "2", "bad.yaml")
    assert done.returncode == 1
    assert "2 of 2 runs failed" in done.stdout
    assert "none.csv" in done.stdout
