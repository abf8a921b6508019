"""The step `encode`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from flowrun import CheckContext, Context, FlowrunError, Meta, OptionError, Unknown, step
from flowrun_tables.encoding.features import (
    Categories,
    Part,
    Ways,
    check_names,
    feature_names,
    learnt,
)
from flowrun_tables.encoding.missing import Fill, Method
from flowrun_tables.encoding.scaling import Scale
from flowrun_tables.outlines import NamesOutline
from flowrun_tables.reading.names import require_known
from flowrun_tables.rows import READER

if TYPE_CHECKING:
    import polars

_OUTPUTS = (
    "X_train", "y_train", "X_val", "y_val", "X_test", "y_test", "columns", "encoding",
)  # fmt: skip
Targets = Annotated[str, Meta(min_length=1)] | Annotated[list[str], Meta(min_length=1)]


@step(outputs=_OUTPUTS)
def encode(
    train: polars.DataFrame,
    val: polars.DataFrame,
    test: polars.DataFrame,
    *,
    target: Annotated[Targets, Meta(description="The column to predict, or several of numbers.")],
    categories: Annotated[
        Categories | dict[str, Categories],
        Meta(
            description="How texts, and columns named here, become numbers: a column for each "
            "category, or its place among them from 0."
        ),
    ] = "one_hot",
    missing: Annotated[
        float | Method | dict[str, Fill],
        Meta(
            description="What is done with missing cells, of all columns or by column: mean, "
            "median, most_frequent, drop (the row), indicator (a column of its own beside the "
            "median), a number, {value: a text}."
        ),
    ] = "error",
    scale: Annotated[
        Scale | dict[str, Scale],
        Meta(description="How numbers are shifted and scaled, all of them or by column."),
    ] = "standard",
    scale_target: Annotated[
        Scale, Meta(description="How targets that are numbers are shifted and scaled.")
    ] = "none",
    classes: Annotated[
        bool | None,
        Meta(description="Whether the target is classes; texts, true and false are by default."),
    ] = None,
    dates: Annotated[tuple[Part, ...], Meta(description="Parts of a date that become numbers.")] = (
        "year",
        "month",
        "day",
        "weekday",
    ),
    unknown: Annotated[
        Literal["error", "zero"],
        Meta(
            description="A category that the rows to train on lack: an error, or zeros (the place "
            "0, the others from 1)."
        ),
    ] = "error",
    ctx: Context,
) -> tuple[Any, ...]:
    """Make numbers of tables: `encode: {target: survived, missing: {age: median}}`.

    Takes the tables of `split_rows`. Returns `X_train`, `X_val` and `X_test` of `(rows, features)`
    in the recipe's dtype; `y_train`, `y_val` and `y_test`, of a target of classes int64 `(rows,)`
    from 0 in the order of their words, of numbers `(rows, targets)`; `columns`, the names of the
    features; and `encoding`, with which `save`, `decode`, `evaluate` and `predict` know them.

    Everything is learnt from `train` alone: what stands in for missing cells, scales, categories.
    Truth values become 0 and 1; a date becomes `dates`. Raises FlowrunError for a missing cell of
    which `missing` says nothing, for an unknown category, and for a number that the dtype cannot
    hold, each with row and column.
    """
    from flowrun_tables.encoding.applying import matrix
    from flowrun_tables.encoding.targets import encoded_target, learnt_target
    from flowrun_tables.tensors import tensor_of

    ways = Ways(categories, missing, scale, dates, unknown)
    targets = _checked_names(train.columns, target, ways)
    parts = {
        name: _without_dropped(table, ways, name, ctx)
        for name, table in (("train", train), ("val", val), ("test", test))
    }
    if not len(parts["train"]):
        raise FlowrunError("no row is left to train on: `missing: drop` has taken them all")
    features = learnt(parts["train"].drop(targets), ways)
    columns = feature_names(features)
    learnt_of_target = learnt_target(parts["train"], targets, scale_target, classes)
    made: list[Any] = []
    for name, table in parts.items():
        made.append(tensor_of(matrix(table, features, name), columns, ctx))
        made.append(tensor_of(encoded_target(table, learnt_of_target, name), targets, ctx))
    return (
        *made,
        columns,
        {
            "reader": READER,
            "features": features,
            "target": learnt_of_target,
        },
    )


@encode.check_options
def _check_options(options: SimpleNamespace) -> None:
    """Check that what stands in for a missing cell is a method, a number, or one value."""
    for name, one in options.missing.items() if isinstance(options.missing, dict) else ():
        if isinstance(one, dict) and list(one) != ["value"]:
            raise OptionError(
                "what stands in for a missing text is written as `{value: none}`",
                option=("missing", name),
            )


@encode.on_outlines
def _on_outlines(
    train: Any,
    val: Any,
    test: Any,
    *,
    target: str | list[str],
    categories: Any,
    missing: Any,
    scale: Any,
    scale_target: str,
    classes: bool | None,
    dates: tuple[str, ...],
    unknown: str,
    ctx: Context,
) -> tuple[Any, ...]:
    """Whether the columns are there that the options name."""
    if isinstance(train, NamesOutline):
        ways = Ways(categories, missing, scale, dates, unknown)  # type: ignore[arg-type]
        _checked_names(train.names, target, ways)
    return (*(Unknown("tensor"),) * 6, Unknown("list"), Unknown("dict"))


def _checked_names(names: list[str], target: str | list[str], ways: Ways) -> list[str]:
    """The targets. Raises OptionError for a column that is not there, or if no feature is left."""
    targets = [target] if isinstance(target, str) else target
    require_known(targets, names, "target")
    check_names(ways, names)
    if len(targets) == len(names):
        raise FlowrunError("every column is a target, and no feature is left")
    return targets


def _without_dropped(
    table: polars.DataFrame, ways: Ways, part: str, ctx: Context
) -> polars.DataFrame:
    """The rows in which no column lacks a cell whose missing cells drop the row."""
    names = [name for name in table.columns if ways.missing_of(name) == "drop"]
    kept = table.drop_nulls(names) if names else table
    if len(kept) < len(table) and not isinstance(ctx, CheckContext):
        ctx.log(
            f"{len(table) - len(kept)} of {len(table)} rows of {part} dropped: cells are missing"
        )
    return kept
