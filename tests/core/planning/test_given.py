"""Values given to a plan from Python, in place of steps that make them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flowrun
from flowrun import RecipeError
from tests.core.store.conftest import World, world

__all__ = ["world"]


def test_a_step_takes_a_given_value(world: World) -> None:
    world.recipe("[add]", "expect: {x: {equals: 6}}")
    result = flowrun.run(world.path, given={"x": 5.0})
    assert result.ok
    assert result.values["x"] == 6.0


def test_a_later_step_takes_the_place_of_a_given_value(world: World) -> None:
    world.recipe("[add, one, add]")
    assert flowrun.run(world.path, given={"x": 5.0}).values["x"] == 2.0


def test_a_given_value_may_be_expected_alone(world: World) -> None:
    world.recipe("[one]", "expect: {limit: {above: 3}}")
    assert flowrun.run(world.path, given={"limit": 5.0}).ok


def test_a_step_is_kept_by_the_content_of_a_given_value(world: World) -> None:
    world.recipe("[add, round_down]")
    assert world.called(given={"x": 5.0}) == ["add", "round_down"]
    assert world.called(given={"x": 5.0}) == []
    assert world.called(given={"x": 5.25}) == ["add", "round_down"]


def test_a_value_without_a_digest_has_its_steps_called_each_time(world: World) -> None:
    class Number(float):
        """A type that no codec knows."""

    world.recipe("[add]")
    for _ in range(2):
        assert world.called(given={"x": Number(5)}) == ["add"]


def test_what_a_step_does_to_a_given_list_reaches_nobody_else(world: World) -> None:
    (world.folder / "steps.py").write_text(
        "from flowrun import step\n\n"
        "@step(outputs='length')\ndef grow(rows):\n"
        "    '''Grow a list.'''\n    rows.append(0)\n    return len(rows)\n"
    )
    world.recipe("[grow, {grow: {}, id: again}]")
    rows = [1, 2]
    assert flowrun.run(world.path, given={"rows": rows}).values["length"] == 3
    assert rows == [1, 2]


@pytest.mark.parametrize(
    ("steps", "given", "message"),
    [
        ("[add]", {"x": 1.0, "y": 2.0}, "the value `y` is given, and no step takes it"),
        ("[one]", {"x": 1.0, "valu": 2.0}, "the value `valu` is given, and no step takes it"),
        ("[add]", {"z": 1.0}, "add needs `x`, and no step above it gives that"),
    ],
)
def test_a_given_value_that_nobody_takes_is_a_mistake(
    steps: str, given: dict[str, Any], message: str, world: World
) -> None:
    world.recipe(steps)
    for call in (flowrun.plan, flowrun.run, flowrun.check):
        with pytest.raises(RecipeError, match=message):
            call(world.path, given=given)  # type: ignore[operator]


def test_a_given_tensor_is_checked_on_its_shape() -> None:
    recipe = {"recipe": "r", "steps": [{"compute": {"z": "X @ w"}}]}
    X, w = torch.ones(5, 3), torch.ones(3, 2)
    checked = flowrun.check(recipe, given={"X": X, "w": w})
    assert checked.ok
    assert checked.steps[0].outputs["z"]["shape"] == (5, 2)
    checked = flowrun.check(recipe, given={"X": X, "w": w.T})
    (finding,) = checked.errors
    assert "X: " not in finding.message
    assert "from given" in str(finding)
    assert torch.equal(flowrun.run(recipe, given={"X": X, "w": w}).values["z"], X @ w)


def test_a_run_that_was_given_values_is_planned_again_with_them(world: World) -> None:
    world.recipe("[add]")
    flowrun.run(world.path, given={"x": 5.0})
    plugins = (str(world.folder / "steps.py"),)
    plan = flowrun.plan_of_run("last", plugins=plugins, given={"x": 5.0})
    assert flowrun.run_plan(plan).values["x"] == 6.0
    with pytest.raises(RecipeError, match="add needs `x`"):
        flowrun.plan_of_run("last", plugins=plugins)
