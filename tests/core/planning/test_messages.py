"""What is said of options and wiring that do not fit: place, value found, value expected, hint."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowrun
from tests.core.problems import Parts, parts

STEPS = '''
"""Steps without torch, to plan with."""
from typing import Annotated, Literal
from flowrun import Meta, step

class Thing:
    """Nothing that a recipe can give."""

@step(outputs=("data", "names"))
def make(*, rows: Annotated[int, Meta(ge=1)] = 3, kind: Literal["even", "odd"] = "even",
         flag: bool = False, sizes: list[int] = [], rate: float = 0.5,
         table: dict[str, list[float]] = {}):
    """Make data."""

@step(outputs=())
def take(data):
    """Take data."""

@step(outputs=())
def need(*, train: Annotated[float, Meta(description="The share of it.")], other: int):
    """Need options."""

class Other:
    """Nor can it give this."""

@step(outputs=())
def keep(*, of: Thing = None):
    """Have an option of a class."""

@step(outputs=())
def either(*, of: Thing | Other = None):
    """Have an option of two classes, one of which a recipe would have to choose."""

@step(outputs=())
def pair(first=None, second=None):
    """Take two values."""

@step(outputs=lambda options: options.give, inputs=lambda options: options.take)
def rename(values, extra=None, *, take: list[str] = [], give: list[str] = []):
    """Give values other names."""

@step(outputs=lambda options: 1 / options.n)
def broken(*, n: int = 0):
    """Fail to name its outputs."""

@step(outputs=())
def bounded(*, low: int = 0, high: int = 1):
    """Have options that go together."""

@bounded.check_options
def _(options):
    raise ValueError("these do not go together")
'''

MAKE = "one of: rows, kind, flag, sizes, rate, table"
NAME = "letters, digits and `_`, and no word of Python such as True or lambda"
PLAIN = "str, int, float, bool, a Literal, or lists and dicts of these"
CHANGE = "change the annotation in the step, and make the object inside the step"


def problems(steps: str, rest: str = "") -> list[Parts]:
    """The problems of a recipe with these steps, which begin on line 4."""
    Path("steps.py").write_text(STEPS)
    Path("r.yaml").write_text(f"recipe: r\nplugins: [./steps.py]\nsteps:\n{steps}\n{rest}")
    with pytest.raises(flowrun.RecipeError) as caught:
        flowrun.plan("r.yaml")
    return [parts(problem, Path.cwd()) for problem in caught.value.problems]


def line_of(text: str) -> int:
    return STEPS[: STEPS.index(text)].count("\n")


@pytest.mark.parametrize(
    ("option", "column", "found", "expected", "hint"),
    [
        ("{flag: yes}", 16, "`yes` (a string)", "true or false",
         "write `true`; a recipe knows no other word for it"),
        ("{flag: 'Off'}", 16, "`Off` (a string)", "true or false",
         "write `false`; a recipe knows no other word for it"),
        ("{flag: maybe}", 16, "`maybe` (a string)", "true or false", None),
        ("{rows: yes}", 16, "`yes` (a string)", "a whole number >= 1", None),
        ("{rows: '1,5'}", 16, "`1,5` (a string)", "a whole number >= 1",
         "for a number write 1.5, without quotes, underscores or commas"),
        ("{rows: 1.5}", 16, "`1.5` (a number)", "a whole number >= 1", None),
        ("{rate: 50%}", 16, "`50%` (a string)", "a number", "for a fraction write 0.5"),
        ("{rate: a%}", 16, "`a%` (a string)", "a number", None),
        ("{rate: \u201c0.5\u201d}", 16, "`\u201c0.5\u201d` (a string)", "a number",
         "these are typographic quotation marks: write straight ones, or none for a number"),
        ("{rate: '1_000.5'}", 16, "`1_000.5` (a string)", "a number",
         "for a number write 1000.5, without quotes, underscores or commas"),
        ("{rate: '0.01,0.02'}", 16, "`0.01,0.02` (a string)", "a number",
         "a run takes one value: for several, give a command for each, 0.01 and then 0.02"),
        ("{kind: 'odd,even'}", 16, "`odd,even` (a string)", "one of: even, odd",
         "a run takes one value: for several, give a command for each, odd and then even"),
        ("{sizes: '3,4,5'}", 17, "`3,4,5` (a string)", "a list, each a whole number",
         "a list is written [3, 4, 5]"),
        ("{sizes: 3}", 17, "`3` (a whole number)", "a list, each a whole number",
         "a list of one is written `[3]`"),
        ("{sizes: {a: 1}}", 17, "a mapping with a", "a list, each a whole number", None),
        ("{sizes: [1, x]}", 21, "`x` (a string)", "a whole number", None),
        ("{sizes: [1, [2]]}", 21, "a list of 1", "a whole number", None),
        ("{kind: evn}", 16, "`evn` (a string)", "one of: even, odd", "did you mean `even`?"),
        ("{kind: 3}", 16, "`3` (a whole number)", "one of: even, odd", None),
    ],
)  # fmt: skip
def test_an_option_that_does_not_fit(
    option: str, column: int, found: str, expected: str, hint: str | None
) -> None:
    (name, *_) = option[1:].split(":")
    message = f"make: the option `{name}` does not fit"
    assert problems(f"- make: {option}") == [((4, column), message, found, expected, hint)]


@pytest.mark.parametrize(
    ("step", "column", "message", "found", "expected", "hint"),
    [
        ("make: 3", 9, "the options of make are a mapping", "`3` (a whole number)",
         "`make: {rows: 3}`", None),
        ("make: [1]", 9, "the options of make are a mapping", "a list of 1", "`make: {rows: ...}`",
         None),
        ("make: {rwos: 3}", 10, "make has no option `rwos`", None, MAKE, "did you mean `rows`?"),
        ("make: {far: 3}", 10, "make has no option `far`", None, MAKE,
         "`flowrun steps make` describes each of them"),
        ("make: {'rows:3': }", 10, "make has no option `rows:3`", None, MAKE,
         "a colon needs a space after it: write `rows: 3`"),
        ("make: {'size:3': }", 10, "make has no option `size:3`", None, MAKE,
         "did you mean `sizes`?"),
        ("keep: {of: 3}", 14, "keep: a recipe cannot give the option `of`, because of its type",
         f"steps.Thing (steps.py:{line_of('def keep')})", PLAIN, CHANGE),
        ("either: {of: 3}", 16,
         "either: a recipe cannot give the option `of`, because of its type",
         f"steps.Thing | steps.Other (steps.py:{line_of('def either')})", PLAIN, CHANGE),
        ("broken", 3, "broken cannot derive its outputs from its options: division by zero", None,
         None, f"see steps.py:{line_of('def broken')}"),
        ("bounded", 3, "bounded cannot check its options: these do not go together", None, None,
         f"see steps.py:{line_of('def bounded')}"),
        ("rename: {give: [x, x]}", 3, "rename: `x` is named twice", None,
         f"{NAME}, each name once", None),
        ("rename: {give: [a b]}", 3, "rename: `a b` is no name for a value", None,
         f"{NAME}, each name once", None),
        ("rename: {take: [b]}", 3, "rename needs `b`, and no step above it gives that", None,
         "one of the values given so far: none",
         "to take a value of another name: `in: {b: other_name}`"),
        ("{make: , in: 3}", 16, "`in` is a mapping", "`3` (a whole number)",
         "`{input: name in the recipe}`", None),
        ("{make: , out: [a]}", 17, "`out` is a mapping", "a list of 1",
         "`{data: name in the recipe}`", None),
        ("{make: , out: {date: a}}", 18, "make has no output `date`", None,
         "one of: data, names", "did you mean `data`?"),
        ("{make: , out: {data: null}}", 24, "the output `data` of make needs a name", None, None,
         None),
        ("{make: , out: {data: a b}}", 24, "`out` gives `data` no usable name",
         "`a b` (a string)", NAME, None),
        ("{make: , out: {data: [a]}}", 24, "`out` gives `data` no usable name", "a list of 1",
         NAME, None),
        ("{make: , out: {data: names}}", 4, "make would give two outputs the name `names`", None,
         None, "give one of the two another name, or let one have its own name"),
        ("{make: , out: {names: data}}", 25, "make would give two outputs the name `data`", None,
         None, "give one of the two another name, or let one have its own name"),
        ("{take: , in: {data: null}}", 23, "take needs its input `data`", None, None, None),
    ],
)  # fmt: skip
def test_a_step_that_does_not_fit(
    step: str, column: int, message: str, found: str | None, expected: str | None, hint: str | None
) -> None:
    assert problems(f"- {step}") == [((4, column), message, found, expected, hint)]


@pytest.mark.parametrize(
    ("steps", "place", "message", "expected", "hint"),
    [
        ("- {make: , out: {data: red}}\n- take", (5, 3),
         "take needs `data`, and no step above it gives that",
         "one of the values given so far: red, names",
         "steps that give it: `apply_encoding`, `load`, `make`, `shuffle`; put one above this "
         "step"),
        ("- make\n- {take: , in: {data: dta}}", (5, 23),
         "take needs `dta` (for its input `data`), and no step above it gives that",
         "one of the values given so far: data, names", "did you mean `data`?"),
        ("- make\n- take: {data: 3}", (5, 10), "take has no option `data`", "no options",
         "`data` is an input: wire it with `in: {data: other_name}` beside the step;\n    "
         "options are declared after a `*` in the step's function "
         f"(steps.py:{line_of('def take')})"),
        ("- make\n- take: {any: 3}", (5, 10), "take has no option `any`", "no options",
         "`flowrun steps take` describes each of them"),
        ("- make\n- take: {zoo: 3}", (5, 10), "take has no option `zoo`", "no options",
         "`flowrun steps take` describes each of them"),
        ("- make\n- take: {data: x}", (5, 10), "take has no option `data`", "no options",
         "`data` is an input: wire it with `in: {data: other_name}` beside the step"),
    ],
)  # fmt: skip
def test_a_step_below_another_that_does_not_fit(
    steps: str, place: tuple[int, int], message: str, expected: str, hint: str | None
) -> None:
    assert problems(steps) == [(place, message, None, expected, hint)]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ("", {"train": "a number", "other": "a whole number"}),
        ("{train:1000}", {"other": "a whole number"}),
        ("{tran: 1}", {"other": "a whole number"}),
        ("{far: 1}", {"train": "a number", "other": "a whole number"}),
    ],
)
def test_an_option_that_is_needed_is_missed_unless_it_is_probably_there_by_another_name(
    options: str, missing: dict[str, str]
) -> None:
    found = [one for one in problems(f"- need: {options}") if "needs" in one[1]]
    about = {"train": "The share of it.", "other": None}
    assert found == [
        ((4, 3), f"need needs the option `{name}`", None, f"{name}: {expected}", about[name])
        for name, expected in missing.items()
    ]


def test_what_is_expected_of_values_that_there_are_not() -> None:
    found = problems("- make", "expect: {date: {below: 1}, data: {}}")
    into = "a path into one of: data, names"
    checks = "below, above, between, equals, finite, golden, seeds, shape, dtype, device"
    assert found == [
        ((5, 10), "no step gives `date`, of which something is expected", None, into,
         "did you mean `data`?"),
        ((5, 28), "nothing is expected of `data`", None, f"at least one of: {checks}", None),
    ]  # fmt: skip


def test_an_optional_input_is_left_out_if_no_step_gives_it() -> None:
    Path("steps.py").write_text(STEPS)
    steps = ["make", {"rename": {"take": ["data", "far?"], "give": ["y"]}}]
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": steps}
    assert flowrun.plan(recipe).steps[1].wires.named == {"data": "data"}


def test_an_input_that_is_not_wanted_leaves_those_after_it_as_they_are() -> None:
    Path("steps.py").write_text(STEPS)
    pair = {"pair": {}, "in": {"first": None, "second": "names"}}
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": ["make", pair]}
    assert flowrun.plan(recipe).steps[1].wires.inputs == {"second": "names"}


def test_the_keys_beside_a_step_are_those_of_its_plan() -> None:
    Path("steps.py").write_text(STEPS)
    beside = {"device": "cuda:1", "dtype": "float64", "cache": False}
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{"make": {}, **beside}, "take"]}
    first, second = flowrun.plan(recipe).steps
    assert (first.device, first.dtype, first.cache) == ("cuda:1", "float64", False)
    assert (second.device, second.dtype, second.cache) == (None, None, None)
    assert (first.plugin, first.folder) == ("steps.py", Path.cwd())
