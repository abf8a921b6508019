"""Under `extends`: steps that are removed or placed, variables and expectations that are merged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowrun import RecipeError, load_recipe
from flowrun.recipes.reading import plain
from tests.conftest import Flowrun
from tests.core.problems import parts

Write = Callable[[str, str], Path]

BASE = """\
recipe: base
vars: {model: {layers: [8, 1], epochs: 100}, n: 1}
steps: [load, shuffle, {train: {}, id: fit}, save]
expect: {loss: {below: 1, above: 0}, rows: {above: 5}}
"""


def ids(write: Write, text: str) -> list[str]:
    write("base.yaml", BASE)
    path = write("child.yaml", f"recipe: child\nextends: base.yaml\n{text}")
    return [step.id for step in load_recipe(path).steps]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "load shuffle fit save"),
        ("remove: shuffle", "load fit save"),
        ("remove: [save, load]", "shuffle fit"),
        ("steps: [{see: {}, after: load}]", "load see shuffle fit save"),
        ("steps: [{see: {}, before: load}]", "see load shuffle fit save"),
        ("steps: [{see: {}, before: save}, end]", "load shuffle fit see save end"),
        ("steps: [{a: {}, after: fit}, {b: {}, after: fit}]", "load shuffle fit a b save"),
        ("steps: [{a: {}, before: fit}, {b: {}, before: fit}]", "load shuffle a b fit save"),
        ("steps: [{a: {}, after: b}, {b: {}, after: load}]", "load b a shuffle fit save"),
        ("steps: [{save: {}, after: load}]", "load save shuffle fit"),
        ("remove: shuffle\nsteps: [{mix: {}, before: fit}]", "load mix fit save"),
    ],
)
def test_steps_are_removed_and_placed(write: Write, text: str, expected: str) -> None:
    assert ids(write, text) == expected.split()


def test_a_place_does_not_reach_the_recipe_that_extends_the_child(write: Write) -> None:
    ids(write, "remove: save\nsteps: [{see: {}, after: load}]")
    recipe = load_recipe(write("grandchild.yaml", "recipe: g\nextends: child.yaml\n"))
    assert [step.id for step in recipe.steps] == ["load", "see", "shuffle", "fit"]
    assert all(not step.beside.keys() & {"after", "before"} for step in recipe.steps)


KNOWN = "the id of a step of the recipe that this one extends: load, shuffle, fit, save"


@pytest.mark.parametrize(
    ("text", "place", "message", "found", "expected", "hint"),
    [
        ("remove: shufle", (3, 9), "there is no step `shufle` to remove", None, KNOWN,
         "did you mean `shuffle`?"),
        ("remove: [load, train]", (3, 16), "there is no step `train` to remove", None, KNOWN, None),
        ("remove: {a: 1}", (3, 9), "`remove` names steps", "a mapping with a",
         "the ids of steps: `[shuffle, save]`", None),
        ("remove: save\nsteps: [save]", (4, 9),
         "the step `save` is removed, and given here as well", None, None,
         "a step with the id of another takes its place: leave it out of `remove`"),
        ("steps: [{see: {}, after: lod}]", (3, 26), "`after` names no step of the recipe", "`lod`",
         "the id of a step: load, shuffle, fit, save, see", "did you mean `load`?"),
        ("remove: load\nsteps: [{see: {}, before: load}]", (4, 27),
         "`before` names the step `load`, which is removed", "`load`",
         "the id of a step: shuffle, fit, save, see", None),
        ("steps: [{see: {}, after: [load]}]", (3, 26), "`after` names one step", "a list of 1",
         "the id of one step", None),
        ("steps: [{see: {}, after: load, before: fit}]", (3, 32),
         "`see` has both `after` and `before`", None, None, "keep one of the two"),
        ("steps: [{a: {}, after: b}, {b: {}, after: a}]", (3, 24),
         "the place of `a` leads in a circle", None, None, None),
        ("steps: [{a: {}, after: a}]", (3, 24), "the place of `a` leads in a circle", None, None,
         None),
    ],
)  # fmt: skip
def test_what_cannot_be_removed_or_placed_is_shown(
    write: Write,
    text: str,
    place: tuple[int, int],
    message: str,
    found: str | None,
    expected: str | None,
    hint: str | None,
) -> None:
    with pytest.raises(RecipeError) as caught:
        ids(write, text)
    (problem,) = caught.value.problems
    assert parts(problem, Path.cwd()) == (place, message, found, expected, hint)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("remove: load\nsteps: [load]", "`remove` belongs to a recipe with `extends`",
         "delete the step itself"),
        ("steps: [load, {see: {}, after: load}]", "`after` belongs to a recipe with `extends`",
         "steps run in the order of the list"),
    ],
)  # fmt: skip
def test_only_a_recipe_that_extends_another_removes_and_places_steps(
    write: Write, text: str, message: str, hint: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(write("r.yaml", f"recipe: r\n{text}\n"))
    (problem,) = caught.value.problems
    assert parts(problem, Path.cwd())[1:] == (message, None, None, hint)


def test_the_place_of_a_step_cannot_be_set(write: Write) -> None:
    with pytest.raises(RecipeError, match="`after` places a step in its recipe"):
        load_recipe(write("base.yaml", BASE), set={"save.after": "load"})


def test_mappings_of_vars_are_merged_and_other_values_are_replaced(write: Write) -> None:
    ids(write, "vars: {model: {layers: [4], depth: 2}, n: {a: 1}}")
    found = {name: plain(node) for name, node in load_recipe("child.yaml").vars.items()}
    assert found == {"model": {"layers": [4], "epochs": 100, "depth": 2}, "n": {"a": 1}}


def test_null_removes_an_expectation_and_a_mapping_replaces_its_checks(write: Write) -> None:
    ids(write, "expect: {loss: {below: 2}, rows: null}")
    found = {path: plain(entry.value) for path, entry in load_recipe("child.yaml").expect.items()}
    assert found == {"loss": {"below": 2}}


def test_a_step_that_is_named_by_its_id_is_explained(flowrun: Flowrun, write: Write) -> None:
    write("base.yaml", "recipe: b\nsteps: [{tensor: {a: 1}}, {tensor: {b: 1}}]\n")
    write("drop.yaml", "recipe: d\nextends: base.yaml\nsteps:\n  - tensor_2: null\n")
    done = flowrun("check", "drop.yaml")
    assert done.returncode == 2
    assert "drop.yaml:4:5: there is no step `tensor_2`: it is the id of a step `tensor`" in (
        done.stderr
    )
    assert "to leave it out, write `remove: [tensor_2]` at the top" in done.stderr
