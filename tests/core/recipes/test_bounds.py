"""How large and how deep a recipe may be, to the last value and level."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun import RecipeError, load_recipe
from flowrun.errors import nearest, suggestions_bounded
from flowrun.recipes.reading import MOST_DEPTH, plain
from flowrun.values.paths import parse_path


def read(text: str) -> object:
    """The variables of a recipe."""
    Path("r.yaml").write_text(text)
    return {name: plain(node) for name, node in load_recipe("r.yaml").vars.items()}


def refused(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        read(text)
    (problem,) = caught.value.problems
    return problem.message


HEAD = "recipe: r\nsteps: [a]\nvars:\n  "
TOO_DEEP = "nested deeper than 64 levels"


def test_values_are_nested_in_64_levels_and_no_more() -> None:
    inside = MOST_DEPTH - 2  # the recipe and its variables are two
    for begin, end in (("[", "]"), ("{b: ", "}")):
        read(f"{HEAD}a: {begin * inside}1{end * inside}\n")
        assert refused(f"{HEAD}a: {begin * (inside + 1)}1{end * (inside + 1)}\n") == TOO_DEEP


def test_an_alias_is_as_deep_as_what_it_stands_for() -> None:
    half = "[" * 31 + "&x [1]" + "]" * 31
    for more, fits in ((60, True), (61, False)):
        text = f"{HEAD}a: {half}\n  b: {'[' * more}*x{']' * more}\n"
        if fits:
            read(text)
        else:
            assert refused(text) == TOO_DEEP


# With 72 ones and the recipe's own, these are 100,000 values and keys.
LISTS = "a: &a [" + "0," * 1000 + "]\n  b: &b [" + "0," * 100 + "]\n"
ALIASES = "*a," * 97 + "*b," * 17


def test_a_recipe_has_100_000_values_and_keys_those_of_aliases_among_them() -> None:
    read(f"{HEAD}{LISTS}  c: [{ALIASES}{'1,' * 72}]\n")
    message = "more than 100,000 nodes (values and keys, aliases expanded)"
    assert refused(f"{HEAD}{LISTS}  c: [{ALIASES}{'1,' * 73}]\n") == message


def test_strings_of_python_are_read_as_they_are() -> None:
    texts = ["\u2028", "\x85", "\ufeff", "\x7f", "a\nb", '"', "${", "~", "1", "é"]
    given = {f"v{number}": text for number, text in enumerate(texts) if text != "${"}
    recipe = load_recipe({"recipe": "r", "steps": ["a"], "vars": given})
    assert {name: plain(node) for name, node in recipe.vars.items()} == given


def test_a_path_of_python_is_read_as_a_string() -> None:
    recipe = load_recipe({"recipe": "r", "steps": [{"a": {"source": Path("x") / "y.csv"}}]})
    options = recipe.steps[0].options
    assert options is not None
    assert plain(options) == {"source": "x/y.csv"}


@pytest.mark.parametrize(("start", "digit"), [("", "9"), ("-", "9"), ("0x", "f"), ("0o", "7")])
def test_a_number_has_at_most_400_characters(start: str, digit: str) -> None:
    longest = start + digit * (400 - len(start))
    assert isinstance(read(f"{HEAD}a: {longest}\n")["a"], int)
    message = "a number of 401 characters: no number of a recipe is that long"
    assert refused(f"{HEAD}a: {longest}{digit}\n") == message


def test_aliases_stand_for_at_most_16_mib_of_text() -> None:
    text = f"{HEAD}a: &a {'x' * 2**19}\n  b: "
    read(f"{text}[{'*a,' * 32}]\n")
    message = "the aliases stand for more than 16,777,216 characters"
    assert refused(f"{text}[{'*a,' * 33}]\n") == message


def test_a_chain_of_references_may_be_of_any_length() -> None:
    chain = "\n  ".join(f'v{n}: "${{v{n + 1}}}"' for n in range(5_000))
    assert read(f"{HEAD}{chain}\n  v5000: 7\n")["v0"] == 7


def test_with_its_references_a_value_is_nested_in_64_levels_and_no_more() -> None:
    for more, fits in ((30, True), (31, False)):
        text = f"{HEAD}a: {'[' * 33}1{']' * 33}\n  b: {'[' * more}'${{a}}'{']' * more}\n"
        if fits:
            read(text)
        else:
            message = "with its references this is nested deeper than 64 levels"
            assert refused(text) == message


def test_a_text_has_no_nul() -> None:
    message = "a text with the character U+0000, which no name and no path can have"
    assert refused(f'{HEAD}a: "x\\0y"\n') == message


def chain_of_recipes(count: int, more: str = "") -> None:
    """Write recipes, each of which extends the next."""
    for number in range(count - 1):
        text = f"recipe: r\nextends: x{number + 1}.yaml\n{more}"
        Path(f"x{number}.yaml").write_text(text)
    Path(f"x{count - 1}.yaml").write_text("recipe: r\nsteps: [a]\n")


def test_a_chain_has_at_most_64_recipes() -> None:
    chain_of_recipes(64)
    assert [step.id for step in load_recipe("x0.yaml").steps] == ["a"]
    chain_of_recipes(65)
    with pytest.raises(RecipeError, match="a chain of more than 64 recipes"):
        load_recipe("x0.yaml")


def test_a_chain_has_at_most_1_mib_together() -> None:
    chain_of_recipes(5, "# " + "x" * 2**18 + "\n")
    with pytest.raises(RecipeError, match="have more than 1 MiB together"):
        load_recipe("x0.yaml")


def test_20_problems_are_printed_and_all_are_there() -> None:
    for count, more in ((20, ""), (25, "\n\nand 5 more")):
        Path("r.yaml").write_text(f"recipe: r\nsteps: [a]\nneeds: [{'x,' * count}]\n")
        with pytest.raises(RecipeError) as caught:
            load_recipe("r.yaml")
        assert len(caught.value.problems) == count
        assert str(caught.value).count("`needs` is not known") == 20
        assert str(caught.value).endswith(more)


def test_a_problem_is_cut_after_5_000_characters_of_a_text() -> None:
    name = "v" * 6_000
    Path("r.yaml").write_text(f"recipe: r\nsteps: [a]\nvars: {{a: '${{{name}}}'}}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("r.yaml")
    assert "v... (6,0" in str(caught.value)
    assert name not in str(caught.value)
    assert name in caught.value.problems[0].message


def test_a_name_is_compared_with_1_000_known_ones_and_all_with_20_000() -> None:
    known = [f"v{number:04}" for number in range(3_000)]
    assert nearest("v0999x", known) == "v0999"
    assert nearest("w2999x", known) != "v2999"
    with suggestions_bounded():
        found = [nearest(f"x{number:04}", known) for number in range(25)]
    assert [one is not None for one in found] == [True] * 20 + [False] * 5
    assert nearest("x0000", known) is not None  # the bound is that of the block


def test_a_long_name_is_compared_with_none() -> None:
    assert nearest("v" * 100, ["v" * 99]) == "v" * 99
    assert nearest("v" * 101, ["v" * 99]) is None


def test_a_step_after_a_step_after_a_step_and_so_on() -> None:
    Path("x.yaml").write_text("recipe: r\nsteps: [{a: , id: s0}]\n")
    steps = "".join(f"\n  - {{a: , id: s{n}, after: s{n - 1}}}" for n in range(1, 3_000))
    Path("r.yaml").write_text(f"recipe: r\nextends: x.yaml\nsteps:{steps}\n")
    assert [step.id for step in load_recipe("r.yaml").steps] == [f"s{n}" for n in range(3_000)]


def test_a_position_in_a_path_has_at_most_18_digits() -> None:
    assert parse_path(f"a[{'9' * 18}]").flat == [10**18 - 1]
    with pytest.raises(ValueError, match=r"stops being a path at character 2"):
        parse_path(f"a[{'9' * 19}]")
