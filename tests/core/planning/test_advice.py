"""What is advised if steps stand in a wrong order, or a value in a wrong form."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowrun
from tests.core.problems import Parts, parts

STEPS = '''
"""Steps without torch, to plan with."""
from typing import Annotated, Literal
from flowrun import Meta, step

@step(outputs=("data", "names"))
def make():
    """Make data."""

@step(outputs=())
def take(data):
    """Take data."""

@step(outputs=())
def name(**named: Annotated[str, Meta(extra={"words": "an expression"})]):
    """Take values by name."""

@step(outputs="metrics")
def choose(*, of: tuple[Literal["mae", "accuracy"], ...] = ("mae", "accuracy")):
    """Choose some of several."""

@step(outputs=("low", "high"))
def parts(data):
    """Divide data."""

@step(outputs=("low", "high"))
def scale(low, high):
    """Take two values, and give them again."""

@step(outputs="data")
def mix(data):
    """Put data into another order."""

@step(outputs="other")
def make2():
    """Make another value."""
'''


def problems(steps: str, rest: str = "") -> list[Parts]:
    """The problems of a recipe with these steps, which begin on line 4."""
    Path("steps.py").write_text(STEPS)
    Path("r.yaml").write_text(f"recipe: r\nplugins: [./steps.py]\nsteps:\n{steps}\n{rest}")
    with pytest.raises(flowrun.RecipeError) as caught:
        flowrun.plan("r.yaml")
    return [parts(problem, Path.cwd()) for problem in caught.value.problems]


def test_a_name_that_stands_alone_is_meant_as_a_list_of_one() -> None:
    message = "the options of name are a list or a mapping"
    found = ((4, 9), message, "`kwh` (a string)", "`name: [kwh]`", None)
    assert problems("- name: kwh") == [found]


def test_a_choice_in_a_list() -> None:
    known = "one of: mae, accuracy"
    message = "choose: the option `of` does not fit"
    alone = (
        (4, 16),
        message,
        "`mae` (a string)",
        "a list, each one of: accuracy, mae",
        "a list of one is written `[mae]`",
    )
    assert problems("- choose: {of: mae}") == [alone]
    unknown = ((4, 17), message, "`mape` (a string)", known, "did you mean `mae`?")
    assert problems("- choose: {of: [mape]}") == [unknown]
    twisted = ((4, 17), message, "`mea` (a string)", known, "did you mean `mae`?")
    assert problems("- choose: {of: [mea]}") == [twisted]
    number = ((4, 17), message, "`3` (a whole number)", known, None)
    assert problems("- choose: {of: [3]}") == [number]


def test_an_option_has_the_words_of_its_annotation() -> None:
    message = "name: the option `a` does not fit"
    assert problems("- name: {a: [1]}") == [
        ((4, 13), message, "a list of 1", "an expression", None)
    ]


def test_values_that_a_step_further_down_gives() -> None:
    steps = "- scale\n- make\n- parts\n- take: {}\n  in: {data: low}"
    message = "scale needs `low` and `high`, and no step above it gives them"
    given = "one of the values given so far: none"
    hint = "`parts` (line 6) gives them: move it above"
    assert problems(steps) == [((4, 3), message, None, given, hint)]


def test_a_value_that_only_the_step_itself_and_one_below_give() -> None:
    message = "scale needs `high`, and no step above it gives that"
    given = "one of the values given so far: data, names, low"
    found = ((6, 3), message, None, given, "`parts` (line 8) gives it: move it above")
    steps = (
        "- make\n- {make: {}, id: m2, out: {data: low}}\n- scale\n- {scale: {}, id: s2}\n- parts"
    )
    assert problems(steps)[0] == found


def notes(*steps: object, expect: object = None) -> list[str]:
    Path("steps.py").write_text(STEPS)
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [*steps], "expect": expect or {}}
    return [note.partition(": ")[2] for note in flowrun.plan(recipe).notes]


def test_a_step_whose_taker_stands_above_it_is_noted() -> None:
    said = (
        "no step takes what `mix` gives: `parts` stands above it and took the `data` before; "
        "move `mix` above `parts` if it is for it"
    )
    assert notes("make", "parts", "mix", "scale") == [said]
    assert notes("make", "mix", "parts", "scale") == []
    assert notes("make", "parts", "mix", "take") == []
    assert notes("make", "parts", "mix", {"parts": {}, "id": "p2"}) == []
    assert notes("make", "take", "mix", "make2") == []  # `take` gives nothing: it looks at it
    assert notes("make", "parts", "mix", "scale", expect={"data": {"shape": [3]}}) == []


def test_a_key_of_a_value_that_is_expected_without_its_value() -> None:
    expect = "expect: {accuracy: {above: 1}}"
    (found,) = problems("- choose", expect)
    assert found[1] == "no step gives `accuracy`, of which something is expected"
    assert found[-1] == "did you mean `metrics.accuracy`?"
