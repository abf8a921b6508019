"""The schema as the command line prints it, and a validator that is not flowrun's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flowrun.cli.main import main
from flowrun.errors import Source
from flowrun.recipes.reading import parse, plain
from tests import processes

Document = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """What came of a command, named as subprocess names it."""

    returncode: int
    stdout: str
    stderr: str


SchemaCommand = Callable[..., Done]


def document(text: str) -> object:
    """A recipe's text as data, by YAML 1.2; None where it is no YAML."""
    root = parse(Source("recipe.yaml", text), [])
    return None if root is None else plain(root)


def printed_schema(*arguments: str) -> Document:
    """What `flowrun schema` prints."""
    done = processes.run(["-m", "flowrun", "schema", *arguments], timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder: what it holds, and when it was written."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def schema() -> Document:
    """The schema with the installed plugins' steps."""
    return printed_schema()


@pytest.fixture(scope="session")
def validator(schema: Document) -> Draft202012Validator:
    return Draft202012Validator(schema)


@pytest.fixture(scope="session")
def problems(validator: Draft202012Validator) -> Callable[[object], list[str]]:
    """Where a recipe does not fit the schema, and why."""

    def problems_of(recipe: object) -> list[str]:
        data = document(recipe) if isinstance(recipe, str) else recipe
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]

    return problems_of


@pytest.fixture
def schema_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> SchemaCommand:
    """Run `flowrun schema` through the console script's own function, without a new process."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr("sys.argv", ["flowrun", "schema", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        shown, complaint = capsys.readouterr()
        return Done(int(end.value.code or 0), shown, complaint)

    return run
