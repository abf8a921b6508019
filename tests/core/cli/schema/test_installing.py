"""`flowrun schema --install`: the schema is written, and what to paste for VS Code is printed."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.core.cli.schema.conftest import Done, SchemaCommand, files

Write = Callable[[str, str], Path]

RECIPE = "recipe: demo\nsteps:\n  - shuffle\n"
SCHEMA = ".flowrun/recipe.schema.json"
USUAL = ["recipes/**/*.yaml", "**/*.flowrun.yaml"]


def pasted(done: Done) -> Any:
    """The settings that the printed lines make of an empty object."""
    assert done.returncode == 0, done.stderr
    _, _, lines = done.stdout.partition("paste this into .vscode/settings.json:\n")
    return json.loads(f"{{{lines}}}")


def test_the_schema_is_written_and_the_settings_are_shown(
    schema_command: SchemaCommand, tmp_path: Path
) -> None:
    done = schema_command("--install")
    assert done.stderr == ""
    assert (tmp_path / SCHEMA).read_text(encoding="utf-8") == schema_command().stdout
    assert pasted(done) == {"yaml.schemas": {SCHEMA: USUAL}}
    assert sorted(files(tmp_path)) == [SCHEMA], "no settings are edited"


def test_installing_twice_changes_nothing(schema_command: SchemaCommand, tmp_path: Path) -> None:
    first = schema_command("--install")
    before = files(tmp_path)
    assert schema_command("--install") == first
    assert files(tmp_path) == before


def test_settings_that_are_there_stay_as_they_are(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    write(".vscode/settings.json", "{ not: json }")
    before = files(tmp_path)
    assert pasted(schema_command("--install")) == {"yaml.schemas": {SCHEMA: USUAL}}
    after = files(tmp_path)
    assert after.keys() - before.keys() == {SCHEMA}
    assert before.items() <= after.items()


def test_a_home_elsewhere_is_named_by_its_address(
    schema_command: SchemaCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, project = tmp_path / "home of flowrun", tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("FLOWRUN_HOME", str(home))
    address = (home / "recipe.schema.json").as_uri()
    assert pasted(schema_command("--install")) == {"yaml.schemas": {address: USUAL}}


def test_recipes_are_found_by_what_they_hold(schema_command: SchemaCommand, write: Write) -> None:
    write("recipes/deep/a.yaml", RECIPE)
    write("b.flowrun.yaml", RECIPE)
    write("c.yml", RECIPE)
    write("experiments/d.yaml", "# of 2026\nrecipe: d\nextends: ../c.yml\n")
    write("compose.yaml", "services:\n  recipe: demo\n  steps: 3\n")
    write(".hidden/e.yaml", RECIPE)
    write("node_modules/f.yaml", RECIPE)
    write("environment/pyvenv.cfg", "")
    write("environment/lib/g.yaml", RECIPE)
    found = [*USUAL, "c.yml", "experiments/d.yaml"]
    assert pasted(schema_command("--install")) == {"yaml.schemas": {SCHEMA: found}}


def test_a_folder_called_recipes_that_holds_other_things_is_not_taken_whole(
    schema_command: SchemaCommand, write: Write
) -> None:
    write("recipes/a.yaml", RECIPE)
    write("recipes/conda/meta.yaml", "package:\n  name: wine\n")
    found = ["**/*.flowrun.yaml", "recipes/a.yaml"]
    assert pasted(schema_command("--install")) == {"yaml.schemas": {SCHEMA: found}}


def test_a_recipe_written_later_is_added(schema_command: SchemaCommand, write: Write) -> None:
    schema_command("--install")
    write("later.yaml", RECIPE)
    assert pasted(schema_command("--install")) == {"yaml.schemas": {SCHEMA: [*USUAL, "later.yaml"]}}


def test_a_link_stays_a_link_and_permissions_stay(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    real = write("shared/demo.yaml", RECIPE)
    real.chmod(0o640)
    (tmp_path / "demo.yaml").symlink_to(real)
    assert schema_command("--install", "demo.yaml").returncode == 0
    assert (tmp_path / "demo.yaml").is_symlink()
    assert real.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_place_that_cannot_be_written_to_is_said(
    schema_command: SchemaCommand, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("home", "a file\n")
    monkeypatch.setenv("FLOWRUN_HOME", "home")
    done = schema_command("--install")
    assert done.returncode == 2
    assert "error: home/recipe.schema.json cannot be written: " in done.stderr


def test_a_recipe_that_is_not_there_changes_nothing(
    schema_command: SchemaCommand, tmp_path: Path
) -> None:
    done = schema_command("--install", "missing.yaml")
    assert done.returncode == 2
    assert "missing.yaml: No such file" in done.stderr
    assert files(tmp_path) == {}
