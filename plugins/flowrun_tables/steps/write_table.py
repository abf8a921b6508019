"""The step `write_table`."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from flowrun import CheckContext, Context, FlowrunError, Meta, listed, on_one_line, replacing, step

if TYPE_CHECKING:
    import polars


@step(outputs=(), effect=True)
def write_table(
    table: polars.DataFrame,
    predictions: polars.DataFrame | None = None,
    *,
    to: Annotated[
        str, Meta(min_length=1, description="A file, from the recipe's folder; made if needed.")
    ],
    ctx: Context,
) -> None:
    """Write a table to a file: `write_table: {to: out/scored.csv}`.

    `predictions`, if the recipe has them, stand beside the rows they belong to. The suffix decides
    the format: `.csv`, `.tsv`, `.parquet`, `.arrow`, `.jsonl`. In a text a missing cell is empty. A
    file that exists already is replaced only when the new one is complete. Raises FlowrunError if
    there are not as many predictions as rows, or if both tables have a column of one name.
    """
    path = ctx.path(to)
    write = _writer(path)
    joined = table if predictions is None else _beside(table, predictions)
    content = BytesIO()
    write(joined, content)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
    ctx.writes(path)
    ctx.log(f"{len(joined)} rows of {joined.width} columns -> {path}")


@write_table.on_shapes
def _on_shapes(table: Any, predictions: Any = None, *, to: str, ctx: CheckContext) -> None:
    """Whether there is such a format; nothing is written."""
    _writer(ctx.path(to))


def _writer(path: Path) -> Callable[[polars.DataFrame, BytesIO], Any]:
    """How a file is written; raises FlowrunError for a suffix that is of no format."""
    writers: dict[str, Callable[[Any, BytesIO], Any]] = {
        ".csv": lambda table, file: table.write_csv(file),
        ".tsv": lambda table, file: table.write_csv(file, separator="\t"),
        ".parquet": lambda table, file: table.write_parquet(file),
        ".arrow": lambda table, file: table.write_ipc(file),
        ".jsonl": lambda table, file: table.write_ndjson(file),
    }
    suffix = path.suffix.lower()
    if suffix not in writers:
        raise FlowrunError(
            f"no table is written as *{on_one_line(suffix)}\n"
            f"name a file that ends with {listed(list(writers))}"
        )
    return writers[suffix]


def _beside(table: polars.DataFrame, predictions: polars.DataFrame) -> polars.DataFrame:
    """Both as one table; raises FlowrunError if they do not fit."""
    if len(table) != len(predictions):
        raise FlowrunError(
            f"there are {len(predictions)} predictions and {len(table)} rows\n"
            "predict for these very rows"
        )
    twice = [name for name in predictions.columns if name in table.columns]
    if twice:
        raise FlowrunError(
            f"the table has a column `{on_one_line(twice[0])}` already\nleave it out with `select`"
        )
    return table.hstack(predictions.get_columns())
