"""Plain scalars are read by the core schema of YAML 1.2."""

from __future__ import annotations

import math

import pytest

from flowrun import RecipeError, load_recipe


def read(text: str) -> object:
    """The value of a scalar as a recipe's variable."""
    recipe = load_recipe(
        {"recipe": "r", "vars": {"value": 0}, "steps": ["load"]}, set=[f"vars.value={text}"]
    )
    return recipe.vars["value"].value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), (".5", 0.5), ("1.", 1.0), ("-2.5e+3", -2500.0),
        ("+7", 7), ("007", 7), ("0o17", 15), ("0x1F", 31), (".inf", math.inf), ("-.Inf", -math.inf),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("no", "no"), ("on", "on"), ("off", "off"), ("yes", "yes"), ("1_000", "1_000"),
        ("1:30", "1:30"), ("2026-11-24", "2026-11-24"), ("0b11", "0b11"),
        ("'1e-3'", "1e-3"), ('"true"', "true"), ("1e", "1e"), (".", "."), ("=", "="),
    ],
)  # fmt: skip
def test_scalar(text: str, value: object) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number() -> None:
    found = read(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


def test_a_number_of_absurd_length_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(RecipeError, match="5000 characters"):
        load_recipe({"recipe": "r", "steps": ["load"]}, set=[f"seed={'9' * 5000}"])
