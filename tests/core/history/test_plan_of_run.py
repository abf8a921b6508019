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
from flowrun import FlowrunError, Plan, PluginError, RecipeError
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
    plugins = tuple(str(tmp_path / name) for name in ("base/steps.py", "own/more.py"))
    again = fr.plan_of_run("last", plugins=plugins)
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
    again = fr.plan_of_run("last", plugins=("../steps.py",))
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
    monkeypatch.syspath_prepend(tmp_path / "recipes")
    again = fr.plan_of_run("last", plugins=("../steps.py", "pack_of_steps"))
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
    again = fr.plan_of_run("last", plugins=("steps.py",))
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
    fr.run_plan(fr.plan_of_run("last", plugins=("steps.py",)))
    again = fr.plan_of_run("last", plugins=("steps.py",))
    assert again.steps[0].options == {"value": 7}
    assert again.recipe.path == path


def test_what_no_longer_fits_the_steps_is_said_of_the_run(write: Write) -> None:
    write("steps.py", STEPS)
    path = write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [{read: {file: r.yaml}}]")
    record = fr.run(path).record
    write("steps.py", STEPS.replace("file: str", "path: str"))
    with pytest.raises(RecipeError) as caught:
        fr.plan_of_run("last", plugins=("steps.py",))
    said = str(caught.value)
    assert f"recipe of run {record['id']}:6:" in said
    assert "read has no option `file`" in said
    assert '{"read": {"file": "r.yaml"}, "id": "read"}' in said
    Path("steps.py").unlink()
    with pytest.raises(PluginError, match=r"the plugin file steps\.py is not there"):
        fr.plan_of_run("last", plugins=("steps.py",))


def test_a_run_whose_record_holds_no_recipe_is_refused(write: Write) -> None:
    with pytest.raises(FlowrunError, match="there are no runs"):
        fr.plan_of_run("last")
    write(".flowrun/runs/20260101-150000-aaaaaa/run.json", '{"id": "20260101-150000-aaaaaa"}')
    with pytest.raises(FlowrunError, match="does not have its recipe"):
        fr.plan_of_run("last")


def test_texts_that_yaml_reads_in_its_own_way_are_planned_again(write: Write) -> None:
    write("steps.py", STEPS)
    value = [
        "line\u2028line",
        "next\u0085line",
        "del\x7f",
        "\U0001f347",
        '"${.inf}"',
        "no",
        "1e3",
        "${",
        1e-7,
    ]
    given = {
        "give": {
            "value": [
                text.replace("${", "$${") if isinstance(text, str) else text for text in value
            ]
        }
    }
    result = fr.run({"recipe": "m", "plugins": ["./steps.py"], "steps": [given]})
    assert result.values["value"] == value
    again = fr.plan_of_run("last", plugins=("steps.py",))
    assert again.steps[0].options == {"value": value}


# --- records of strangers ---

EVIL = """
from flowrun import step
open("EXECUTED", "w")

@step(outputs="x")
def evil():
    return 1
"""


@pytest.fixture
def received(write: Write, tmp_path: Path) -> str:
    """A run that someone else has made up: its record names a file beside it, and a module."""
    run = "20261129-000000-aaaaaa"
    folder = f".flowrun/runs/{run}"
    write(f"{folder}/evil.py", EVIL)
    write(f"{folder}/evil_module/__init__.py", EVIL)
    record = {
        "id": run,
        "recipe": "r",
        "status": "ok",
        "device": "cpu",
        "plan": [{"id": "tensor", "step": "tensor", "folder": str(tmp_path)}],
        "plugins": [
            {"name": f"{folder}/evil.py", "folder": ""},
            {"name": "evil_module", "folder": folder},
        ],
        "resolved": {
            "recipe": "r",
            "plugins": [f"{folder}/evil.py", "evil_module"],
            "steps": [{"tensor": {"a": [1.5]}, "id": "tensor"}],
        },
    }
    write(f"{folder}/run.json", json.dumps(record))
    return run


def test_code_that_only_a_record_names_is_not_run(received: str, flowrun: Flowrun) -> None:
    for command in (
        ("export", received, "-o", "script.py"),
        ("show", received),
        ("diff", received, received),
        ("runs",),
    ):
        done = flowrun(*command)
        assert "Traceback" not in done.stderr
    assert not Path("EXECUTED").exists()
    assert not Path("script.py").exists()


@pytest.mark.parametrize(
    "more",
    [
        {"extends": "evil.yaml"},
        {"a: 1\nextends: evil.yaml\nb": {"c": 1}},
        {"vars": {"a: 1\nextends": "evil.yaml"}},
        {"tags": ["a\nextends: evil.yaml"]},
    ],
)
def test_a_record_cannot_name_a_recipe_that_names_code(
    more: dict[str, Any], received: str, write: Write, flowrun: Flowrun
) -> None:
    folder = Path(".flowrun/runs", received)
    write(str(folder / "evil.yaml"), "recipe: evil\nplugins: [./evil.py]\nsteps: []")
    record = json.loads((folder / "run.json").read_text())
    record |= {"plugins": [], "file": str(folder / "r.yaml")}
    record["resolved"] |= more
    (folder / "run.json").write_text(json.dumps(record))
    done = flowrun("export", received, "-o", "script.py")
    assert "Traceback" not in done.stderr
    assert not Path("EXECUTED").exists()


def test_the_options_that_load_the_plugins_of_a_run_are_shown(
    received: str, flowrun: Flowrun
) -> None:
    done = flowrun("export", received, "-o", "script.py")
    file = f".flowrun/runs/{received}/evil.py"
    assert done.returncode == 2
    assert f"used plugins that are not installed: {file}, evil_module" in done.stderr
    assert f"add  -p {file} -p evil_module" in done.stderr
    done = flowrun("export", received, "-o", "script.py", "-p", file)
    assert "used plugins that are not installed: evil_module" in done.stderr


def test_a_run_is_exported_with_the_plugins_that_are_given(write: Write, flowrun: Flowrun) -> None:
    write("steps.py", STEPS)
    write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [{give: {value: 1}}]")
    assert flowrun("r.yaml").returncode == 0
    done = flowrun("export", "last", "-p", "steps.py", "-o", "script.py")
    assert done.returncode == 0, done.stderr


def test_the_plugins_may_lie_elsewhere_by_now(write: Write) -> None:
    write("steps.py", STEPS)
    path = write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [{give: {value: 1}}]")
    fr.run(path)
    write("moved/steps.py", STEPS)
    Path("steps.py").unlink()
    assert fr.plan_of_run("last", plugins=("moved/steps.py",)).steps[0].options == {"value": 1}


def test_a_record_names_no_run_but_its_own(received: str, flowrun: Flowrun) -> None:
    path = Path(".flowrun/runs", received, "run.json")
    path.write_text(path.read_text().replace(f'"id": "{received}"', '"id": "../../elsewhere"'))
    assert f"run           {received}" in flowrun("show", received).stdout
    assert json.loads(flowrun("show", received, "--json").stdout)["recipe"] == "r"


def test_a_record_that_is_not_well_formed_is_an_error_in_one_line(
    received: str, flowrun: Flowrun
) -> None:
    path = Path(".flowrun/runs", received, "run.json")
    whole = json.loads(path.read_text())
    for change, said in (
        (
            {"plan": [{"id": 1, "step": "tensor"}]},
            "Expected `str`, got `int` - at `$.plan[0].id`",
        ),
        (
            {"steps": [{"id": "a", "step": "a", "outputs": {"x": {}}}]},
            "$.steps[0].outputs[...]",
        ),
        ({"process": 10**30}, "$.process"),
        ({"resolved": []}, "$.resolved"),
    ):
        path.write_text(json.dumps(whole | change))
        for command in (("show", received), ("export", received), ("diff", received, received)):
            done = flowrun(*command)
            assert done.returncode == 2
            (line,) = done.stderr.splitlines()
            assert line.startswith("error: the record of the run")
            assert str(path) in line
            assert said in line


def test_a_resolved_recipe_that_is_none_is_an_error_of_the_recipe(
    received: str, flowrun: Flowrun
) -> None:
    path = Path(".flowrun/runs", received, "run.json")
    whole = json.loads(path.read_text()) | {"plugins": []}
    for resolved in ({"recipe": "r"}, {"recipe": 1, "steps": "x"}, {"recipe": "r", "steps": [{}]}):
        path.write_text(json.dumps(whole | {"resolved": resolved}))
        done = flowrun("export", received)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert f"recipe of run {received}:" in done.stderr
