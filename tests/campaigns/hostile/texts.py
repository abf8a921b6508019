"""Control and direction characters and line breaks in recipes: shown escaped, no false line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.world import World

# Clears the screen, writes the title, overwrites the line, colours, reverses, hides.
OBEYED = (
    "\x1b[2J\x1b[31m\x1b]0;t\x07\r\x08\x7f\x9b31m\u061c\u202eX\u2066\u2028\u200b\ufeff\U000e0041"
)
# Lines that flowrun itself would print.
FALSE = (
    "\n  expect        FORGED 2: met\nerror: FORGED\n    found     FORGED\nwarning: FORGED\nFORGED"
)
BAD = f"z{OBEYED}{FALSE}"
ESCAPED = (
    r"z\\x1b\[2J\\x1b\[31m\\x1b\]0;t\\x07\\r\\x08\\x7f\\x9b31m\\u061c\\u202eX\\u2066\\u2028\\u200b"
)
ONE_LINE = ESCAPED + r"\\ufeff\\U000e0041\\n  expect        FORGED"
NEVER = (
    r"(?m)^ {0,6}(expect +|error: |warning: |found +)?FORGED",  # flowrun's own have 4 at most
    "[\u200b\ufeff\U000e0041\ud800-\udfff]",
)

TENSOR: dict[str, Any] = {"tensor": {"a": [1.5, 2]}}
MET = {"a[0]": {"equals": 1.5}}


def attempt(
    name: str,
    prepare: Callable[[World], object],
    *commands: Sequence[str],
    says: Sequence[str] = (ONE_LINE,),
    never: Sequence[str] = (),
    **more: Any,
) -> Attempt:
    """An attempt of this group; the text is shown, on one line unless `says` has another form."""
    return Attempt(
        group="texts", name=name, prepare=prepare, commands=commands, says=says,
        never=[*NEVER, *never], **more,
    )  # fmt: skip


def recipe(document: dict[str, Any]) -> Callable[[World], object]:
    """A recipe, as JSON, in which each character of a text is written as an escape."""
    text = json.dumps(document).replace(r"\udb40\udc41", r"\U000e0041")  # YAML has no pairs
    return lambda world: world.write("r.yaml", text)


def _of(**more: Any) -> dict[str, Any]:
    return {"recipe": "r", "steps": [TENSOR], **more}


# By place: a recipe that cannot run, as a text in it is wrong.
_REFUSED: dict[str, dict[str, Any]] = {
    "a key of the recipe": {**_of(), BAD: 1},
    "a tag": _of(tags=[BAD]),
    "what it needs": _of(needs=[BAD]),
    "the device": _of(device=BAD),
    "the dtype": _of(dtype=BAD),
    "the seed": _of(seed=BAD),
    "a step's name": _of(steps=[{BAD: {"a": 1}}]),
    "a step that is one word": _of(steps=[BAD]),
    "a step's id": _of(steps=[{**TENSOR, "id": BAD}]),
    "a key beside a step": _of(steps=[{**TENSOR, BAD: 1}]),
    "the name of a value": _of(steps=[{"tensor": {BAD: [1.5]}}]),
    "the name of an option": _of(steps=[TENSOR, {"random": {"b": [2], BAD: 1}}]),
    "the value of an option": _of(steps=[{"load": {"source": "d.csv", "header": BAD}}]),
    "an expression": _of(steps=[TENSOR, {"compute": {"b": BAD}}]),
    "a value to show": _of(steps=[TENSOR, {"show": [BAD]}]),
    "an input of a step": _of(steps=[TENSOR, {"shuffle": {}, "in": {"data": BAD}}]),
    "a reference to a variable": _of(vars={"b": 1}, steps=[{"tensor": {"a": "${" + BAD + "}"}}]),
    "a variable of the environment": _of(steps=[{"tensor": {"a": "${env." + BAD + "}"}}]),
    "a path that is expected": _of(expect={BAD: {"equals": 1}}),
    "a check": _of(expect={"a": {BAD: 1}}),
    "the bound of a check": _of(expect={"a": {"below": BAD}}),
    "a shape that is expected": _of(expect={"a": {"shape": BAD}}),
    "the recipe it extends": {"recipe": "r", "extends": BAD},
    "a plugin": _of(plugins=[BAD]),
    "a plugin's file": _of(plugins=[f"./{BAD}.py"]),
    "a data file": _of(steps=[{"load": {"source": f"./{BAD}.csv"}}]),
    "a data set": _of(steps=[{"load": {"source": BAD}}]),
    "a delimiter": _of(steps=[{"load": {"source": "d.csv", "delimiter": BAD}}]),
}


def _shown(**more: Any) -> dict[str, Any]:
    return {"recipe": BAD, "about": BAD, "section": BAD, "steps": [TENSOR], "expect": MET, **more}


# By command: one that shows the name of a recipe that can run.
_COMMANDS: dict[str, list[list[str]]] = {
    "a run": [["r.yaml"]],
    "a run that keeps its steps": [["r.yaml"], ["r.yaml"]],
    "a quiet run": [["r.yaml", "-q", "--set", "expect.a[0].equals=3"]],
    "a run of a part": [["r.yaml", "--until", "tensor"]],
    "check": [["check", "r.yaml"]],
    "explain": [["explain", "r.yaml"]],
    "graph as mermaid": [["graph", "r.yaml", "--no-shapes"]],
    "graph as DOT": [["graph", "r.yaml", "--no-shapes", "--format", "dot"]],
    "runs": [["r.yaml", "-q"], ["runs"]],
    "runs of the recipe": [["r.yaml", "-q"], ["runs", "--recipe", "r.yaml"]],
    "a run's page": [["r.yaml", "-q"], ["show", "last"]],
    "a difference of runs": [["r.yaml", "-q"], ["r.yaml", "-q", "--seed", "3"],
                             ["diff", "last~1", "last"]],
    "a run that is not there": [["r.yaml", "-q"], ["show", "zzz"]],
    "several recipes": [["r.yaml", "r.yaml"]],
    "the store": [["r.yaml", "-q"], ["store"]],
}  # fmt: skip
_ESCAPED_TWICE = r"z\\+x1b\[2J"  # in DOT a backslash is escaped itself
_OF_COMMANDS = {
    "graph as mermaid": [r"z.{0,4}#?\d*;?x1b"],
    "graph as DOT": [_ESCAPED_TWICE],
    "the store": ["records of steps"],
}
_JSON = {
    "a run": [["r.yaml", "--json"]],
    "runs": [["r.yaml", "-q"], ["runs", "--json"]],
    "a run's record": [["r.yaml", "-q"], ["show", "last", "--json"]],
    "check": [["check", "r.yaml", "--json"]],
    "a recipe that is refused": [["r.yaml", "--json", "--set", "seed=${v}"]],
    "a difference": [["r.yaml", "-q"], ["r.yaml", "-q", "--set", "vars.v=1"],
                     ["diff", "last~1", "last", "--json"]],
}  # fmt: skip
_IN_JSON = (
    r"z\\u001b\[2J\\u001b\[31m\\u001b\]0;t\\u0007\\r\\(b|u0008)\\u007f\\u009b31m\\u061c\\u202eX"
    r"\\u2066\\u2028\\u200b\\ufeff"
)


def _raw(text: str) -> Callable[[World], object]:
    return lambda world: world.write("r.yaml", text)


_HEAD = "recipe: r\nsteps:\n  - tensor: {a: [1.5, 2]}\n"
# Texts whose line is quoted: the mark stands below the place, whatever stands before it.
_QUOTED = {
    "reversed text before the mistake": (
        _HEAD + "expect: {'\u202e\u2066': 1, a: {equalz: 1}}\n",
        r"4 \| expect: \{'\\u202e\\u2066': 1, a: \{equalz: 1\}\}\n    \| {33}\^\n    expected  one",
    ),
    "a tag without a picture": (
        _HEAD + "expect: {a: {equalz: 1}} # \U000e0041\u200b\n",
        r"4 \| expect: \{a: \{equalz: 1\}\} # \\U000e0041\\u200b\n    \| {14}\^\n",
    ),
    "an end of line that only YAML has": (
        _HEAD + "about: 'x\u2028  expect FORGED'\nexpect: {a: {equalz: 1}}\n",
        r"r.yaml:6:14: .*\n  6 \| expect: \{a: \{equalz: 1\}\}\n    \| {14}\^\n",
    ),
    "a control character that no YAML has": (
        _HEAD + "about: '\x1b[2J'\n",
        "control character 0x1b",
    ),
    "a character of C1": (_HEAD + "about: '\x9b31m'\n", "control character 0x9b"),
    "a half of a pair": (_HEAD + 'about: "\\ud800"\nx: 1\n', r"r.yaml:"),
}

ATTEMPTS = [
    *(
        attempt(f"{place} of a recipe that is refused", recipe(document), ["r.yaml"], codes=(2,),
                says=[r"\\x1b\[2J|character U\+001B"])
        for place, document in _REFUSED.items()
    ),
    *(
        attempt(f"the name of a recipe in {name}", recipe(_shown()), *commands,
                says=_OF_COMMANDS.get(name, [ESCAPED]))
        for name, commands in _COMMANDS.items()
    ),
    *(
        attempt(f"a text in the JSON of {name}", recipe(_shown(vars={"v": BAD})), *commands,
                says=[_IN_JSON])
        for name, commands in _JSON.items()
    ),
    *(
        attempt(f"{name} in a line that is quoted", _raw(text), ["r.yaml"], says=[says])
        for name, (text, says) in _QUOTED.items()
    ),
]  # fmt: skip
