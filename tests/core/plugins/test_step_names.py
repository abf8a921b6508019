"""A step's name with its plugin's before it, and steps of one name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun as flowrun_api
from flowrun import RecipeError
from tests.conftest import Flowrun
from tests.core.problems import parts

Write = Callable[[str, str], Path]

OWN = """
from flowrun import step

@step(outputs="a")
def tensor(*, value: int = 3):
    '''Give a number of our own.'''
    return value
"""
RECIPE = "recipe: r\nplugins: [./own.py]\nsteps:\n{steps}"


@pytest.fixture
def recipe(write: Write) -> Callable[[str], Path]:
    write("own.py", OWN)
    return lambda steps: write("r.yaml", RECIPE.format(steps=steps))


Recipe = Callable[[str], Path]
BOTH = "  - tensor: {value: 5}\n  - tensors.tensor: {b: [1.0, 2.0]}\n"


def test_the_steps_of_the_recipes_own_plugin_come_first_with_a_note(
    flowrun: Flowrun, recipe: Recipe
) -> None:
    path = recipe(BOTH + "  - tensor: {value: 6}\n")
    note = "note: `tensor` is the step of own.py, `own.tensor`; `tensors.tensor` is there as well\n"
    for _ in range(2):  # the second is answered from a memo
        done = flowrun(path)
        assert (done.returncode, done.stderr) == (0, note)
        assert "  tensor        a 5" in done.stdout
        assert "  tensor_2      b (2,) [1, 2]" in done.stdout
        assert "  tensor_3      a 6" in done.stdout
    assert flowrun("-q", path).stderr == ""
    assert flowrun("check", path).stderr == note


def test_a_qualified_name_is_taken_without_a_note(flowrun: Flowrun, recipe: Recipe) -> None:
    done = flowrun(recipe("  - own.tensor: {value: 5}\n"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "  tensor        a 5" in done.stdout


@pytest.mark.parametrize(
    "path", ["tensor_2.b", "tensors.tensor.b"], ids=["by its id", "by its name"]
)
def test_an_option_of_a_qualified_step_is_set(flowrun: Flowrun, recipe: Recipe, path: str) -> None:
    done = flowrun(recipe(BOTH), "--set", f"{path}=[7.0]")
    assert "  tensor_2      b (1,) [7]" in done.stdout, done.stderr


def test_a_qualified_step_is_extended_by_its_id(
    flowrun: Flowrun, recipe: Recipe, write: Write
) -> None:
    recipe(BOTH)
    path = write("child.yaml", "recipe: c\nextends: r.yaml\nsteps: [tensors.tensor: {c: [1]}]\n")
    done = flowrun(path)
    assert "  tensor        c (1,) int64 [1]" in done.stdout, done.stderr


def test_a_qualified_name_gives_the_key_of_the_bare_one(flowrun: Flowrun, write: Write) -> None:
    for name in ("tensor", "tensors.tensor"):
        write(f"{name}.yaml", f"recipe: r\nsteps: [{name}: {{a: [1, 2]}}]\n")
    flowrun("tensor.yaml")
    assert "kept" in flowrun("tensors.tensor.yaml").stdout


def test_a_record_is_a_recipe_with_the_qualified_name(flowrun: Flowrun, recipe: Recipe) -> None:
    flowrun(recipe(BOTH))
    (folder,) = Path(".flowrun/runs").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert [(one["step"], one["plugin"]) for one in record["plan"]] == [
        ("tensor", "own.py"),
        ("tensor", "tensors"),
    ]
    again = flowrun_api.plan_of_run(folder.name, plugins=("own.py",))
    assert [step.plugin for step in again.steps] == ["own.py", "tensors"]


def test_a_recipe_without_the_plugin_takes_the_built_in_step(
    flowrun: Flowrun, recipe: Recipe, write: Write
) -> None:
    own = recipe(BOTH)
    other = write("other.yaml", "recipe: o\nsteps: [tensor: {a: [1, 2]}]\n")
    done = flowrun(own, other)
    assert (done.returncode, done.stderr.count("note:")) == (0, 1)
    assert "  tensor        a (2,) int64 [1, 2]" in done.stdout


def problem(path: Path) -> tuple[object, ...]:
    """What the one problem of a recipe says."""
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    (found,) = failure.value.problems
    return parts(found, path.parent)


def test_two_plugins_of_one_rank_have_to_be_named(write: Write) -> None:
    write("own.py", OWN)
    write("other.py", OWN)
    text = "recipe: r\nplugins: [./own.py, ./other.py]\nsteps:\n  - {name}\n"
    assert problem(write("r.yaml", text.format(name="tensor"))) == (
        (4, 5),
        "the step `tensor` is given by more than one plugin: "
        "`own.py` (a local file) and `other.py` (a local file)",
        None,
        None,
        "write the plugin's name before it: `own.tensor` or `other.tensor`",
    )
    plan = flowrun_api.plan(write("r.yaml", text.format(name="other.tensor")))
    assert [step.plugin for step in plan.steps] == ["other.py"]


def test_two_files_of_one_name_cannot_be_told_apart(write: Write) -> None:
    write("own.py", OWN)
    write("deep/own.py", OWN)
    path = write("r.yaml", "recipe: r\nplugins: [own.py, deep/own.py]\nsteps: [own.tensor]\n")
    hint = problem(path)[-1]
    assert hint == "rename one of the two, or leave one of the plugins out"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tensor.shuffle", "did you mean `tensors.shuffle`?"),
        ("tensors.shufle", "did you mean `tensors.shuffle`?"),
        ("wine.shuffle", "did you mean `tensors.shuffle`?"),
    ],
)
def test_a_mistake_in_a_qualified_name(recipe: Recipe, name: str, hint: str) -> None:
    place, message, _, _, said = problem(recipe(f"  - {name}\n"))
    assert (place, message, said) == ((4, 5), f"there is no step `{name}`", hint)


def test_a_step_that_a_plugin_imports_from_another_is_one_step(
    flowrun: Flowrun, write: Write
) -> None:
    write("own.py", "from flowrun_tensors.steps.tensor import tensor\n")
    path = write("r.yaml", "recipe: r\nplugins: [own.py]\nsteps: [tensor: {a: [1, 2]}]\n")
    done = flowrun(path)
    assert (done.returncode, done.stderr) == (0, "")


def test_steps_lists_each_by_the_name_that_a_recipe_writes(
    flowrun: Flowrun, recipe: Recipe
) -> None:
    recipe("")
    listed = flowrun("steps", "-p", "own.py").stdout
    lines = [line.split(maxsplit=1) for line in listed.splitlines()]
    about = dict(lines)
    assert about["tensor"] == "Give a number of our own. (from `own.py`)"
    assert about["tensors.tensor"].endswith("(from `tensors`)")
    assert "value: a whole number" in flowrun("steps", "tensor", "-p", "own.py").stdout
    assert "value: a whole number" not in flowrun("steps", "tensors.tensor", "-p", "own.py").stdout
    assert "`tensors.tensor`" in flowrun("steps", "tensor", "-p", "own.py").stdout


def test_lint_takes_a_recipes_step_of_this_plugin_for_an_example(
    flowrun: Flowrun, recipe: Recipe
) -> None:
    recipe("  - tensors.tensor: {b: [1.0]}\n  - tensor: {value: 5}\n")
    done = flowrun("lint", "own.py")
    assert "as r.yaml uses it" in done.stdout, done.stdout + done.stderr
