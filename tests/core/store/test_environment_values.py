"""A run depends on the environment variables that its recipe reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import flowrun as package
from tests.conftest import Flowrun
from tests.core.store.conftest import World


def test_a_kept_run_notices_that_a_variable_has_changed(
    world: World, flowrun: Flowrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.recipe("[one: {value: '${env:ROWS:-1}'}, add]")
    monkeypatch.delenv("ROWS", raising=False)
    assert "x 1" in flowrun("r.yaml").stdout
    assert flowrun("r.yaml").stdout.count("kept") == 2
    monkeypatch.setenv("ROWS", "20")
    explained = flowrun("explain", "r.yaml").stdout
    assert "option `value`: 1.0 -> 20.0" in explained
    changed = flowrun("r.yaml").stdout
    assert "x 20" in changed
    assert "kept" not in changed
    assert flowrun("r.yaml").stdout.count("kept") == 2
    monkeypatch.setenv("ROWS", "30")
    assert "x 30" in flowrun("r.yaml").stdout


def test_the_record_has_the_value_and_reads_no_variable_again(
    world: World, flowrun: Flowrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.recipe("[one: {value: '${env:ROWS}'}]")
    monkeypatch.setenv("ROWS", "20")
    flowrun("r.yaml")
    (folder,) = Path(".flowrun/runs").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert record["resolved"]["steps"] == [{"one": {"value": 20}, "id": "one"}]
    record["resolved"]["steps"][0]["one"]["value"] = "${env:ROWS}"  # by a stranger
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(package.RecipeError, match="`ROWS` is not set"):
        package.plan_of_run(folder.name, plugins=("steps.py",))


def test_the_python_api_and_settings_take_a_variable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROWS", "20")
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{"one": {}}]}
    plan = package.plan(recipe, set={"one.value": "${env:ROWS}"})
    assert plan.steps[0].options == {"value": 20.0}
