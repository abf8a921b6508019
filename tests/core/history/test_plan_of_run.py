"""The plan of a past run, made again from its record."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun as fr
from flowrun import FlowrunError, Plan, RecipeError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

ROOT = Path(__file__).parents[3]
STEPS = '''
"""Steps without torch."""
from typing import Any
from flowrun import step

@step(outputs="value")
def give(*, value: Any):
    """Give a value of the recipe."""
    return value

@step(outputs="text")
def read(*, file: str, ctx):
    """Read a file whose path starts from the recipe's folder."""
    return ctx.path(file).read_text()

@step(outputs="total")
def add(a, b, c=0):
    """Add numbers."""
    return a + b + c

@step(outputs=lambda options: options.named)
def name(*, ctx, **named: str):
    """Give texts by name."""
    return named
'''


def same_steps(one: Plan, other: Plan) -> None:
    """The two plans agree in all that a step's result depends on."""
    for field in ("id", "plugin", "options", "wires", "seed", "dtype", "device", "cache", "folder"):
        found = [[getattr(step, field) for step in plan.steps] for plan in (one, other)]
        assert found[0] == found[1], field
    assert [step.step.name for step in one.steps] == [step.step.name for step in other.steps]


def all_kept(result: fr.Result) -> bool:
    return all(step["kept"] for step in result.record["steps"])


def digests(record: dict[str, Any]) -> list[dict[str, str]]:
    return [step["digests"] for step in record["steps"]]


def test_a_shipped_recipe_with_settings_is_planned_and_run_again(tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "recipes" / "red_linear.yaml", tmp_path))
    changes: dict[str, Any] = {"set": {"gd_train.lr": 0.02, "vars.train_rows": 900}, "seed": 5}
    planned = fr.plan(path, **changes)
    first = fr.run(path, **changes)
    path.write_text("recipe: another\nsteps: []\n")  # what the file says by now does not matter
    again = fr.plan_of_run(first.record["id"])
    same_steps(again, planned)
    assert again.recipe.seed == 5
    assert again.recipe.path == path
    result = fr.run_plan(again)
    assert all_kept(result)
    assert digests(result.record) == digests(first.record)
    assert result.metrics == first.metrics
    assert result.record["expectations"] == first.record["expectations"]


def test_paths_start_from_the_folders_they_started_from(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("base/steps.py", STEPS)
    write("base/data.txt", "base")
    write("own/data.txt", "own")
    write(
        "own/more.py",
        STEPS.replace("def give", "def give_more").partition('@step(outputs="text')[0],
    )
    steps = "[{read: {file: data.txt}}, {read: {file: data.txt}, id: second, out: {text: b}}]"
    write("base/base.yaml", f"recipe: base\nplugins: [./steps.py]\nsteps: {steps}")
    changed = "[{read: {file: data.txt}, id: second, out: {text: b}}, {give_more: {value: 1}}]"
    path = write(
        "own/own.yaml",
        f"recipe: own\nextends: ../base/base.yaml\nplugins: [./more.py]\nsteps: {changed}",
    )
    first = fr.run(path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("FLOWRUN_HOME", str(tmp_path / ".flowrun"))
    monkeypatch.chdir(elsewhere)
    again = fr.plan_of_run("last")
    assert [step.folder.name for step in again.steps] == ["base", "own", "own"]
    result = fr.run_plan(again, fresh=True)
    assert (result.values["text"], result.values["b"]) == ("base", "own")
    assert digests(result.record) == digests(first.record)


def test_a_mapping_starts_from_the_folder_it_was_run_in(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("steps.py", STEPS)
    write("data.txt", "here")
    fr.run({"recipe": "m", "plugins": ["./steps.py"], "steps": [{"read": {"file": "data.txt"}}]})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("FLOWRUN_HOME", str(tmp_path / ".flowrun"))
    monkeypatch.chdir(elsewhere)
    again = fr.plan_of_run("last")
    assert again.recipe.path is None
    assert fr.run_plan(again, fresh=True).values["text"] == "here"


def test_plugins_of_the_command_line_and_modules_are_found_again(
    write: Write, tmp_path: Path, flowrun: Flowrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("steps.py", STEPS)
    only = STEPS.partition('@step(outputs="text")')[0]
    write("recipes/pack_of_steps/__init__.py", only.replace("def give", "def offer"))
    steps = "[{give: {value: 1}}, {offer: {value: 2}}]"
    path = write("recipes/r.yaml", f"recipe: r\nplugins: [pack_of_steps]\nsteps: {steps}")
    done = flowrun(path, "-p", "steps.py")
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("FLOWRUN_HOME", str(tmp_path / ".flowrun"))
    monkeypatch.chdir(elsewhere)
    again = fr.plan_of_run("last")
    assert [step.step.name for step in again.steps] == ["give", "offer"]
    assert all_kept(fr.run_plan(again))


WHOLE = """
recipe: whole
about: "All of it, $${n} times."
seed: 3
device: cpu
dtype: float64
section: tests
needs: cpu
tags: [slow, gpu]
plugins: [./steps.py]
vars: {n: 1, limit: .inf, text: "$${x}"}
steps:
  - give: {value: {a: "${limit}", b: -.inf, c: [.nan, 1.5, "inf", null, true], d: "${text}"}}
  - give: {value: "${n}"}
    id: one
    out: {value: x}
    cache: true
  - give: {value: "$$${n} $$$${"}
    out: {value: y}
    dtype: float32
    device: cpu
  - add: {}
    in: {a: x, b: x, c: null}
  - name: {one: "1", two: "$${two}"}
expect:
  total: {between: [0, .inf]}
  x: {equals: 1, rtol: 0.5}
"""


def test_all_that_a_recipe_can_say_is_planned_again(write: Write) -> None:
    write("steps.py", STEPS)
    path = write("whole.yaml", WHOLE)
    planned, first = fr.plan(path), fr.run(path)
    again = fr.plan_of_run("last")
    assert repr([step.options for step in again.steps]) == repr(
        [step.options for step in planned.steps]
    )
    assert again.steps[2].options == {"value": "$${n} $$${"}
    assert [step.wires for step in again.steps] == [step.wires for step in planned.steps]
    assert [step.cache for step in again.steps] == [None, True, None, None, None]
    for field in ("name", "about", "seed", "device", "dtype", "section", "needs", "tags"):
        assert getattr(again.recipe, field) == getattr(planned.recipe, field), field
    result = fr.run_plan(again)
    assert all_kept(result)
    assert result.values["value"]["a"] == math.inf
    for key in ("vars", "expect", "expectations", "resolved", "plugins", "metrics"):
        assert result.record[key] == first.record[key], key


def test_the_resolved_recipe_of_a_record_is_a_recipe(write: Write) -> None:
    write("steps.py", STEPS)
    text = WHOLE.replace(".inf", "1").replace(".nan", "2")
    first = fr.run(write("whole.yaml", text))
    resolved = json.loads(json.dumps(first.record["resolved"]))
    result = fr.run(resolved)
    assert digests(result.record) == digests(first.record)
    assert result.record["resolved"] == resolved


def test_a_run_that_was_to_fail_is_planned_again(write: Write) -> None:
    text = """
recipe: failing
steps:
  - tensor: {a: [1, 2, 3], b: [1.2, 3.6, 2.4]}
  - compute: {a: a += b}
expect:
  error: {step: compute, matches: "can't be cast"}
"""
    assert fr.run(write("failing.yaml", text)).ok
    assert fr.run_plan(fr.plan_of_run("last")).ok


def test_a_run_of_a_run_is_planned_again_as_well(write: Write) -> None:
    write("steps.py", STEPS)
    path = write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [{give: {value: 1}}]")
    fr.run(path, set={"give.value": 7})
    fr.run_plan(fr.plan_of_run("last"))
    again = fr.plan_of_run("last")
    assert again.steps[0].options == {"value": 7}
    assert again.recipe.path == path


def test_what_no_longer_fits_the_steps_is_said_of_the_run(write: Write) -> None:
    write("steps.py", STEPS)
    path = write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [{read: {file: r.yaml}}]")
    record = fr.run(path).record
    write("steps.py", STEPS.replace("file: str", "path: str"))
    with pytest.raises(RecipeError) as caught:
        fr.plan_of_run("last")
    said = str(caught.value)
    assert f"recipe of run {record['id']}:5:" in said
    assert "read has no option `file`" in said
    assert '{"read": {"file": "r.yaml"}, "id": "read"}' in said
    Path("steps.py").unlink()
    with pytest.raises(RecipeError, match=r"the plugin file steps\.py is not there"):
        fr.plan_of_run("last")


def test_a_run_whose_record_holds_no_recipe_is_refused(write: Write) -> None:
    with pytest.raises(FlowrunError, match="there are no runs"):
        fr.plan_of_run("last")
    write(".flowrun/runs/20260101-150000-aaaaaa/run.json", '{"id": "20260101-150000-aaaaaa"}')
    with pytest.raises(FlowrunError, match="does not hold its recipe"):
        fr.plan_of_run("last")
