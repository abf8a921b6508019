"""`flowrun schema --install`: VS Code is told of the schema, and what people wrote stays."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.cli.schema.conftest import SchemaCommand, files

Write = Callable[[str, str], Path]

RECIPE = "recipe: demo\nsteps:\n  - shuffle\n"
SCHEMA, SETTINGS = ".flowrun/recipe.schema.json", ".vscode/settings.json"
USUAL = ["recipes/**/*.yaml", "**/*.flowrun.yaml"]


def settings(folder: Path) -> dict[str, object]:
    return json.loads((folder / SETTINGS).read_text(encoding="utf-8"))


def test_the_schema_is_written_and_named_in_new_settings(
    schema_command: SchemaCommand, tmp_path: Path
) -> None:
    done = schema_command("--install")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / SCHEMA).read_text(encoding="utf-8") == schema_command().stdout
    assert settings(tmp_path) == {"yaml.schemas": {SCHEMA: USUAL}}
    assert sorted(files(tmp_path)) == [SCHEMA, SETTINGS]


def test_installing_twice_changes_nothing(schema_command: SchemaCommand, tmp_path: Path) -> None:
    schema_command("--install")
    before = files(tmp_path)
    done = schema_command("--install")
    assert done.returncode == 0
    assert f"{SETTINGS}: as it should be" in done.stdout
    assert files(tmp_path) == before


def test_another_folder_can_be_named(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    write("project/demo.yaml", RECIPE)
    assert schema_command("--install", "project").returncode == 0
    assert (tmp_path / "project" / SCHEMA).is_file()
    assert settings(tmp_path / "project") == {"yaml.schemas": {SCHEMA: [*USUAL, "demo.yaml"]}}


def test_a_home_elsewhere_is_named_by_its_address(
    schema_command: SchemaCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, project = tmp_path / "home of flowrun", tmp_path / "project"
    project.mkdir()
    monkeypatch.setenv("FLOWRUN_HOME", str(home))
    assert schema_command("--install", "project").returncode == 0
    address = (home / "recipe.schema.json").as_uri()
    assert settings(project) == {"yaml.schemas": {address: USUAL}}


def test_recipes_are_found_by_what_they_hold(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    write("recipes/deep/a.yaml", RECIPE)
    write("b.flowrun.yaml", RECIPE)
    write("c.yml", RECIPE)
    write("experiments/d.yaml", "# of 2026\nrecipe: d\nextends: ../c.yml\n")
    write("compose.yaml", "services:\n  recipe: demo\n  steps: 3\n")
    write(".hidden/e.yaml", RECIPE)
    write("node_modules/f.yaml", RECIPE)
    write("environment/pyvenv.cfg", "")
    write("environment/lib/g.yaml", RECIPE)
    schema_command("--install")
    found = [*USUAL, "c.yml", "experiments/d.yaml"]
    assert settings(tmp_path) == {"yaml.schemas": {SCHEMA: found}}


def test_a_folder_called_recipes_that_holds_other_things_is_not_taken_whole(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    write("recipes/a.yaml", RECIPE)
    write("recipes/conda/meta.yaml", "package:\n  name: wine\n")
    schema_command("--install")
    assert settings(tmp_path) == {"yaml.schemas": {SCHEMA: ["**/*.flowrun.yaml", "recipes/a.yaml"]}}


def test_a_recipe_written_later_is_added(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    schema_command("--install")
    write("later.yaml", RECIPE)
    schema_command("--install")
    assert settings(tmp_path) == {"yaml.schemas": {SCHEMA: [*USUAL, "later.yaml"]}}


ENTRY = f"""\
"yaml.schemas": {{
        "{SCHEMA}": [
            "recipes/**/*.yaml",
            "**/*.flowrun.yaml"
        ]
    }}"""
SMALL_ENTRY = f'"yaml.schemas": {{"{SCHEMA}": ["recipes/**/*.yaml", "**/*.flowrun.yaml"]}}'
EDITED = {
    "an empty file": ("", f"{{\n    {ENTRY}\n}}\n"),
    "an empty object": ("{}", f"{{\n    {ENTRY}\n}}"),
    "a setting": ('{\n    "a": 1\n}\n', f'{{\n    "a": 1,\n    {ENTRY}\n}}\n'),
    "a comma after the last": ('{\n    "a": 1,\n}\n', f'{{\n    "a": 1,\n    {ENTRY},\n}}\n'),
    "comments everywhere": (
        '// ours\n{ // begin\n    /* one */ "a": /* is */ 1 // last, "b": 2\n    // end }\n}\n// o',
        '// ours\n{ // begin\n    /* one */ "a": /* is */ 1, // last, "b": 2\n    // end }\n'
        f"    {ENTRY}\n}}\n// o",
    ),
    "comments and nothing else": ("{\n    // none\n}", f"{{\n    // none\n    {ENTRY}\n}}"),
    "one line": ('{"a": 1}', f'{{"a": 1, {SMALL_ENTRY}}}'),
    "one line with spaces": ('{ "a": 1, }\n', f'{{ "a": 1, {SMALL_ENTRY}, }}\n'),
    "tabs": (
        '{\n\t"a": [\n\t\t1\n\t]\n}',
        f'{{\n\t"a": [\n\t\t1\n\t],\n\t{ENTRY.replace("    ", chr(9))}\n}}',
    ),
    "texts that look like comments": (
        '{\n    "a": "http://b", // c\n    "d\\"": "/* e */"\n}',
        f'{{\n    "a": "http://b", // c\n    "d\\"": "/* e */",\n    {ENTRY}\n}}',
    ),
    "other schemas": (
        '{\n    "yaml.schemas": {\n        // of the team\n        "a.json": "a.yaml"\n    }\n}\n',
        '{\n    "yaml.schemas": {\n        // of the team\n        "a.json": "a.yaml",\n'
        f'        "{SCHEMA}": [\n            "recipes/**/*.yaml",\n'
        '            "**/*.flowrun.yaml"\n        ]\n    }\n}\n',
    ),
    "no schemas yet": (
        '{\n    "yaml.schemas": {}\n}\n',
        f"{{\n    {ENTRY}\n}}\n",
    ),
    "files of one's own": (
        f'{{\n    "yaml.schemas": {{\n        "{SCHEMA}": [\n'
        '            "mine/*.yaml", // by hand\n            "recipes/**/*.yaml" // all\n'
        "        ]\n    }\n}\n",
        f'{{\n    "yaml.schemas": {{\n        "{SCHEMA}": [\n'
        '            "mine/*.yaml", // by hand\n            "recipes/**/*.yaml", // all\n'
        '            "**/*.flowrun.yaml"\n        ]\n    }\n}\n',
    ),
    "one file as a text": (
        f'{{"yaml.schemas": {{"{SCHEMA}": "mine.yaml" /* by hand */}}}}',
        f'{{"yaml.schemas": {{"{SCHEMA}": ["mine.yaml", "recipes/**/*.yaml", '
        '"**/*.flowrun.yaml"] /* by hand */}}',
    ),
    "an empty list of files": (
        f'{{"yaml.schemas": {{"{SCHEMA}": []}}}}',
        f'{{"yaml.schemas": {{"{SCHEMA}": [\n    "recipes/**/*.yaml",\n'
        '    "**/*.flowrun.yaml"\n]}}',
    ),
}


@pytest.mark.parametrize(("before", "after"), EDITED.values(), ids=EDITED)
def test_settings_gain_what_is_missing_and_lose_nothing(
    before: str, after: str, schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    write(SETTINGS, before)
    done = schema_command("--install")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / SETTINGS).read_text(encoding="utf-8") == after
    schema_command("--install")
    assert (tmp_path / SETTINGS).read_text(encoding="utf-8") == after, "the second time, nothing"


def test_line_ends_and_byte_order_mark_are_kept(
    schema_command: SchemaCommand, tmp_path: Path
) -> None:
    path = tmp_path / SETTINGS
    path.parent.mkdir()
    path.write_bytes('\ufeff{\r\n  "a": "größe"\r\n}\r\n'.encode())
    schema_command("--install")
    text = path.read_bytes().decode()
    assert text.startswith('\ufeff{\r\n  "a": "größe",\r\n  "yaml.schemas": {\r\n')
    assert "\n" not in text.replace("\r\n", "")


def test_a_link_stays_a_link_and_permissions_stay(
    schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    real = write("dotfiles/settings.json", "{}")
    real.chmod(0o640)
    (tmp_path / ".vscode").mkdir()
    (tmp_path / SETTINGS).symlink_to(real)
    schema_command("--install")
    assert (tmp_path / SETTINGS).is_symlink()
    assert "yaml.schemas" in real.read_text(encoding="utf-8")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


UNSAFE = {
    "no JSON": ("{ a: 1 }", "line 1 is not JSON with comments: no key in double quotes"),
    "a missing comma": ('{\n"a": 1\n"b": 2\n}', "line 3 is not JSON with comments: no comma"),
    "a missing colon": ('{"a" 1}', "no colon after a key"),
    "a value that is none": ('{"a": wine}', "`wine` is no value"),
    "two values": ("{} {}", "more than one value"),
    "an open brace": ('{"a": 1', "no comma between two values"),
    "an open comment": ('{"a": 1} /* b', "more than one value"),
    "a list": ("[]", "it is not an object of settings"),
    "a key given twice": ('{"a": 1,\n"a": 2}', "line 2 is not JSON with comments: `a` stands"),
    "other schemas of no kind": ('{"yaml.schemas": []}', "`yaml.schemas` in it is not an object"),
    "files of no kind": (f'{{"yaml.schemas": {{"{SCHEMA}": 1}}}}', "are not a list"),
    "brackets without end": ("[" * 100_000, "nested too deep"),
}


@pytest.mark.parametrize(("text", "reason"), UNSAFE.values(), ids=UNSAFE)
def test_settings_that_are_not_understood_are_left_alone_and_the_lines_are_shown(
    text: str, reason: str, schema_command: SchemaCommand, tmp_path: Path, write: Write
) -> None:
    path = write(SETTINGS, text)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    done = schema_command("--install")
    assert done.returncode == 2
    assert f"error: {SETTINGS} is left as it is: " in done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    _, _, shown = done.stderr.partition("add this to it yourself:\n")
    assert json.loads(f"{{{shown}}}") == {"yaml.schemas": {SCHEMA: USUAL}}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert sorted(files(tmp_path)) == [SCHEMA, SETTINGS], "the schema alone was written"


def test_settings_that_are_not_utf8_are_left_alone(
    schema_command: SchemaCommand, tmp_path: Path
) -> None:
    path = tmp_path / SETTINGS
    path.parent.mkdir()
    path.write_bytes('{"a": "größe"}'.encode("latin-1"))
    done = schema_command("--install")
    assert done.returncode == 2
    assert "it is not UTF-8 text" in done.stderr
    assert path.read_bytes() == '{"a": "größe"}'.encode("latin-1")


def test_a_place_that_cannot_be_written_to_is_said(
    schema_command: SchemaCommand, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(".vscode", "a file\n")
    done = schema_command("--install")
    assert done.returncode == 2
    assert f"error: {SETTINGS} is left as it is: " in done.stderr
    assert '"yaml.schemas"' in done.stderr
    write("home", "a file\n")
    monkeypatch.setenv("FLOWRUN_HOME", "home")
    done = schema_command("--install")
    assert done.returncode == 2
    assert "error: home/recipe.schema.json cannot be written: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--install", "nowhere"), "--install takes a folder, and nowhere is none"),
        (("--install", "demo.yaml"), "give recipes before --install"),
        (("--line",), "--line needs the recipes"),
        (("missing.yaml",), "missing.yaml: No such file"),
    ],
)
def test_a_command_that_cannot_be_meant_changes_nothing(
    arguments: tuple[str, ...],
    message: str,
    schema_command: SchemaCommand,
    tmp_path: Path,
    write: Write,
) -> None:
    write("demo.yaml", RECIPE)
    done = schema_command(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert sorted(files(tmp_path)) == ["demo.yaml"]
