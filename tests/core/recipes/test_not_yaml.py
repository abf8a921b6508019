"""Text that is no YAML: the place, what is wrong there, and what to do, of each kind of slip."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowrun

SPACES = "YAML is indented with spaces; this line holds a tab"
QUOTES = "inside { } a key or a value with brackets or commas of its own needs quotes"
COLON = "a colon and a space inside a text need quotes"
NEXT = "a `,` or a `}` is expected here"
COLON_HERE = "a colon with a space after it cannot stand here"

SLIPS = [
    ("steps: [load\n", (2, 8), "this `[` is not closed", "end it with `]`"),
    ("steps:\n  - load: {source: a\n", (3, 11), "this `{` is not closed", "end it with `}`"),
    ("about: 'a\n", (2, 8), "this quotation mark is not closed", "end the text with '"),
    ('about: "a\n', (2, 8), "this quotation mark is not closed", 'end the text with "'),
    ("steps:\n\t- load\n", (3, 1), "a tab for indentation", SPACES),
    ("about: @x\n", (2, 8), "a value cannot begin with `@`", "put the value in quotes"),
    ("expect: {x: ${y}}\n", (2, 14), NEXT, 'write a reference in quotes: "${y}"'),
    ("expect: {x[-1]: {c: 1}}\n", (2, 11), NEXT, QUOTES),
    ("expect: {x[-1]: {}\n", (2, 11), NEXT, QUOTES),
    ("expect: {a: b: c}\n", (2, 14), NEXT, None),
    ("about: a: b\n", (2, 9), COLON_HERE, COLON),
    ("about: a: ${b}\n", (2, 9), COLON_HERE, COLON),
    ("about: a: [{b}]\n", (2, 9), COLON_HERE, COLON),
    ("steps:\n  - a\n b\n", (4, 2), "a key of the mapping above", "is the line indented as"),
    ('about: "a\\qb"\n', (2, 10), "no such escape", "use single quotes, or `/`"),
    ("seed:1\n", (2, 1), "neither `key: value` nor `- item`", "after the colon: `seed: ...`"),
]


@pytest.mark.parametrize(("text", "place", "message", "hint"), SLIPS, ids=repr)
def test_a_slip_is_named_at_its_place_with_what_to_do(
    text: str, place: tuple[int, int], message: str, hint: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"recipe: r\n{text}", encoding="utf-8")
    with pytest.raises(flowrun.RecipeError) as caught:
        flowrun.load_recipe(path)
    (problem,) = caught.value.problems
    assert problem.mark is not None
    assert (problem.mark.line + 1, problem.mark.column + 1) == place
    assert problem.message.startswith("not YAML: ")
    assert message in problem.message
    assert (hint is None) == (problem.hint is None), problem.hint
    assert hint is None or hint in str(problem.hint)


def test_a_recipe_without_steps_is_named_at_its_name(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("# mine\nrecipe: r\n", encoding="utf-8")
    with pytest.raises(flowrun.RecipeError) as caught:
        flowrun.load_recipe(path)
    (problem,) = caught.value.problems
    assert problem.message == "the recipe has no steps"
    assert problem.mark is not None
    assert (problem.mark.line, problem.mark.column) == (1, 0)
