"""The step `apply_encoding`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowrun import Context, step

if TYPE_CHECKING:
    import polars
    import torch


@step(outputs="data")
def apply_encoding(
    table: polars.DataFrame, encoding: dict[str, Any], *, ctx: Context
) -> torch.Tensor:
    """Make numbers of new rows, as `encode` has made them of those to train on.

    Takes the `encoding` of `encode`, from this recipe or saved by another, and `table`, which may
    have further columns and needs no target. Returns `data` of `(rows, features)` in the recipe's
    dtype, for `predict`. Raises FlowrunError as `encode` does.
    """
    from flowrun_tables.scoring import encoded_rows

    return encoded_rows(table, encoding, ctx)
