"""`seeds`: bounds of a value's mean, deviation and extremes over many seeds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta

from flowrun.errors import Problem, listed
from flowrun.expectations.check import Check, unknown_check
from flowrun.expectations.checks.bounds import BOUNDS, Bound
from flowrun.recipes import reading
from flowrun.recipes.keys import Schema, misfit
from flowrun.recipes.reading import Entry, Node

_MOST_SEEDS = 10_000
STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "std": statistics.stdev,  # of a sample, divided by n - 1, as torch.std
    "median": statistics.median,
    "min": min,
    "max": max,
}


_BOUNDS: Schema = {
    "type": "object",
    "properties": {name: kind.described_schema() for name, kind in BOUNDS.items()},
    "additionalProperties": False,
    "minProperties": 1,
}


class Seeds(Check, frozen=True):
    """Over how many seeds `flowrun test` runs the recipe; at least one statistic stands beside.

    bound: how many. bounds: by statistic, then by check.
    """

    bounds: Mapping[str, Mapping[str, Bound]] = {}

    name: ClassVar[str] = "seeds"
    example: ClassVar[str] = "seeds: 20"
    type: ClassVar[Any] = Annotated[int, Meta(ge=2, le=_MOST_SEEDS)]
    expected: ClassVar[str] = f"a whole number from 2 to {_MOST_SEEDS}"
    settings: ClassVar[Mapping[str, Schema]] = {
        name: {"description": f"Bounds of the {name} over the seeds.", **_BOUNDS}
        for name in STATISTICS
    }
    needs_settings: ClassVar[bool] = True
    is_of_one_run: ClassVar[bool] = False

    @classmethod
    def read(cls, node: Node, beside: Mapping[str, Entry], problems: list[Problem]) -> Self | None:
        check = super().read(node, beside, problems)
        given = {name: item for name, item in beside.items() if name in STATISTICS}
        if check is not None and not given:
            expected = f"at least one of: {listed(STATISTICS)}"
            mark = beside[cls.name].key.mark
            problems.append(
                Problem("nothing is expected over these seeds", mark, expected=expected)
            )
        bounds = {name: _read_bounds(name, item.value, problems) for name, item in given.items()}
        return None if check is None else cls(check.bound, bounds)

    @property
    def text(self) -> str:
        return f"{', '.join(self.bounds)} over {self.bound} seeds"


def _read_bounds(name: str, node: Node, problems: list[Problem]) -> dict[str, Bound]:
    """The bounds of one statistic."""
    if not isinstance(node, reading.Mapping) or not node.entries:
        expected = f"a mapping with {listed(BOUNDS)}: `{{below: 0.55}}`"
        problems.append(misfit(name, node, expected))
        return {}
    bounds: dict[str, Bound] = {}
    for key, item in node:
        if key not in BOUNDS:
            problems.append(unknown_check(key, item, BOUNDS))
        elif check := BOUNDS[key].read(item.value, node.entries, problems):
            bounds[key] = check
    return bounds


def worst_seed(values: Mapping[int, float], statistic: str, is_too_high: bool) -> int:
    """The seed that did most to put a statistic on the wrong side of its bound."""
    if statistic == "std":
        middle = statistics.fmean(values.values())
        return max(values, key=lambda seed: abs(values[seed] - middle))
    return (max if is_too_high else min)(values, key=values.__getitem__)
