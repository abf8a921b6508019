"""Recipes of one step that makes values, and of one for each that says what it can tell of it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.core.store.conftest import World

_STEPS = """

def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs=[NAMES])
def make():
    called("make")
    return [VALUES]

@step(outputs="seen")
def look(t, *, n: int = 1):
    called("look")
    return seen_of(t)
"""


def write_recipe(
    folder: Path, preamble: str, codes: list[str], *, is_looked_at: bool = True
) -> Path:
    """Write a recipe whose values are `t0`, `t1`, ..., kept, and what is seen of them `seen0`, ...

    preamble: the beginning of the steps' file, which imports `step` and defines `seen_of`.
    codes: the expression of each value.
    """
    names = [f"t{number}" for number in range(len(codes))]
    steps = _STEPS.replace("NAMES", ", ".join(map(repr, names)))
    (folder / "steps.py").write_text(preamble + steps.replace("VALUES", ", ".join(codes)))
    looks = [
        {"look": {"n": "${n}"}, "id": f"look{number}", "in": {"t": name},
         "out": {"seen": f"seen{number}"}} for number, name in enumerate(names)
    ]  # fmt: skip
    planned = [{"make": {}, "cache": True}, *(looks if is_looked_at else [])]
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "vars": {"n": 1}, "steps": planned}
    path = folder / "r.yaml"
    path.write_text(json.dumps(recipe))
    return path


CHANGING = """
@step(outputs="value")
def make_value():
    return VALUE


@step(outputs="done")
def change(value):
    CHANGE
    return 1
"""


def require_unkept(world: World, reason: str) -> None:
    """The first step says why its value is not kept, and both steps run in the next run as well."""
    result, _ = world.run()
    messages = result.record["steps"][0]["messages"]
    assert any(reason in text for text in messages), messages
    assert {"make", "look"} <= set(world.called())
