"""What a recipe says of a golden value: how far the value may be from it, by kind of device."""

from __future__ import annotations

import math
from typing import Any

from flowrun.errors import Problem, did_you_mean, listed
from flowrun.recipes.devices import KINDS
from flowrun.recipes.nodes import Entry, Mapping, Node, Scalar, described, plain

GOLDEN = "golden"
TOLERANCES = ("rtol", "atol")
_EXAMPLE = "nothing, or `{rtol: 1e-5, atol: 1e-6, cuda: {rtol: 1e-3}}`"


def read_golden(node: Node, problems: list[Problem]) -> dict[str, Any]:
    """The options of `golden`: `rtol` and `atol`, and the same by kind of device."""
    if isinstance(node, Scalar) and node.value is None:
        return {}
    if not isinstance(node, Mapping):
        problems.append(Problem("`golden` does not fit", node.mark, described(node), _EXAMPLE))
        return {}
    options: dict[str, Any] = {}
    for name, entry in node:
        if name in KINDS and isinstance(entry.value, Mapping):
            options[name] = {
                key: _tolerance(key, item, TOLERANCES, problems) for key, item in entry.value
            }
        elif name in KINDS:
            expected = "`{rtol: 1e-3, atol: 1e-4}`"
            found = described(entry.value)
            problems.append(Problem(f"`{name}` does not fit", entry.value.mark, found, expected))
        else:
            options[name] = _tolerance(name, entry, (*TOLERANCES, *KINDS), problems)
    return options


def _tolerance(name: str, entry: Entry, known: tuple[str, ...], problems: list[Problem]) -> Any:
    value: Any = plain(entry.value)
    if name not in known:
        hint = did_you_mean(name, known)
        message = f"`{name}` says nothing of a golden value"
        expected = f"one of: {listed(known)}"
        problems.append(Problem(message, entry.key.mark, expected=expected, hint=hint))
    elif not (is_number(value) and value >= 0):
        mark, found = entry.value.mark, described(entry.value)
        problems.append(Problem(f"`{name}` does not fit", mark, found, "a number of at least 0"))
    return value


def is_number(value: Any) -> bool:
    """Whether a value is a number that can be compared: no truth value, and not `nan`."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and not math.isnan(value)
