"""Missing cells of a column: what stands in for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from flowrun import FlowrunError, OptionError, on_one_line
from flowrun_tables.lazy_polars import pl

if TYPE_CHECKING:
    import polars

Method = Literal["error", "mean", "median", "most_frequent", "drop", "indicator"]
Fill = float | Method | dict[str, str | float]  # the dict is {value: a text}


def filling(column: polars.Series, method: Fill) -> Any:
    """What stands in for a missing cell, learnt from a column; None if nothing does.

    Of the most frequent values the least is taken. With `indicator` the median, of texts a
    category of its own.
    """
    name = on_one_line(column.name)
    if method in ("error", "drop"):
        return None
    if not isinstance(method, str):
        given = method["value"] if isinstance(method, dict) else method
        return _fitting(column, given)
    if not len(column.drop_nulls()):
        raise FlowrunError(
            f"column `{name}` has no filled cell in the rows to train on, so no {method}\n"
            f"leave it out (`select: {{drop: [{name}]}}`), or give a value"
        )
    if method == "most_frequent":
        return column.drop_nulls().mode().sort()[0]
    if not column.dtype.is_numeric():
        if method == "indicator" and column.dtype == pl.String:
            return "missing"
        if method == "indicator":
            return column.drop_nulls().mode().sort()[0]
        raise OptionError(
            f"column `{name}` has no {method}, as its cells are no numbers",
            hint=f"`missing: {{{name}: most_frequent}}`",
            option=("missing", column.name),
        )
    found = column.mean() if method == "mean" else column.median()
    return float(found)


def _fitting(column: polars.Series, given: str | float) -> Any:
    """A given value; raises OptionError if the column has others than such."""
    is_text = column.dtype == pl.String
    if is_text != isinstance(given, str):
        raise OptionError(
            f"column `{on_one_line(column.name)}` is {column.dtype}, and {given!r} is none",
            hint="a text is written as `{value: none}`, and a number as it is",
            option=("missing", column.name),
        )
    return given


def require_filled(column: polars.Series, part: str) -> None:
    """Raise FlowrunError for a missing cell of a column that is not to have one."""
    if column.null_count():
        name, row = on_one_line(column.name), int(column.is_null().arg_true()[0]) + 1
        more = column.null_count()
        raise FlowrunError(
            f"column `{name}` lacks {more} of {len(column)} cells in {part}, the first in row "
            f"{row} of these\nsay in `encode` what is to be done: `missing: {{{name}: "
            f"{'median' if column.dtype.is_numeric() else 'most_frequent'}}}`, `mean`, `drop`, "
            "`indicator` or a value"
        )
