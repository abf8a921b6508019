"""The schema: what recipes fit it, and what it says of every step."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from flowrun.api import new_registry
from flowrun.expectations.checks import CHECKS
from flowrun.expectations.expectation import SETTINGS
from flowrun.plugins.steps import REQUIRED
from flowrun.recipes.keys import STEP_KEYS, TOP_KEYS
from tests.conftest import Flowrun
from tests.core.cli.schema.conftest import Document
from tests.test_house import HEAVY, modules_after

ROOT = Path(__file__).parents[4]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
# docs/mistakes.md shows recipes that are broken on purpose.
PAGES = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.stem != "mistakes"]
EXAMPLES = [
    pytest.param(text, id=f"{page.stem}-{text.splitlines()[0]}")
    for page in [*PAGES, ROOT / "README.md"]
    for text in re.findall(
        r"^```yaml\n(?:# file: [^\n]*\n)?(recipe:.*?)^```$",
        page.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
]
# The tutorial's, to show how mistakes are reported, and a teacher's with a hole for a number.
BROKEN_ON_PURPOSE = ("recipe: slips\n", "recipe: rate\n")
STEPS = {name: found[0][1] for name, found in new_registry().steps.items()}
OPTIONS = [
    pytest.param(step, option, id=f"{step.name}.{option.name}")
    for step in STEPS.values()
    for option in step.options
]
Problems = Callable[[object], list[str]]
Write = Callable[[str, str], Path]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_fits(path: Path, problems: Problems) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_recipe_of_the_documents_fits(text: str, problems: Problems) -> None:
    is_broken = text.startswith(BROKEN_ON_PURPOSE)
    assert bool(problems(text)) == is_broken, problems(text)


def test_the_documents_hold_recipes() -> None:
    assert len(EXAMPLES) > 20


def test_it_is_a_schema_of_the_draft_it_names(schema: Document) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_it_names_itself_and_says_what_it_is(schema: Document) -> None:
    assert schema["$id"] == "urn:flowrun:recipe"
    assert schema["title"] == "flowrun recipe"
    assert "recipe of flowrun" in schema["description"]


def test_it_is_printed_the_same_each_time(flowrun: Flowrun) -> None:
    first, second = (flowrun("schema", PYTHONHASHSEED=seed).stdout for seed in ("1", "2"))
    assert first == second


def test_it_has_every_key_of_the_language(schema: Document) -> None:
    assert list(schema["properties"]) == list(TOP_KEYS)
    mapping = schema["$defs"]["known-step"]["else"]["properties"]
    assert set(mapping) == {*STEPS, *STEP_KEYS}
    assert list(schema["$defs"]["checks"]["properties"]) == [*CHECKS, *SETTINGS]


@pytest.mark.parametrize("name", STEPS)
def test_it_holds_the_description_of_a_step(name: str, schema: Document) -> None:
    found = schema["$defs"][f"options.{name}"]
    assert found["description"] == STEPS[name].about
    assert found["markdownDescription"].startswith(STEPS[name].about)


@pytest.mark.parametrize(("step", "option"), OPTIONS)
def test_it_holds_the_description_and_the_default_of_an_option(
    step, option, schema: Document
) -> None:
    options = schema["$defs"][f"options.{step.name}"]["anyOf"][0]
    found = options["properties"][option.name]
    assert found["description"] == option.description
    if option.default is REQUIRED:
        assert option.name in options["required"]
        assert "default" not in found
    else:
        assert option.name not in options["required"]
        shown = list(option.default) if isinstance(option.default, tuple) else option.default
        assert found["default"] == shown


@pytest.mark.parametrize(("step", "option"), OPTIONS)
def test_a_reference_may_stand_for_any_option(step, option, problems: Problems) -> None:
    needed = [other.name for other in step.options if other.default is REQUIRED]
    options = dict.fromkeys([*needed, option.name], "${value}")
    assert problems({"recipe": "r", "steps": [{step.name: options}]}) == []


FITTING = {
    "a number with an exponent for a whole one": "- gd_train: {steps: 1e3}",
    "a reference within a list": '- init_params: {layers: ["${width}", 1]}',
    "a reference for all options": '- split: "${options}"',
    "a reference in the middle of a choice": '- init_params: {layers: [1], init: "xa${rest}"}',
    "a step without options and a colon": "- shuffle:",
    "a step without options and a reserved key": "- shuffle:\n    in: {data: red}",
    "every reserved key": "- shuffle:\n    id: mix-2\n    in: {data: a}\n    out: {data: b}\n"
    "    device: cuda:1\n    dtype: float64\n    cache: false",
    "references in reserved keys": '- shuffle:\n    id: "${a}"\n    in: "${b}"\n'
    '    out: {data: "${c}"}\n    device: "${d}"\n    dtype: "${e}"\n    cache: "${f}"',
    "an optional input left to its default": "- predict:\n    in: {mean: null}",
    "inputs and outputs that follow from options": "- cast: {a: int64}\n    in: {a: x}\n"
    "    out: {a: y}",
    "options of any name": "- tensor: {a: 1, b: [[1, 2], [3, 4]], dtype: int32}",
    "names and ids in other alphabets": "- shuffle:\n    id: größe\n    out: {data: größe}",
}


@pytest.mark.parametrize("lines", FITTING.values(), ids=FITTING)
def test_what_a_step_may_say_fits(lines: str, problems: Problems) -> None:
    assert problems(f"recipe: r\nsteps:\n  {lines}\n") == []


UNFITTING = {
    "null for an input that is needed": "- shuffle:\n    in: {data: null}",
    "an output that the step does not have": "- shuffle:\n    out: {rows: x}",
    "an id that begins with a digit": "- shuffle:\n    id: 2nd",
    "a value's name with a hyphen": "- shuffle:\n    in: {data: red-wine}",
    "a misspelt reserved key": "- shuffle:\n    devise: cpu",
    "reserved keys alone": "- id: mix",
    "a dtype of torch": "- shuffle:\n    dtype: torch.float32",
    "text for cache": "- shuffle:\n    cache: sometimes",
    "a bare name whose step needs options": "- split",
    "a reference with text beside it for a number": '- gd_train: {steps: "${n}0"}',
    "a number for a step": "- 5",
    "a list for options": "- split: [1000]",
}


@pytest.mark.parametrize("lines", UNFITTING.values(), ids=UNFITTING)
def test_what_a_step_may_not_say_does_not_fit(lines: str, problems: Problems) -> None:
    assert problems(f"recipe: r\nsteps:\n  {lines}\n") != []


TOP_FITTING = {
    "references": 'about: "${a}"\nseed: "${b}"\ndevice: "${c}"\nplugins: "${d}"\nneeds: "${e}"\n'
    'expect: "${f}"',
    "needs as one and nothing as vars": "needs: no cuda\nvars:",
    "needs as a list": "needs: [cuda, no mps]",
    "checks of values": "expect:\n  a: {equals: null}\n  b.c[-1]: {between: [0, 1e3]}\n"
    "  d[0, 2]: {equals: [1, 2], rtol: 0, atol: 1}\n  e: {shape: [], dtype: float32, device: cuda}",
    "references in checks": 'expect:\n  a: {below: "${b}", between: ["${c}", 2]}\n  d: "${e}"',
    "a step that must fail": "expect:\n  error: {step: shuffle, matches: shape}",
    "a value called error": "expect:\n  error: {below: 1}",
    "the fewest and the most seeds": "expect:\n  a: {seeds: 2, mean: {below: 1}}\n"
    "  b: {seeds: 10000, std: {above: 0}}",
    "nothing expected": "expect:",
}


@pytest.mark.parametrize("lines", TOP_FITTING.values(), ids=TOP_FITTING)
def test_what_a_recipe_may_say_fits(lines: str, problems: Problems) -> None:
    assert problems(f"recipe: r\n{lines}\nsteps: [shuffle]\n") == []


TOP_UNFITTING = {
    "an empty text": 'about: " "',
    "a seed beyond 63 bits": "seed: 9223372036854775808",
    "a fraction for a seed": "seed: 0.5",
    "a device by its brand": "device: nvidia",
    "a text for plugins": "plugins: ./my_steps.py",
    "an unknown need": "needs: [gpu]",
    "a list for vars": "vars: [a]",
    "a text for expect": "expect: good",
    "a check that a value cannot meet": "expect:\n  a: {equals: {b: 1}}",
    "a tolerance alone": "expect:\n  a: {rtol: 1}",
    "no check": "expect:\n  a: {}",
    "a negative tolerance": "expect:\n  a: {equals: 1, rtol: -1}",
    "three bounds": "expect:\n  a: {between: [1, 2, 3]}",
    "a path that is none": "expect:\n  a..b: {below: 1}",
    "one seed": "expect:\n  a: {seeds: 1, mean: {below: 1}}",
    "more seeds than can be": "expect:\n  a: {seeds: 10001, mean: {below: 1}}",
    "a statistic without seeds": "expect:\n  a: {mean: {below: 1}}",
    "seeds without a statistic": "expect:\n  a: {seeds: 20, below: 1}",
    "an error without its step": "expect:\n  error: {matches: shape}",
}


@pytest.mark.parametrize("lines", TOP_UNFITTING.values(), ids=TOP_UNFITTING)
def test_what_a_recipe_may_not_say_does_not_fit(lines: str, problems: Problems) -> None:
    assert problems(f"recipe: r\n{lines}\nsteps: [shuffle]\n") != []


def test_a_recipe_that_extends_another_may_leave_out_name_and_steps(problems: Problems) -> None:
    assert problems("extends: red_linear.yaml\n") == []
    assert problems("extends: red_linear.yaml\nsteps: []\n") == []
    assert problems("recipe: r\nsteps: []\n") != []


@pytest.mark.parametrize(
    "lines",
    [
        "remove: shuffle\nsteps: [load: {source: a}]",
        "remove: [shuffle, save]\nsteps: [load: {source: a}]",
        "steps: [{load: {source: a}, after: shuffle}]",
        "steps: [{load: {source: a}, before: shuffle}]",
        "steps: [load: {source: a}]\nexpect: {metrics.mae: null}",
        "steps: [load: {source: a}]\nexpect: {error: null}",
    ],
)
def test_only_a_recipe_that_extends_another_changes_its_steps(
    lines: str, problems: Problems
) -> None:
    assert problems(f"recipe: r\nextends: other.yaml\n{lines}\n") == []
    assert problems(f"recipe: r\n{lines}\n") != []


@pytest.mark.parametrize("key", ["plugins: [./my_steps.py]", "extends: other.yaml"])
def test_steps_of_other_plugins_fit_where_a_recipe_may_have_them(
    key: str, problems: Problems
) -> None:
    steps = "steps:\n  - press\n  - ferment: {days: 7, in: 5}\n    out: {wine: white}\n"
    assert problems(f"recipe: r\n{key}\n{steps}") == []
    assert problems(f"recipe: r\n{steps}") != []


@pytest.mark.parametrize(
    "line", ["- gd_train: {lrr: 1}", "- shuffle:\n    devise: cpu", "- split", "- id: a"]
)
def test_known_steps_are_held_to_their_options_in_a_recipe_with_plugins(
    line: str, problems: Problems
) -> None:
    assert problems(f"recipe: r\nplugins: [./my_steps.py]\nsteps:\n  {line}\n") != []


def test_printing_it_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['flowrun', 'schema']\n"
        "from flowrun.cli.main import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    assert not modules_after(code) & HEAVY
