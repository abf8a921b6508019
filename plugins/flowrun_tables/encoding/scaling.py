"""Shift and scale of a column of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars

Scale = Literal["standard", "minmax", "robust", "none"]


def scaling(column: polars.Series, how: Scale) -> tuple[float, float]:
    """The number to subtract and the number to divide by, learnt from a filled column.

    standard: mean and standard deviation sqrt(sum((x - mean)^2) / (n - 1)), as `normalize` has it.
    minmax: least, and largest less least. robust: median, and the distance of the quartiles. A
    column that does not vary is divided by 1.
    """
    if how == "none" or not len(column):
        return 0.0, 1.0
    numbers = column.cast(float)
    least, most = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    if how == "minmax":
        return least, (most - least) or 1.0
    if how == "robust":
        quartiles = [float(numbers.quantile(part, "linear")) for part in (0.25, 0.75)]  # type: ignore[arg-type]
        return float(numbers.median()), (quartiles[1] - quartiles[0]) or 1.0  # type: ignore[arg-type]
    deviation = float(numbers.std()) if most > least else 0.0  # type: ignore[arg-type]
    return float(numbers.mean()), deviation or 1.0  # type: ignore[arg-type]
