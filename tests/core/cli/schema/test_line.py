"""`flowrun schema --install RECIPE`: a recipe names its schema itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.core.cli.schema.conftest import SchemaCommand, files

Write = Callable[[str, str], Path]

RECIPE = "recipe: demo\nsteps:\n  - shuffle\n"
SCHEMA = ".flowrun/recipe.schema.json"
LINE = "# yaml-language-server: $schema="


def test_a_line_in_a_recipe_names_the_schema_from_where_the_recipe_is(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    paths = write("a.yaml", RECIPE), write("my recipes/b.yaml", f"# of 2026\r\n{RECIPE}")
    assert schema_command("--install", *paths).returncode == 0
    assert paths[0].read_text(encoding="utf-8") == f"{LINE}{SCHEMA}\n{RECIPE}"
    assert paths[1].read_bytes().decode() == f"{LINE}../{SCHEMA}\r\n# of 2026\r\n{RECIPE}"
    assert (tmp_path / SCHEMA).is_file()
    before = files(tmp_path)
    done = schema_command(*paths, "--install")
    assert "a.yaml: unchanged" in done.stdout
    assert files(tmp_path) == before, "the second time, nothing"


def test_a_line_that_names_another_place_of_the_schema_is_corrected(
    schema_command: SchemaCommand, write: Write
) -> None:
    path = write("a.yaml", f"\ufeff# of 2026\n{LINE}../old/recipe.schema.json  # mine\n{RECIPE}")
    assert schema_command("--install", path).returncode == 0
    wanted = f"\ufeff# of 2026\n{LINE}{SCHEMA}\n{RECIPE}"
    assert path.read_bytes().decode() == wanted


def test_a_line_that_names_another_schema_is_left(
    schema_command: SchemaCommand, write: Write
) -> None:
    text = f"{LINE}https://team.example/recipes.json\n{RECIPE}"
    path = write("a.yaml", text)
    done = schema_command("--install", path)
    assert done.returncode == 2
    assert "a.yaml names another schema, https://team.example/recipes.json" in done.stderr
    assert path.read_text(encoding="utf-8") == text
