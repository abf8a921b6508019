"""A recipe's text is read whole: positions, duplicate keys, tags, and bounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowrun import Problem, RecipeError, load_recipe

Write = Callable[[str, str], Path]
HEAD = "recipe: r\nsteps: [load]\n"


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return caught.value.problems


def test_a_problem_points_at_line_and_column_and_shows_the_line(write: Write) -> None:
    (problem,) = problems(write("r.yaml", "recipe: r\nsteps: [load]\nsed: 3\n"))
    assert str(problem).splitlines() == [
        "r.yaml:3:1: `sed` is not a key of a recipe",
        "  3 | sed: 3",
        "    | ^",
        "    expected  one of: recipe, about, extends, remove, seed, device, dtype, vars, "
        "plugins, section, needs, tags, steps, expect",
        "    did you mean `seed`?",
    ]


def test_all_errors_come_at_once(write: Write) -> None:
    text = "recipe: [1]\nseed: -4\ndevice: gpu\ndtype: float31\nsteps: [load, {}]\ncolour: red\n"
    found = problems(write("r.yaml", text))
    assert sorted(problem.mark.line for problem in found if problem.mark) == [0, 1, 2, 3, 4, 5]


def test_a_duplicate_key_names_both_lines(write: Write) -> None:
    (problem,) = problems(write("r.yaml", HEAD + "seed: 1\nseed: 2\n"))
    assert "line 3" in str(problem)
    assert "r.yaml:4:1" in str(problem)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!str", "!own", "!"])
def test_a_tag_is_an_error_and_constructs_nothing(write: Write, tag: str) -> None:
    (problem,) = problems(write("r.yaml", f"{HEAD}about: {tag} x\n"))
    assert "tags are not part" in problem.message


def test_an_alias_gives_the_anchored_value(write: Write) -> None:
    text = "recipe: r\nvars: {a: &x [1, 2], b: *x}\nsteps: [load]\n"
    recipe = load_recipe(write("r.yaml", text))
    assert recipe.vars["a"] == recipe.vars["b"]


BOMB = "recipe: r\nvars:\n  a0: &a0 [x, x]\n" + "".join(
    f"  a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
)
VARS_BOMB = "recipe: r\nvars:\n  a0: [x, x]\n" + "".join(
    f"  a{n}: ['${{a{n - 1}}}', '${{a{n - 1}}}']\n" for n in range(1, 40)
)
TEXT_BOMB = "recipe: r\nvars:\n  a0: xxxxxxxx\n" + "".join(
    f"  a{n}: '${{a{n - 1}}}${{a{n - 1}}}'\n" for n in range(1, 60)
)
MANY_TEXTS = "recipe: r\nvars:\n  a: " + "x" * 100_000 + "\n  b: [" + "'<${a}>'," * 50_000 + "]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "more than 100,000 nodes"),
        (VARS_BOMB, "expand to too many values"),
        (TEXT_BOMB, "more than 1 MiB"),
        (MANY_TEXTS, "expand to too much text"),
        ("recipe: " + "[" * 500_000, "deeper than 64"),
        ("recipe: " + "{a: " * 200_000, "deeper than 64"),
        ("- " * 500_000, "deeper than 64"),
        ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 900)), "deeper than 64"),
        ("recipe: [" + "1," * 500_000 + "]", "more than 100,000 nodes"),
        ("recipe: r\n# " + "x" * (1 << 20), "at most 1 MiB"),
        ("recipe: &a [*a]", "not complete above"),
        ("recipe: '" + "x" * 1_000_000, "not YAML"),
    ],
    ids=["aliases", "references", "text", "texts", "lists", "mappings", "dashes", "indents",
         "items", "bytes", "itself", "quote"],
)  # fmt: skip
def test_a_recipe_beyond_the_bounds_is_refused_within_a_second(
    write: Write, text: str, message: str
) -> None:
    path = write("r.yaml", text)
    start = time.process_time()
    found = problems(path)
    assert time.process_time() - start < 1
    assert message in "\n".join(map(str, found))
    assert len(str(found[0])) < 2000


def test_a_recipe_at_the_bounds_is_read(write: Write) -> None:
    items = ", ".join("x" for _ in range(99_900))
    recipe = load_recipe(write("r.yaml", f"recipe: r\nsteps: [load]\nvars: {{a: [{items}]}}\n"))
    assert len(recipe.vars["a"].items) == 99_900


def test_a_byte_order_mark_is_no_part_of_the_text(write: Write) -> None:
    assert load_recipe(write("r.yaml", "\ufeff" + HEAD)).name == "r"


def test_a_mapping_from_python_keeps_strings_apart_from_numbers() -> None:
    recipe = load_recipe({"recipe": "r", "vars": {"a": "1e-3", "b": 1e-3}, "steps": ["load"]})
    assert [node.value for node in recipe.vars.values()] == ["1e-3", 0.001]


def test_a_mapping_with_a_value_no_recipe_can_hold_is_refused() -> None:
    with pytest.raises(RecipeError, match="object"):
        load_recipe({"recipe": "r", "steps": [{"load": {"source": object()}}]})
