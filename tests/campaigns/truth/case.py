"""An edit between two runs: the files, what is changed, and whether the result then differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from textwrap import dedent, indent
from typing import Any

RECIPE = "recipe: r\nplugins: [./steps.py]\nsteps:\n  - measure\n"
Variables = tuple[Mapping[str, str], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One edit, tried in processes of their own and in one living process.

    files: texts by name; `recipe.yaml` is that of one step `measure` if none is given.
    made: code that makes further files; `N` in it is 1 before the edit, and 2 at it.
    edit: code that makes the edit; if there is none, `made` makes it with its other number.
    variables: those set before, and those set from the edit on. folders: the current ones, too.
    cells: code that is run in `__main__` before each run, as a notebook's; the edit then is, too.
    differs: whether the result does. The campaign computes it, and this must be right.
    settles: whether the files are old enough for their stamps to count before the first run.
    keeps: steps that must be kept though the result differs.
    needless: why a step is called again though nothing differs; for those that are known.
    unseen: why the edit cannot be seen; for those that are known, and documented.
    """

    kind: str
    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    made: str = ""
    edit: str = ""
    variables: Variables = ({}, {})
    folders: tuple[str, str] = (".", ".")
    cells: str = ""
    differs: bool = True
    settles: bool = False
    keeps: tuple[str, ...] = ()
    needless: str = ""
    unseen: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"

    def as_dict(self) -> dict[str, Any]:
        """All of it, with the recipe."""
        plain = asdict(self)
        recipe = RECIPE.replace("./steps.py", "__main__") if self.cells else RECIPE
        plain["files"] = {"recipe.yaml": recipe, **self.files}
        return plain


def measuring(expression: str, top: str = "", options: str = "") -> str:
    """The text of a file of steps with one step, `measure`.

    expression: what it returns, or its body if that has a `return` itself. top: what stands above
    it. options: its parameters.
    """
    body = dedent(expression).strip()
    body = body if "return " in body else f"return {body}"
    above = dedent(top).strip()
    return (
        f'from flowrun import step\n{above}\n\n\n@step(outputs="y")\n'
        f'def measure({options}) -> object:\n    """Measure."""\n{indent(body, "    ")}\n'
    )
