"""The schema with steps of one's own: those of a recipe's plugins, or of `-p`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Flowrun
from tests.core.cli.schema.conftest import SchemaCommand, document

OWN_LOAD = """
from flowrun import step

@step(outputs="data")
def load(*, bars: int = 1):
    'Load bars.'
    return bars
"""
Write = Callable[[str, str], Path]

PRESS = """
from typing import Annotated, Literal
import decimal
from flowrun import Meta, step

class Grapes:
    pass

@step(outputs="must")
def press(
    *,
    kilos: Annotated[float, Meta(gt=0, description="Of grapes.")],
    rounds: tuple[int, Literal["slow", "fast"]] = (1, "slow"),
    names: set[str] = frozenset({"riesling", "silvaner", "kerner"}),
    limit: float = float("inf"),
    price: decimal.Decimal = decimal.Decimal(2),
    kind: Grapes = Grapes(),
    odd: int | Grapes = 3,
):
    '''Press grapes.

    Which takes its time.
    '''
    return kilos
"""
VINEYARD = "recipe: vineyard\nplugins: [./press.py]\nsteps:\n  - press: {kilos: 1}\n"


@pytest.mark.parametrize("arguments", [("-p", "press.py"), ("vineyard.yaml",)])
def test_the_steps_of_a_named_plugin_are_in_it(
    arguments: tuple[str, ...], schema_command: SchemaCommand, write: Write
) -> None:
    write("press.py", PRESS)
    write("vineyard.yaml", VINEYARD)
    done = schema_command(*arguments)
    assert done.returncode == 0, done.stderr
    validator = Draft202012Validator(json.loads(done.stdout))

    def fits(options: str) -> bool:
        text = VINEYARD.replace("{kilos: 1}", options)
        return validator.is_valid(document(text))

    assert fits("{kilos: 1}")
    assert fits('{kilos: 1, rounds: ["${n}", fast], names: [a, a], price: 1.5}')
    assert not fits("{kilos: 0}")
    assert not fits("{}")
    assert not fits("{kilos: 1, kilo: 2}")
    assert not fits("{kilos: 1, rounds: [1, never]}")
    assert not fits("{kilos: 1, kind: red}"), "a recipe cannot give an object"
    assert not fits("{kilos: 1, odd: 4}"), "flowrun refuses such a union as well"


def test_it_says_of_defaults_what_a_recipe_could_say_and_always_the_same(
    flowrun: Flowrun, write: Write
) -> None:
    write("press.py", PRESS)
    first, second = (
        flowrun("schema", "-p", "press.py", PYTHONHASHSEED=seed).stdout for seed in ("1", "2")
    )
    assert first == second
    options = json.loads(first)["$defs"]["options.press"]["anyOf"][0]["properties"]
    defaults = {name: option["default"] for name, option in options.items() if "default" in option}
    assert defaults == {
        "rounds": [1, "slow"],
        "names": ["kerner", "riesling", "silvaner"],
        "price": "2",
        "odd": 3,
    }


def test_a_plugin_that_fails_is_an_error_of_the_command(
    schema_command: SchemaCommand, write: Write
) -> None:
    write("press.py", "import nothing_of_this_name\n")
    write("vineyard.yaml", VINEYARD)
    done = schema_command("vineyard.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "`press.py` (a local file) failed to load" in done.stderr


def test_a_step_that_two_plugins_give_has_the_names_of_its_plugins(
    schema_command: SchemaCommand, write: Write
) -> None:
    write("press.py", PRESS)
    write("other.py", PRESS)
    done = schema_command("-p", "press.py", "-p", "other.py")
    definitions = json.loads(done.stdout)["$defs"]
    assert "options.press" not in definitions
    assert {"options.press.press", "options.other.press", "options.split"} <= definitions.keys()


@pytest.mark.parametrize(
    ("item", "fits"),
    [
        ({"load": {"bars": 2}}, True),
        ({"own.load": {"bars": 2}}, True),
        ({"tensors.load": {"source": "wine-red"}}, True),
        ({"tensors.split": {"train": 2}}, True),
        ("tensors.shuffle", True),
        ("own.load", True),
        ({"tensors.load": {"bars": 2}}, False),
        ({"load": {"source": "wine-red"}}, False),
        ("tensors.load", False),
        ("tensor.shuffle", False),
        ({"tensors.nothing": {}}, False),
    ],
)
def test_a_step_of_ones_own_with_the_name_of_a_built_in(
    schema_command: SchemaCommand, write: Write, item: object, *, fits: bool
) -> None:
    write("own.py", OWN_LOAD)
    schema = json.loads(schema_command("-p", "own.py").stdout)
    assert Draft202012Validator(schema).is_valid({"recipe": "r", "steps": [item]}) is fits
