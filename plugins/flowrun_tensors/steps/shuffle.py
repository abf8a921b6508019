"""The step `shuffle`."""

from __future__ import annotations

from typing import Any

from flowrun import step
from flowrun_tensors.lazy_torch import torch


@step(outputs="data", random=True)
def shuffle(data: torch.Tensor) -> torch.Tensor:
    """Put the rows into a random order.

    `data` of `(rows, ...)`, any dtype; the order is `torch.randperm(rows)` from the step's own
    seed, so a step inserted elsewhere does not change it.
    """
    order = torch.randperm(len(data), device=data.device)
    return data.index_select(0, order)


@shuffle.on_outlines
def _on_outlines(data: Any) -> Any:
    """The same table: its order is not known, and is no part of its outline."""
    return data
