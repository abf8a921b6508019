"""Missing cells of a column: what stands in for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from flowrun import FlowrunError, OptionError, on_one_line
from flowrun_tables.lazy_polars import pl

if TYPE_CHECKING:
    import polars

Method = Literal["error", "mean", "median", "most_frequent", "drop", "indicator"]
Fill = float | Method | dict[str, str | float]  # the dict is {value: a text}


def filling(column: polars.Series, method: Fill, *, is_category: bool) -> Any:
    """What stands in for a missing cell, learnt from a column; None if nothing does.

    Of the most frequent values the least is taken. With `indicator` the median, of texts a
    category of its own. A method that does not suit a column which lacks nothing is passed over, so
    that one method may be named for all columns.
    """
    name = on_one_line(column.name)
    if method in ("error", "drop"):
        return None
    suits = _suits(column, method, is_category=is_category)
    if not suits and not column.null_count():
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
    if method == "indicator" and (is_category or not column.dtype.is_numeric()):
        return "missing" if column.dtype == pl.String else column.drop_nulls().mode().sort()[0]
    if not suits:
        raise OptionError(
            f"column `{name}` has no {method}: its cells are no numbers, or stand for categories",
            hint=f"`missing: {{{name}: most_frequent}}`",
            option=("missing", column.name),
        )
    found = column.mean() if method == "mean" else column.median()
    return float(found)


def _suits(column: polars.Series, method: Fill, *, is_category: bool) -> bool:
    """Whether a method, or a given value, is of the kind of a column."""
    if isinstance(method, str):
        is_number = column.dtype.is_numeric() and not is_category
        return is_number or method not in ("mean", "median")
    given = method["value"] if isinstance(method, dict) else method
    is_text = column.dtype == pl.String
    return is_text == isinstance(given, str) and (is_text or column.dtype.is_numeric())


def _fitting(column: polars.Series, given: str | float) -> Any:
    """A given value; raises OptionError if the column has others than such."""
    if not _suits(column, {"value": given}, is_category=False):
        raise OptionError(
            f"column `{on_one_line(column.name)}` is {column.dtype}, and {given!r} is none",
            hint="a text is written as `{value: none}`, and a number as it is",
            option=("missing", column.name),
        )
    is_whole = column.dtype.is_integer() and isinstance(given, float) and given.is_integer()
    return int(given) if is_whole else given


def require_filled(column: polars.Series, part: str, *, is_target: bool = False) -> None:
    """Raise FlowrunError for a missing cell of a column that is not to have one."""
    if not column.null_count():
        return
    name, row = on_one_line(column.name), int(column.is_null().arg_true()[0]) + 1
    method = "median" if column.dtype.is_numeric() else "most_frequent"
    way_on = f"`missing: {{{name}: {method}}}`, `drop`, `indicator` or a value"
    if is_target:
        way_on = f"a target is not made up, so leave out the rows: `missing: {{{name}: drop}}`"
    raise FlowrunError(
        f"column `{name}` lacks {column.null_count()} of {len(column)} cells in {part}, the first "
        f"in row {row} of these\nsay in `encode` what is to be done: {way_on}"
    )
