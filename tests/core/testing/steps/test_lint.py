"""`flowrun lint`: the rules from the command line, on what recipes give."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns.documents.test_docs import blocks
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]
ROOT = Path(__file__).parents[4]

ENDS = '''
from flowrun import step

@step(outputs=())
def fail():
    """Fail, or print."""
    raise ValueError("no luck")

@step(outputs="a")
def give():
    """Give a number."""
    return 1
'''
PRINTS = ENDS.replace("return 1", "print('no luck')\n    return 1")
STEPS = '''
from pathlib import Path
from typing import Annotated

import torch
from flowrun import Meta, step


@step(outputs="data")
def scale(data, *, by: Annotated[float, Meta(gt=0, description="Factor.")] = 2.0):
    """Multiply."""
    return data * by


@step(outputs="data")
def spoil(data):
    """Multiply where it lies."""
    return data.mul_(2)


@step(outputs="alone")
def alone(data):
    """Be used by no recipe."""
    return data


@step(outputs=(), effect=True)
def tell(data):
    """Act outside."""
    Path("told.txt").write_text("told")
'''
RECIPE = """
recipe: used
plugins: [./steps.py]
steps:
  - random: {data: {randn: [4, 3]}}
  - scale: {by: 3}
  - tell
  - save: {to: out, values: [data]}
  - spoil
"""


def test_each_step_is_called_on_what_a_recipe_beside_it_gives(
    flowrun: Flowrun, write: Write, tmp_path: Path
) -> None:
    write("steps.py", STEPS)
    write("used.yaml", RECIPE)
    write("notes.yaml", "no: recipe\n")
    done = flowrun("lint", "steps.py")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "scale  9 of 9 rules held, as used.yaml uses it" in lines
    assert lines[1].startswith("spoil  4 of 9 rules held, 1 finding")
    assert any(line.startswith("alone  in part: 3 of 9 rules held") for line in lines)
    assert "no recipe uses it" in done.stdout
    assert "it acts outside of the recipe, so lint does not call it" in done.stdout
    assert "steps.py:15: spoil (inputs): it changes its inputs" in done.stderr
    assert not (tmp_path / "told.txt").exists(), "what acts outside is not called"
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".flowrun").exists()


def test_json_holds_the_same(flowrun: Flowrun, write: Write) -> None:
    write("steps.py", STEPS)
    write("used.yaml", RECIPE)
    document = json.loads(flowrun("lint", "steps.py", "--json").stdout)
    assert document["ok"] is False
    by_name = {step["step"]: step for step in document["steps"]}
    assert by_name["scale"]["ok"]
    assert by_name["scale"]["recipe"] == "used.yaml"
    assert by_name["alone"]["recipe"] is None
    (finding,) = by_name["spoil"]["findings"]
    assert (finding["rule"], finding["place"]) == ("inputs", "steps.py:15")


def test_recipes_may_be_named(flowrun: Flowrun, write: Write) -> None:
    write("steps.py", STEPS)
    write("elsewhere/used.yaml", RECIPE.replace("./steps.py", "../steps.py"))
    assert "as elsewhere/used.yaml uses it" in flowrun(
        "lint", "steps.py", "elsewhere/used.yaml"
    ).stdout  # fmt: skip


def test_a_named_recipe_that_cannot_be_planned_is_refused(flowrun: Flowrun, write: Write) -> None:
    write("steps.py", STEPS)
    write("broken.yaml", "recipe: broken\nsteps: [scael]\n")
    done = flowrun("lint", "steps.py", "broken.yaml")
    assert done.returncode == 2
    assert "did you mean `scale`" in done.stderr
    beside = flowrun("lint", "steps.py")
    assert beside.returncode == 0
    assert "warning: broken.yaml cannot be used" in beside.stderr


def test_a_recipe_that_fails_above_the_step_is_said(flowrun: Flowrun, write: Write) -> None:
    write("steps.py", STEPS)
    write("used.yaml", RECIPE.replace("- scale", "- load: {source: none.csv}\n  - scale"))
    done = flowrun("lint", "steps.py")
    assert "warning: used.yaml ends at the step `load`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_project_is_linted_by_its_entry_points(flowrun: Flowrun, write: Write) -> None:
    write("grapes/pyproject.toml", '[project]\nname = "g"\n[project.entry-points.flowrun]\n'
          'grapes = "flowrun_grapes"\n')  # fmt: skip
    write("grapes/src/flowrun_grapes/__init__.py", STEPS)
    write("grapes/recipes/used.yaml", RECIPE.replace("./steps.py", "flowrun_grapes"))
    done = flowrun("lint", "grapes")
    assert "scale  9 of 9 rules held, as grapes/recipes/used.yaml uses it" in done.stdout


def test_a_folder_is_linted_file_by_file(flowrun: Flowrun, write: Write) -> None:
    write("mine/steps.py", STEPS)
    write("mine/test_steps.py", "import nothing_of_the_kind\n")
    assert "scale" in flowrun("lint", "mine").stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing.py", "is not there"),
        ("nothing", "is not installed"),
        ("empty.py", "there is no step in `empty.py`"),
        ("syntax.py", "failed to load"),
    ],
)
def test_what_cannot_be_linted_is_refused(
    name: str, says: str, flowrun: Flowrun, write: Write
) -> None:
    write("empty.py", "")
    write("syntax.py", "def")
    done = flowrun("lint", name)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_built_in_steps_keep_the_rules_on_a_shipped_recipe(flowrun: Flowrun) -> None:
    recipe = ROOT / "recipes" / "red_linear.yaml"
    done = flowrun("lint", "tensors", recipe, "--json")
    assert done.returncode == 0, done.stderr
    used = {one["step"] for one in json.loads(done.stdout)["steps"] if one["recipe"]}
    assert used >= {"load", "shuffle", "split", "normalize", "init_params", "gd_train", "evaluate"}


@pytest.mark.parametrize(
    "name", ["tasting.py", "report.py", "patience.py", "naming.py", "prices.py", "flowrun-grapes"]
)
def test_the_steps_of_the_guide_keep_the_rules(name: str, flowrun: Flowrun, write: Write) -> None:
    for _, text in blocks(ROOT / "docs" / "plugins.md"):
        first, _, content = text.partition("\n")
        if first.startswith("# file: "):
            write(first.removeprefix("# file: "), content)
    done = flowrun("lint", name)
    assert done.returncode == 0, done.stderr


def test_a_recipe_that_ends_before_a_step_is_named(flowrun: Flowrun, write: Write) -> None:
    write("mine.py", ENDS)
    write("r.yaml", "recipe: r\nplugins: [./mine.py]\nsteps: [fail, give]\n")
    done = flowrun("lint", "mine.py")
    assert "r.yaml, which uses it, ends before it, at `fail`" in done.stdout
    assert "no recipe uses it" not in done.stdout


def test_json_is_one_document_whatever_a_step_prints(flowrun: Flowrun, write: Write) -> None:
    write("mine.py", PRINTS)
    write("r.yaml", "recipe: r\nplugins: [./mine.py]\nsteps: [give]\n")
    done = flowrun("lint", "mine.py", "--json")
    assert isinstance(json.loads(done.stdout), dict)
    assert "no luck" in done.stderr
