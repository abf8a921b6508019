"""Options whose parts are in another order, at which the step looks."""

from __future__ import annotations

from tests.campaigns.truth.case import RECIPE, Case, measuring


def _case(name: str, given: str, parameter: str, asked: str, *, differs: bool = True) -> Case:
    files = {
        "recipe.yaml": RECIPE.replace("measure", f"measure: {given}"),
        "steps.py": measuring(asked, options=parameter),
    }
    edit = "change('recipe.yaml', 'a: 1, b: 2', 'b: 2, a: 1')"
    return Case(kind="options", name=name, files=files, edit=edit, differs=differs)


CASES = [
    _case("the order of a dict", "{w: {a: 1, b: 2}}", "*, w: dict[str, int]", "' '.join(w)"),
    _case("the order of a dict in a list", "{w: [{a: 1, b: 2}]}", "*, w: list[dict[str, int]]",
          "' '.join(w[0])"),
    _case("the order of options of any name", "{a: 1, b: 2}", "**named: int", "' '.join(named)"),
    _case("the order of options that are declared", "{a: 1, b: 2}", "*, a: int, b: int", "a - b",
          differs=False),
]  # fmt: skip
