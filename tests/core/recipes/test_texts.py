"""Which YAML files are recipes, by their text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.recipes.texts import holds_recipe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recipe: r\nsteps: [a]\n", True),
        ("'recipe': r\n'steps': [a]\n", True),
        ('"recipe" : r\n"steps" : [a]\n', True),
        ("# about\nsteps:\n  - a\nrecipe:\tr\n", True),
        ("\ufeffrecipe: r\nextends: a.yaml\n", True),
        ("recipe: r\r\nsteps:\r\n  - a\r\n", True),
        ("recipe: r\nstep: [a]\n", True),  # a recipe with a mistake
        ("recipe: r\nStpes: [a]\n", True),
        ("recipe: r\nextend: a.yaml\n", True),
        ("recipe: r\nexpect: {a: {above: 1}}\n", True),
        ("recipe: r\n", False),
        ("recipe: r\ntests: [a]\n", False),
        ("recipe: r\nsetup: a\n", False),
        ("recipe: r\nstages: [a]\n", False),
        ("Recipe: r\nsteps: [a]\n", False),
        ("recipe: r\nabout: Pancakes.\nservings: 4\n", False),
        ("recipe: full_finetune\nmodel: {_component_: x}\n", False),
        ("recipe:\n  name: lib\nbuild: {number: 0}\n", False),
        ("recipe:\nsteps: [a]\n", True),
        ("recipe:\nextends: a.yaml\n", True),
        ("recipe:\n  steps: [a]\n", False),  # a mapping of something else
        ("recipe: # none\n", False),
        ("recipe:r\n", False),
        ("steps: [a]\n", False),
        ("my_recipe: r\n", False),
        (" recipe: r\n", False),
        ("a: 1\n  recipe: r\nsteps: [b]\n", False),
        ("", False),
        ('{"recipe": "r", "steps": []}', True),
        ('{"recipe": "r"}', False),
        ('\n {"steps": [], "recipe": "r"}', True),
        ('{"steps": ["recipe"]}', False),
        ('{"a": {"recipe": "r"}}', False),
        ('{"recipe": "r"', False),
        ("{recipe", False),
        ('["recipe"]', False),
    ],
)
def test_a_recipe_is_known_by_its_text(text: str, expected: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert holds_recipe(path) == expected


def test_a_file_that_cannot_be_read_is_no_recipe(tmp_path: Path) -> None:
    assert not holds_recipe(tmp_path / "none.yaml")
    assert not holds_recipe(tmp_path)


def test_what_stands_beyond_a_mebibyte_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("steps: []\n" + "#" * (2**20 - 20) + "\nrecipe: r\n")
    assert holds_recipe(path)
    path.write_text("steps: []\n" + "#" * (2**20 - 16) + "\nrecipe: r\n")
    assert not holds_recipe(path)
