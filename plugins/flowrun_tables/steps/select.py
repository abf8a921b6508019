"""The step `select`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

from flowrun import Meta, OptionError, Unknown, step
from flowrun_tables.outlines import NamesOutline
from flowrun_tables.reading.names import require_known

if TYPE_CHECKING:
    import polars

Names = Annotated[list[str], Meta(min_length=1)]


@step(outputs="table")
def select(
    table: polars.DataFrame,
    *,
    keep: Annotated[Names | None, Meta(description="Columns to keep, in this order.")] = None,
    drop: Annotated[Names | None, Meta(description="Columns to leave out.")] = None,
) -> polars.DataFrame:
    """Keep some columns of a table: `select: {drop: [id, name]}`.

    Returns `table` with the columns of `keep`, in that order, or with all but those of `drop`.
    Raises OptionError for a column that is not there.
    """
    return table.select(_kept(table.columns, keep, drop))


@select.check_options
def _check_options(options: SimpleNamespace) -> None:
    """Either the columns to keep, or those to leave out."""
    if (options.keep is None) == (options.drop is None):
        raise OptionError("`select` takes one of `keep` and `drop`")


@select.on_outlines
def _on_outlines(table: Any, *, keep: list[str] | None, drop: list[str] | None) -> Any:
    """The names of the columns, if those of the table are known."""
    if not isinstance(table, NamesOutline):
        return Unknown("table")
    return NamesOutline(_kept(table.names, keep, drop))


def _kept(names: list[str], keep: list[str] | None, drop: list[str] | None) -> list[str]:
    """The columns that are kept; raises OptionError if one is not there, or none is left."""
    if keep is not None:
        require_known(keep, names, "keep")
        return keep
    assert drop is not None
    require_known(drop, names, "drop")
    kept = [name for name in names if name not in drop]
    if not kept:
        raise OptionError("no column is left", option="drop")
    return kept
