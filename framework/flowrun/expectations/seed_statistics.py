"""What is expected of a value over many seeds: bounds of its mean, deviation and extremes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

SEEDS = "seeds"
MOST_SEEDS = 10_000
STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "std": statistics.stdev,  # of a sample, divided by n - 1, as torch.std
    "median": statistics.median,
    "min": min,
    "max": max,
}


class OverSeeds(msgspec.Struct, frozen=True):
    """Bounds of statistics of one value over as many seeds, the recipe's own and those after it.

    bounds: by statistic, then by check: `{"mean": {"between": [0.49, 0.52]}}`.
    """

    seeds: int
    bounds: Mapping[str, Mapping[str, Any]]

    @property
    def text(self) -> str:
        """What is expected, in words."""
        return f"{', '.join(self.bounds)} over {self.seeds} seeds"


def worst_seed(values: Mapping[int, float], statistic: str, is_too_high: bool) -> int:
    """The seed that did most to put a statistic on the wrong side of its bound."""
    if statistic == "std":
        middle = statistics.fmean(values.values())
        return max(values, key=lambda seed: abs(values[seed] - middle))
    return (max if is_too_high else min)(values, key=values.__getitem__)
