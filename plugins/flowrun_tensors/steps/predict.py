"""The step `predict`."""

from __future__ import annotations

from typing import Any

from flowrun import step
from flowrun_tensors.lazy import torch
from flowrun_tensors.models import activation_of, check_fit, forward


@step(outputs="y_hat")
def predict(
    data: torch.Tensor,
    params: dict[str, torch.Tensor],
    model: dict[str, Any] | None = None,
    mean: torch.Tensor | None = None,
    std: torch.Tensor | None = None,
) -> torch.Tensor:
    """Predict with trained parameters.

    `data` of `(n, d)` is normalized with `mean` and `std` of `(d,)` where these are given (leave
    them out for data that is normalized already: `in: {mean: null, std: null}`). Gives `y_hat` of
    `(n, k)`.
    """
    check_fit(params, data)
    if mean is not None:
        data = data - mean
    if std is not None:
        data = data / std
    with torch.no_grad():
        return forward(params, data, activation_of(model))
