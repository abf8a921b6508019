"""`${...}`: its value, its mistakes with their places, and how much references may expand to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from flowrun import RecipeError, load_recipe
from flowrun.recipes.reading import plain
from tests.core.problems import parts

RECIPE = """\
recipe: r
vars: {train: 1, many: [1, 2], deep: {x: {y: 3}}, text: 'x${train}', quoted: '01'}
steps:
  - s: {a: %s}
"""


def value(written: str) -> object:
    """The value of an option that is written so."""
    Path("r.yaml").write_text(RECIPE % written)
    recipe = load_recipe("r.yaml")
    options = recipe.steps[0].options
    assert options is not None
    found = plain(options)
    assert isinstance(found, dict)
    return found["a"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'${many[0]}'", 1),
        ("'${many[-2]}'", 1),
        ("'${ train }'", 1),
        ("'${deep.x}'", {"y": 3}),
        ("'a ${deep.x.y}'", "a 3"),
        ("'${quoted}-'", "01-"),
        ("'${train}${train}'", "11"),
        ("'<${train}>'", "<1>"),
        ("'${text}'", "x1"),
        ("'${text}${text}'", "x1x1"),
        ("'$${train}'", "${train}"),
        ("'$${train} ${train}'", "${train} 1"),
        ("'$train'", "$train"),
        ("['${train}', {b: '${text}'}]", [1, {"b": "x1"}]),
    ],
)
def test_a_reference_is_replaced(written: str, expected: object) -> None:
    found = value(written)
    assert found == expected
    assert type(found) is type(expected)


NO_END = "end the reference with `}`, or write `$${` for the characters themselves"
A_NAME = "a name from `vars`: `${name}`"
NAMES = "one of: train, many, deep, text, quoted"


@pytest.mark.parametrize(
    ("written", "column", "message", "found", "expected", "hint"),
    [
        ("'${trian}'", 13, "`${trian}` refers to a variable that `vars` does not have", "`trian`",
         NAMES, "did you mean `train`?"),
        ("'b ${nope} c'", 15, "`${nope}` refers to a variable that `vars` does not have", "`nope`",
         NAMES, None),
        ("'${rows'", 13, "`${` without its `}`", None, None, NO_END),
        ("'a ${train} ${rows'", 15, "`${` without its `}`", None, None, NO_END),
        ("'a ${many}'", 15, "`${many}` cannot stand inside a text", "a list of 2",
         "a single value", None),
        ("'${many[2]}'", 13, "`${many[2]}` leads nowhere: `2` is not in it", "a list of 2", None,
         None),
        ("'${many[-3]}'", 13, "`${many[-3]}` leads nowhere: `-3` is not in it", "a list of 2", None,
         None),
        ("'${many.x}'", 13, "`${many.x}` leads nowhere: `x` is not in it", "a list of 2", None,
         None),
        ("'${deep.x.z}'", 13, "`${deep.x.z}` leads nowhere: `z` is not in it", "a mapping with y",
         None, None),
        ("'${deep.x.y.z}'", 13, "`${deep.x.y.z}` leads nowhere: `z` is not in it",
         "`3` (a whole number)", None, None),
        ("'${}'", 13, "`` does not begin with a name", "`${}`", A_NAME, None),
        ("'x ${a b}'", 15, "`a b` stops being a path at character 2 (` b`)", "`${a b}`", A_NAME,
         None),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_a_problem_at_its_place(
    written: str, column: int, message: str, found: str | None, expected: str | None,
    hint: str | None,
) -> None:  # fmt: skip
    with pytest.raises(RecipeError) as caught:
        value(written)
    (problem,) = caught.value.problems
    assert parts(problem, Path.cwd()) == ((4, column), message, found, expected, hint)


def test_a_reference_on_a_further_line_of_a_text_is_named_at_the_text() -> None:
    with pytest.raises(RecipeError) as caught:
        value("\n      >\n      b\n      ${nope}")
    (problem,) = caught.value.problems
    assert problem.mark is not None
    assert problem.mark.line == 4


def read(variables: Mapping[str, object], options: Sequence[object]) -> None:
    load_recipe({"recipe": "r", "vars": variables, "steps": [{"s": {"a": options}}]})


# With a recipe's own values and 27 ones, these are 200,000: twice what a recipe may have itself.
NESTED = {"a": [0] * 99, "b": ["${a}"] * 10, "c": ["${b}"] * 10}
EXPANDING = ["${c}"] * 18 + ["${b}"] * 8 + ["${a}"] * 6


def test_references_expand_to_200_000_values_and_no_more() -> None:
    read(NESTED, EXPANDING + [1] * 27)
    with pytest.raises(RecipeError, match="expand to too many values") as caught:
        read(NESTED, EXPANDING + [1] * 28 + ["${c}"])
    assert len(caught.value.problems) == 1, "the problem is reported once"
    with pytest.raises(RecipeError, match="expand to too many values"):
        read(NESTED, EXPANDING + [1] * 28)


HALF = "x" * (1 << 19)


def test_a_text_has_at_most_a_mebibyte() -> None:
    read({"half": HALF}, ["${half}${half}"])
    with pytest.raises(RecipeError, match="a text of more than 1 MiB"):
        read({"half": HALF}, ["${half}${half}."])


def test_all_texts_have_at_most_sixteen_times_that() -> None:
    read({"half": HALF}, ["${half}${half}"] * 16)
    with pytest.raises(RecipeError, match="expand to too much text") as caught:
        read({"half": HALF}, ["${half}${half}"] * 16 + ["${half}."] * 3)
    assert len(caught.value.problems) == 1
