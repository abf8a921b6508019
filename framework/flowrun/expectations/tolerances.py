"""`rtol` and `atol`: how far a number may be from the wanted one, and from a golden one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from flowrun.errors import Problem
from flowrun.recipes.keys import Schema, misfit
from flowrun.recipes.reading import Node, plain
from flowrun.values.codecs import is_number

_NUMBER: Schema = {"type": "number", "minimum": 0}
TOLERANCES: dict[str, Schema] = {
    "rtol": {"description": "The relative difference allowed.", **_NUMBER},
    "atol": {"description": "The absolute difference allowed.", **_NUMBER},
}

# rtol and atol of torch.testing.assert_close.
USUAL = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_SMALL = 0.01  # numbers below it are written with a power of ten
ELSEWHERE = 10  # times that on another kind of device, whose kernels add up in another order


def read_tolerance(name: str, node: Node, problems: list[Problem]) -> float | None:
    """A tolerance; None (and a problem) if it is not a number of at least 0."""
    value = plain(node)
    if isinstance(value, (int, float)) and is_number(value) and value >= 0:
        return value
    problems.append(misfit(name, node, "a number of at least 0"))
    return None


def within(rtol: float | None, atol: float | None) -> str:
    """What tolerances allow, as the line of a result says it: ` within 1e-4`; nothing for none."""
    parts = [_short(atol)] if atol is not None else []
    parts += [f"rtol {_short(rtol)}"] if rtol is not None else []
    return f" within {' + '.join(parts)}" if parts else ""


def _short(number: float) -> str:
    """A number as a person writes it: 0.05, 1e-4, 5e-5."""
    digits, _, power = f"{number:e}".partition("e")
    return f"{float(digits):g}e{int(power)}" if 0 < number < _SMALL else f"{number:g}"


class GoldenTolerances(msgspec.Struct, frozen=True):
    """What a recipe allows one golden value to differ by.

    options: `rtol` and `atol`, and the same by kind of device. kind: of the device that computed
    the value now; made_on: of the device that computed the golden value. dtype: the recipe's.
    """

    options: Mapping[str, Any]
    kind: str
    made_on: str
    dtype: str

    def of_dtype(self, dtype: str | None) -> tuple[float | None, float | None]:
        """`rtol` and `atol` for a dtype; (None, None) stands for the codec's usual ones."""
        own = self.options.get(self.kind) or self.options
        if "rtol" in own or "atol" in own:
            return own.get("rtol", 0.0), own.get("atol", 0.0)
        if dtype not in USUAL:
            return None, None
        factor = 1 if self.kind == self.made_on else ELSEWHERE
        rtol, atol = USUAL[dtype]
        return rtol * factor, atol * factor

    def of_number(self, number: object) -> tuple[float | None, float | None]:
        """The same for a plain number: of the recipe's dtype if it is a float, else exact."""
        return self.of_dtype(self.dtype if isinstance(number, float) else None)
