"""The step `split_rows`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

from flowrun import Context, FlowrunError, Meta, OptionError, on_one_line, step
from flowrun_tables.outlines import NamesOutline
from flowrun_tables.reading.names import require_known

if TYPE_CHECKING:
    import polars

Share = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, le=1)]


@step(outputs=("train", "val", "test"), random=True)
def split_rows(
    table: polars.DataFrame,
    *,
    train: Annotated[
        Share | None, Meta(description="Rows to train on: how many, or which fraction.")
    ] = None,
    val: Annotated[
        Share | None, Meta(description="Rows to validate with; by default those that are left.")
    ] = None,
    test: Annotated[Share, Meta(description="Rows for a test at the end.")] = 0,
    stratify: Annotated[
        str | None, Meta(description="A column whose values have the same shares in each part.")
    ] = None,
    groups: Annotated[
        str | None,
        Meta(description="A column whose values are each in one part alone; counts are of these."),
    ] = None,
    folds: Annotated[
        Annotated[int, Meta(ge=2)] | None,
        Meta(description="Parts of equal size, one of which is to validate with."),
    ] = None,
    fold: Annotated[int, Meta(ge=0, description="Which of the folds, from 0.")] = 0,
    shuffle: Annotated[
        bool, Meta(description="Draw the rows at random; else the first ones are to train on.")
    ] = True,
    ctx: Context,
) -> tuple[polars.DataFrame, polars.DataFrame, polars.DataFrame]:
    """Divide the rows of a table: `split_rows: {train: 0.7, val: 0.15, test: 0.15}`.

    Returns the tables `train`, `val` and `test`, which may have no rows, in the order of the table.
    A whole number counts rows, a number with a point is a fraction: `train: 1.0` is all of them.
    Fractions of all three add up to 1, and the largest remainders are rounded up.

    For cross-validation: `split_rows: {folds: 5, fold: 0}`, with `sweep: {split_rows.fold:
    [0, 1, 2, 3, 4]}`; each row is in `val` of one fold. Raises OptionError if the rows, or the
    columns, are not there.
    """
    import numpy as np

    from flowrun_tables.dividing import in_groups, in_order, in_strata

    for name, column in (("stratify", stratify), ("groups", groups)):
        if column is not None:
            require_known([column], table.columns, name)

    def order(count: int) -> Any:
        drawn = np.random.default_rng(ctx.seed).permutation(count) if shuffle else None
        return np.arange(count) if drawn is None else drawn

    strata = None if stratify is None else _codes(table, stratify)
    if folds is not None:
        found = _fold_of(table, groups, strata, folds, order)
        parts = [np.flatnonzero(found != fold), np.flatnonzero(found == fold), np.arange(0)]
    elif groups is not None:
        parts = in_groups(_codes(table, groups), (train, val, test), order)
    elif strata is not None:
        parts = in_strata(order(len(table)), strata, (train, val, test))
    else:
        parts = in_order(order(len(table)), (train, val, test))
    if not len(parts[0]):
        raise FlowrunError("no row is left to train on: give `train` more rows")
    first, second, third = (table[np.sort(part)] for part in parts)
    ctx.log(f"{len(first)} rows to train on, {len(second)} to validate with, {len(third)} to test")
    return first, second, third


@split_rows.check_options
def _check_options(options: SimpleNamespace) -> None:
    """Either shares, or folds."""
    if (options.train is None) == (options.folds is None):
        raise OptionError("`split_rows` takes `train`, or `folds` and `fold`")
    if options.folds is None:
        if options.fold:
            raise OptionError("`fold` is one of `folds`, and there are none", option=("fold",))
    elif options.fold >= options.folds:
        raise OptionError(
            f"folds are counted from 0, so the last of {options.folds} is {options.folds - 1}",
            option=("fold",),
        )
    elif options.val is not None or options.test:
        name = "test" if options.test else "val"
        raise OptionError(f"`{name}` is decided by `folds` and `fold`", option=(name,))
    if options.stratify is not None and options.groups is not None:
        raise OptionError("rows are divided by `stratify` or by `groups`", option=("groups",))
    if not options.shuffle and options.stratify is not None:
        raise OptionError("`stratify` draws rows, and `shuffle` is false", option=("shuffle",))


@split_rows.on_outlines
def _on_outlines(
    table: Any,
    *,
    train: float | None,
    val: float | None,
    test: float,
    stratify: str | None,
    groups: str | None,
    folds: int | None,
    fold: int,
    shuffle: bool,
    ctx: Context,
) -> tuple[Any, Any, Any]:
    """The names of the columns, if those of the table are known."""
    if isinstance(table, NamesOutline):
        for name, column in (("stratify", stratify), ("groups", groups)):
            if column is not None:
                require_known([column], table.names, name)
    return table, table, table


def _codes(table: polars.DataFrame, name: str) -> Any:
    """A whole number from 0 for each value of a column. Raises FlowrunError if a cell lacks."""
    column = table[name]
    if column.null_count():
        row = int(column.is_null().arg_true()[0]) + 1
        raise FlowrunError(f"`{on_one_line(name)}` has no value in row {row}, by which to divide")
    return column.rank("dense").to_numpy().astype("int64") - 1


def _fold_of(
    table: polars.DataFrame, groups: str | None, strata: Any, folds: int, order: Any
) -> Any:
    """The fold of each row; raises FlowrunError if there are fewer rows, or groups, than folds."""
    from flowrun_tables.dividing import fold_of

    codes = None if groups is None else _codes(table, groups)
    count = len(table) if codes is None else int(codes.max(initial=-1)) + 1
    if count < folds:
        raise FlowrunError(
            f"{count} {'rows' if groups is None else 'groups'} make no {folds} folds"
        )
    if codes is None:
        return fold_of(order(count), strata, folds)
    return fold_of(order(count), None, folds)[codes]
