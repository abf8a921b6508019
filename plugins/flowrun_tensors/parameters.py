"""The tensors of a model by name, and the functions of them that a training differentiates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowrun_tensors.lazy_torch import torch

Params = dict[str, "torch.Tensor"]

# Of parameters, rows `(n, ...)` and targets.
LossAt = Callable[[Params, "torch.Tensor", "torch.Tensor"], "torch.Tensor"]
# The same; the loss, and its gradients in the order of the parameters, None by one without any.
GradientAt = Callable[
    [Params, "torch.Tensor", "torch.Tensor"],
    "tuple[torch.Tensor, Sequence[torch.Tensor | None]]",
]


def floating_of(params: Params) -> torch.Tensor:
    """The first of the parameters that is floating: it has the dtype of predictions and losses."""
    values = list(params.values())
    return next((value for value in values if value.is_floating_point()), values[0])
