"""Options that a program gives are taken as those of a recipe's text, also NumPy's numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flowrun

STEPS = """
from flowrun import step

@step(outputs="seen")
def see(*, by: float = 1.0, times: int = 1, sizes: list[int] = [], flag: bool = False,
        text: str = ""):
    return [by, times, sizes, flag, text]
"""
GIVEN = {
    "float64": ("by", np.float64(0.5), 0.5),
    "float32": ("by", np.float32(0.1), float(np.float32(0.1))),
    "int64": ("times", np.int64(3), 3),
    "uint8": ("times", np.uint8(3), 3),
    "bool": ("flag", np.bool_(True), True),
    "array": ("sizes", np.array([1, 2]), [1, 2]),
    "numbers in a list": ("sizes", [np.int32(1), 2], [1, 2]),
    "range": ("sizes", range(3), [0, 1, 2]),
    "tuple": ("sizes", (1, 2), [1, 2]),
    "infinity": ("by", math.inf, math.inf),
    "minus infinity": ("by", -math.inf, -math.inf),
    "nan": ("by", math.nan, math.nan),
    "NumPy's infinity": ("by", np.float32(np.inf), math.inf),
    "a text of that name": ("text", 'NaN "Infinity" \\ -Infinity', 'NaN "Infinity" \\ -Infinity'),
}


@pytest.mark.parametrize("what", GIVEN)
@pytest.mark.parametrize("how", ["mapping", "set"])
def test_a_value_is_taken_as_the_one_that_a_recipe_writes(
    tmp_path: Path, what: str, how: str
) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    name, given, wanted = GIVEN[what]
    options: dict[str, Any] = {name: given} if how == "mapping" else {}
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{"see": options}]}
    settings = {f"see.{name}": given} if how == "set" else {}
    seen = flowrun.run(recipe, set=settings, record=False).values["seen"]
    found = seen[["by", "times", "sizes", "flag", "text"].index(name)]
    assert type(found) is type(wanted)
    assert found == wanted or found != found


@pytest.mark.parametrize("given", [np.datetime64("2020-01-01"), np.complex64(1j), object(), {1}])
def test_what_no_recipe_can_write_is_refused(tmp_path: Path, given: object) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{"see": {"by": given}}]}
    with pytest.raises(flowrun.RecipeError, match="cannot stand in a recipe"):
        flowrun.run(recipe, record=False)
