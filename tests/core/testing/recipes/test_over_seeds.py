"""Expectations over seeds: read, left alone by a plain run, judged by `flowrun test`."""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun as package
from flowrun import RecipeError
from flowrun.planning.plan import step_seed
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEPS = '''
import random
from pathlib import Path

from flowrun import step


def trace(name, ctx):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(f"{name}\\n")


@step(outputs="table")
def prepare(*, ctx):
    """What no seed reaches."""
    trace("prepare", ctx)
    return [1, 2, 3]


@step(outputs="number", random=True)
def draw(table, *, fails_above: float = 2.0, ctx):
    """Draw a number from 0 to 1."""
    trace("draw", ctx)
    number = random.Random(ctx.seed).random()
    if number > fails_above:
        raise ValueError(f"{number} is too much")
    return number


@step(outputs=(), effect=True)
def keep(number, *, ctx):
    """Write the number to a file."""
    path = ctx.path("number.txt")
    path.write_text(str(number))
    ctx.writes(path)
'''

RECIPE = """\
recipe: seeds
seed: 3
plugins: [./steps.py]
steps: [prepare, draw, keep]
expect:
  number: {above: 0, %s}
"""
NUMBERS = {seed: random.Random(step_seed(seed, "draw")).random() for seed in range(3, 11)}
MEAN = statistics.fmean(NUMBERS.values())
HIGHEST = max(NUMBERS, key=NUMBERS.__getitem__)


@pytest.fixture
def recipe(write: Write) -> Callable[[str], Path]:
    """Write a recipe that expects something of a number over seeds."""
    write("steps.py", STEPS)
    return lambda expected: write("seeds.yaml", RECIPE % expected)


def calls(name: str) -> int:
    return Path(os.environ["CALLS"]).read_text().split().count(name)


def test_statistics_are_held_against_their_bounds(recipe, flowrun: Flowrun) -> None:
    near = {
        "mean": MEAN,
        "std": statistics.stdev(NUMBERS.values()),
        "median": statistics.median(NUMBERS.values()),
        "min": min(NUMBERS.values()),
        "max": max(NUMBERS.values()),
    }
    bounds = [f"{name}: {{between: [{x - 1e-9}, {x + 1e-9}]}}" for name, x in near.items()]
    recipe(f"seeds: 8, {', '.join(bounds)}")
    done = flowrun("test")
    assert done.returncode == 0, done.stdout


def test_a_statistic_that_is_not_met_names_the_worst_seed(recipe, flowrun: Flowrun) -> None:
    recipe(f"seeds: 8, max: {{below: {NUMBERS[HIGHEST] - 0.125}}}, mean: {{above: 0}}")
    done = flowrun("test")
    assert done.returncode == 1
    assert (
        f"    found       {NUMBERS[HIGHEST]:.5g}\n    wanted      max over 8 seeds" in done.stdout
    )
    assert "    difference  off by 0.125\n" in done.stdout
    worst = f"{HIGHEST} gives {NUMBERS[HIGHEST]:.5g}: flowrun seeds.yaml --seed {HIGHEST}"
    assert f"    worst seed  {worst}" in done.stdout


def test_only_what_a_seed_reaches_runs_again_and_nothing_is_saved_for_it(
    recipe, flowrun: Flowrun
) -> None:
    recipe("seeds: 8, mean: {below: 1}")
    for _ in range(2):
        assert flowrun("test").returncode == 0
        assert (calls("prepare"), calls("draw")) == (1, 8)
        assert Path("number.txt").read_text() == str(NUMBERS[3])
    assert flowrun("test", "--fresh").returncode == 0
    assert calls("draw") >= 16


def test_a_plain_run_says_that_it_is_left_to_the_test(recipe, flowrun: Flowrun) -> None:
    recipe("seeds: 8, mean: {below: 0}")
    for _ in range(2):
        done = flowrun("seeds.yaml")
        assert done.returncode == 0
        assert "number, mean over 8 seeds: left to `flowrun test`" in done.stdout
        assert calls("draw") == 1
    assert flowrun("check", "seeds.yaml").returncode == 0


def test_a_seed_that_fails_fails_the_test(recipe, flowrun: Flowrun) -> None:
    recipe("seeds: 8, mean: {below: 1}")
    lowest = min(NUMBERS.values())
    assert NUMBERS[3] > lowest  # so that the plain run goes well
    limit = NUMBERS[HIGHEST] - 1e-6
    text = Path("seeds.yaml").read_text().replace("draw,", f"draw: {{fails_above: {limit}}},")
    Path("seeds.yaml").write_text(text)
    done = flowrun("test")
    assert done.returncode == 3
    assert f"seed {HIGHEST}: seeds.yaml:4:18: the step `draw` failed" in done.stdout
    assert "Traceback" not in done.stdout


def test_what_is_no_number_fails_the_test(recipe, flowrun: Flowrun) -> None:
    path = recipe("seeds: 2, mean: {below: 1}")
    path.write_text(path.read_text().replace("number: {above: 0, ", "table: {"))
    done = flowrun("test")
    assert done.returncode == 3
    assert "seed 3: [1, 2, 3] is no number" in done.stdout


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"mean": {"below": 1}}, "`mean` belongs to `seeds`, which is not there"),
        ({"seeds": 20}, "nothing is expected over these seeds"),
        ({"seeds": 1, "mean": {"below": 1}}, "a whole number from 2 to"),
        ({"seeds": 2.5, "mean": {"below": 1}}, "a whole number from 2 to"),
        ({"seeds": 20, "mean": 3}, "`mean` does not fit"),
        ({"seeds": 20, "mean": {}}, "`mean` does not fit"),
        ({"seeds": 20, "mean": {"equals": 1}}, "`equals` is not a check"),
        ({"seeds": 20, "mean": {"between": [2, 1]}}, "the lower one first"),
        ({"seeds": 20, "maen": {"below": 1}}, "did you mean `mean`?"),
    ],
)
def test_a_mistake_in_what_is_expected_over_seeds_is_found(
    expected: dict[str, Any], message: str
) -> None:
    recipe = {"recipe": "r", "steps": [{"tensor": {"a": 1.5}}], "expect": {"a": expected}}
    with pytest.raises(RecipeError, match=message.replace("?", r"\?")):
        package.plan(recipe)
