"""New rows for a trained model: `predict: {source: new.csv}`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flowrun import CheckContext, Context, DataError, NeedsDataError, download
from flowrun_tables.encoding.applying import matrix
from flowrun_tables.encoding.features import feature_names
from flowrun_tables.reading.records import Layout
from flowrun_tables.reading.tables import Settings, read_tables
from flowrun_tables.reading.typing import MISSING, Rules
from flowrun_tables.sources import QUICKLY_READ, paths_of
from flowrun_tables.tensors import tensor_of

if TYPE_CHECKING:
    import polars
    import torch


def encoded_rows(table: polars.DataFrame, encoding: dict[str, Any], ctx: Context) -> torch.Tensor:
    """The features of each row, `(rows, features)`. Raises FlowrunError, DataError."""
    if not isinstance(encoding, dict) or "features" not in encoding:
        raise DataError("`encoding` is not one that `encode` has made")
    features = encoding["features"]
    return tensor_of(matrix(table, features, "the table"), feature_names(features), ctx)


def raw_rows(source: str, encoding: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """`data`, and the `table` that it was made of, read as `read_table` reads by default.

    Columns that were texts in training are read as texts, though they may look like numbers.
    """
    is_check = isinstance(ctx, CheckContext)
    paths = paths_of(source, None, ctx, partial(download, fetch=not is_check))
    if is_check and sum(path.stat().st_size for path in paths) > QUICKLY_READ:
        raise NeedsDataError(f"{paths[0].name} is large")
    texts = {one["column"]: "text" for one in encoding["features"] if one["type"] == "String"}
    settings = Settings(None, Layout(), Rules(texts, MISSING, ".", None, None))  # type: ignore[arg-type]
    table = read_tables(paths if is_check else [ctx.reads(path) for path in paths], settings)
    return {"data": encoded_rows(table, encoding, ctx), "table": table}
