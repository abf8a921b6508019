"""The YAML language server of VS Code, driven as by an editor, with what `--install` prints."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.core.cli.schema.language_client import LanguageClient, Message
from tests.core.cli.schema.yaml_server import ROOT, server_command

pytestmark = pytest.mark.campaign
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))


class Editor:
    """An editor with a project folder open, in which flowrun's schema is installed."""

    def __init__(self, folder: Path, client: LanguageClient) -> None:
        self.folder = folder
        self._client = client
        self._count = 0

    def open(self, text: str, name: str | None = None) -> Document:
        """Open a document; `|` in the text is where the cursor is."""
        self._count += 1
        path = self.folder / (name or f"recipes/recipe_{self._count}.yaml")
        before, _, after = text.partition("|")
        line, character = before.count("\n"), len(before) - before.rfind("\n") - 1
        return Document(self._client, self._client.open(path, before + after), (line, character))


class Document:
    """A document that is open in the editor, and its cursor."""

    def __init__(self, client: LanguageClient, uri: str, cursor: tuple[int, int]) -> None:
        self._client = client
        self._uri = uri
        self._cursor = cursor

    def completions(self) -> dict[str, Message]:
        """What may stand at the cursor, by label."""
        return self._client.completions(self._uri, *self._cursor)

    def hover(self) -> str:
        """What is said of the text at the cursor."""
        return self._client.hover(self._uri, *self._cursor)

    def problems(self) -> list[tuple[int, int, str]]:
        """What is wrong: line and column, counted from 1, and the message."""
        found = self._client.diagnostics(self._uri)
        starts = [item["range"]["start"] for item in found]
        return sorted(
            (start["line"] + 1, start["character"] + 1, item["message"])
            for start, item in zip(starts, found, strict=True)
        )


def flowrun(folder: Path, *arguments: str) -> str:
    """What the command line prints in a folder."""
    environment = {key: value for key, value in os.environ.items() if key[:8] != "FLOWRUN_"}
    done = processes.run(["-m", "flowrun", *arguments], cwd=folder, env=environment, timeout=60)
    done.check_returncode()
    return done.stdout


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    command = server_command()
    folder = tmp_path_factory.mktemp("my project")
    _, _, pasted = flowrun(folder, "schema", "--install").partition("settings.json:\n")
    installed = json.loads(f"{{{pasted}}}")
    settings: dict[str, Any] = {"schemas": installed["yaml.schemas"]}
    settings |= {"validate": True, "completion": True, "hover": True}
    settings |= {"schemaStore": {"enable": False}, "kubernetesCRDStore": {"enable": False}}
    client = LanguageClient(command, folder, {"yaml": settings, "http": {}, "editor": {}})
    try:
        editor = Editor(folder, client)
        # Before its settings have come, a server finds nothing wrong with anything.
        client.wait_for_diagnostics(client.open(folder / "recipes/first.yaml", "nothing: right\n"))
        yield editor
    finally:
        client.close()


HEAD = "recipe: demo\nsteps:\n  - load: {source: wine-red}\n"


def documentation(item: Message) -> str:
    text = item["documentation"]
    return text["value"] if isinstance(text, dict) else text


def test_the_options_of_a_step_are_completed_with_their_descriptions(editor: Editor) -> None:
    found = editor.open(f"{HEAD}  - gd_train:\n      lr: 0.01\n      |\n").completions()
    names = "steps loss batch_size tolerance optimizer momentum nesterov weight_decay schedule"
    assert set(found) == {*names.split(), "validate", "patience", "engine", "epochs", "clip_norm"}
    said = documentation(found["loss"])
    assert "The loss to minimize, a mean over rows." in said
    assert "one of: binary_cross_entropy, cross_entropy, huber, mae, mse (default `mse`)" in said
    assert found["steps"]["insertText"] == "steps: ${1:1000}", "the default is put in"


def test_inside_braces_an_option_is_completed_from_its_first_letter(editor: Editor) -> None:
    found = editor.open(f"{HEAD}  - split: {{train: 1000, t|}}\n").completions()
    assert set(found) == {"targets"}
    assert "how many last ones, or their names" in documentation(found["targets"])


def test_steps_and_the_keys_beside_them_are_completed(editor: Editor) -> None:
    found = editor.open(f"{HEAD}  - |\n").completions()
    assert {"split", "shuffle", "gd_train", "id", "in", "out", "cache"} <= set(found)
    assert documentation(found["shuffle"]).startswith("Put the rows into a random order.")
    assert found["shuffle"]["insertText"] == "shuffle: "


def test_the_choices_of_an_option_are_completed(editor: Editor) -> None:
    found = editor.open(f"{HEAD}  - init_params:\n      layers: [1]\n      init: |\n").completions()
    assert {"kaiming", "randn", "xavier"} <= set(found)


def test_the_inputs_of_a_step_are_completed(editor: Editor) -> None:
    found = editor.open(f"{HEAD}  - predict:\n    in:\n      |\n").completions()
    assert set(found) == {"params", "model", "mean", "std"}


def test_the_keys_of_a_recipe_and_the_checks_of_a_value_are_completed(editor: Editor) -> None:
    assert {"about", "seed", "vars", "expect"} <= set(editor.open(f"{HEAD}|\n").completions())
    found = editor.open(f"{HEAD}expect:\n  data:\n    |\n").completions()
    assert {"below", "above", "between", "equals", "shape", "rtol"} <= set(found)


@pytest.mark.campaign(every=2)
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("- sp|lit: {train: 1000}", "Divide a table into features and targets"),
        ("- split: {tr|ain: 1000}", "Rows to train on: how many, or which fraction."),
        ("- split: {train: 9, tar|gets: score}", "how many last ones, or their names."),
        ("- load: {source: a, sha|256: b}", "The checksum an https address must have"),
        ("- gd_train:\n      lr: |0.1", "Learning rate.\n\na number > 0 (default `0.01`)"),
        ('- gd_train: {batch_|size: "${rows}"}', "Rows of one update, in random order"),
        ("- shuf|fle", "Put the rows into a random order."),
        ("- shuffle:\n    ca|che: true", "Whether the bytes of the step's values are stored"),
    ],
)
def test_what_the_cursor_is_on_is_described(line: str, said: str, editor: Editor) -> None:
    shown = editor.open(f"{HEAD}  {line}\n").hover()
    assert said in shown
    assert "||" not in shown, "as one thing, not as alternatives"


WRONG = {
    "a misspelt option": (
        "- split: {train: 1000, target: 1}",
        26,
        "Property target is not allowed",
    ),
    "a misspelt step": ("- gd_trian: {lr: 0.01}", 5, "Property gd_trian is not allowed"),
    "a misspelt bare step": ("- shufle", 5, 'Value must be "cast" | '),
    "an option left out": ("- split: {targets: 1}", 5, 'Missing property "train"'),
    "a bare step that needs options": ("- split", 5, "this step needs options"),
    "a number out of bounds": ("- gd_train: {lr: -0.01}", 20, "below the exclusive minimum of 0"),
    "a word for a number": ("- gd_train: {steps: many}", 23, 'Expected "integer'),
    "an unknown choice": (
        "- gd_train: {loss: l2}",
        22,
        'Valid values: "cross_entropy", "huber", "mae", "mse"',
    ),
    "a misspelt input": ("- shuffle: {}\n    in: {date: red}", 10, "Property date is not allowed"),
}


@pytest.mark.campaign(every=2)
@pytest.mark.parametrize(("lines", "column", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_marked_where_it_stands(
    lines: str, column: int, said: str, editor: Editor
) -> None:
    number = 4 + lines.count("\n")
    ((line, start, message),) = editor.open(f"{HEAD}  {lines}\n  - normalize\n").problems()
    assert (line, start) == (number, column)
    assert said in message


def test_two_steps_under_one_dash_are_told_of_the_dash(editor: Editor) -> None:
    found = editor.open(f"{HEAD}    shuffle:\n").problems()
    assert [line for line, _, _ in found] == [3, 4]
    assert all("needs its own dash" in message for _, _, message in found)


def test_a_misspelt_key_of_the_recipe_is_marked(editor: Editor) -> None:
    assert editor.open(f"{HEAD}expct: {{}}\n").problems() == [
        (4, 1, "Property expct is not allowed.")
    ]


@pytest.mark.parametrize("key", ["plugins: [./my_steps.py]", "extends: other.yaml"])
def test_steps_of_other_plugins_are_not_marked(key: str, editor: Editor) -> None:
    text = f"recipe: demo\n{key}\nsteps:\n  - press\n  - ferment: {{days: 7}}\n  - split: {{}}\n"
    assert editor.open(text).problems() == [(6, 5, 'Missing property "train".')]


def test_nothing_is_marked_in_the_shipped_recipes(editor: Editor) -> None:
    opened = {
        path.name: editor.open(path.read_text(encoding="utf-8").replace("|", "¦"))
        for path in RECIPES
    }
    assert {name: found for name, one in opened.items() if (found := one.problems())} == {}


def test_files_of_other_places_are_let_alone(editor: Editor) -> None:
    assert editor.open("services: {}\n", "compose.yaml").problems() == []


def test_a_recipe_elsewhere_is_checked_by_the_line_it_holds(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.yaml"
    path.write_text("recipe: demo\nsteps:\n  - split: {trian: 5}\n", encoding="utf-8")
    flowrun(editor.folder, "schema", "--install", str(path))
    found = editor.open(path.read_text(encoding="utf-8"), str(path)).problems()
    assert (4, 13, "Property trian is not allowed.") in found
