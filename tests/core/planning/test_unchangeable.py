"""Nobody who has a plan can change it: neither it nor any part of its recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import pytest

import flowrun
from flowrun import Problem, RecipeOptions
from flowrun.recipes.keys import STEP_KEYS, TOP_KEYS

RECIPE = {
    "recipe": "r",
    "needs": "cpu",
    "vars": {"a": [1]},
    "steps": [{"tensor": {"m": [[1.0]], "error": 2.5}, "id": "t"}],
    "expect": {
        "m": {"golden": None, "shape": [1, "n"], "dtype": "float32", "finite": True,
              "device": "cpu"},
        "error": {"below": 3, "above": 1, "between": [1, 3], "equals": 2.5},
        "m[0, 0]": {"seeds": 2, "mean": {"below": 3}},
    },
}  # fmt: skip
FAILING = {**RECIPE, "expect": {"error": {"step": "t"}}}
ROOMS = ("flowrun.recipes", "flowrun.planning", "flowrun.expectations", "flowrun.errors")
PARTS = (
    "Plan PlannedStep Wires Recipe StepEntry Scalar Sequence Mapping Entry Needs Mark Expectations "
    "Expectation ExpectedError Below Above Between Equals Finite GoldenCheck Seeds Shape Dtype "
    "Device Key Kind Problem RecipeOptions"
)


def structs(value: object) -> Iterator[msgspec.Struct]:
    """Every struct of these rooms within a value."""
    if isinstance(value, msgspec.Struct) and type(value).__module__.startswith(ROOMS):
        yield value
        value = [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from structs(item)


def test_no_part_of_a_plan_can_be_changed() -> None:
    plans = [flowrun.plan(RECIPE), flowrun.plan(FAILING)]
    found = {type(one): one for one in structs([plans, {**TOP_KEYS, **STEP_KEYS}])}
    found |= {Problem: Problem("m"), RecipeOptions: RecipeOptions()}
    assert {kind.__name__ for kind in found} >= set(PARTS.split())
    for one in found.values():
        name = one.__struct_fields__[0]
        with pytest.raises(AttributeError):
            setattr(one, name, getattr(one, name))
