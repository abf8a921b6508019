"""Arrays become tensors of the recipe's dtype and device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowrun import CheckContext, Context, FlowrunError, on_one_line

if TYPE_CHECKING:
    import torch


def tensor_of(array: Any, names: list[str], ctx: Context) -> torch.Tensor:
    """A tensor of an array, of the step's dtype unless it has whole numbers.

    In a check it has no data. Raises FlowrunError for a number that the dtype cannot hold, with
    its row and the name of its column.
    """
    import torch

    is_whole = array.dtype.kind == "i"
    dtype = torch.int64 if is_whole else getattr(torch, ctx.dtype)
    if isinstance(ctx, CheckContext):
        return torch.empty(array.shape, dtype=dtype, device=ctx.device)
    made = torch.from_numpy(np.ascontiguousarray(array)).to(dtype)
    if not is_whole and not bool(made.isfinite().all()):
        row, place = (int(one) for one in (~made.isfinite()).nonzero()[0])
        raise FlowrunError(
            f"row {row + 1}, column `{on_one_line(names[place])}`: {array[row, place]:g} is beyond "
            f"the range of {ctx.dtype}\nscale the column (`scale: standard`), or set `dtype: "
            "float64`"
        )
    return made.to(ctx.device)
