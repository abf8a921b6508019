"""The step `predict`."""

from __future__ import annotations

from typing import Any

from flowrun import Context, step
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import check_fit, predictor_of


@step(outputs="y_hat")
def predict(
    data: torch.Tensor,
    params: dict[str, torch.Tensor],
    model: dict[str, Any] | None = None,
    mean: torch.Tensor | None = None,
    std: torch.Tensor | None = None,
    *,
    ctx: Context,
) -> torch.Tensor:
    """Predict with trained parameters.

    `data` of `(n, d)` is normalized with `mean` and `std` of `(d,)` if these are given (leave
    them out for data that is normalized already: `in: {mean: null, std: null}`). Returns `y_hat`
    of `(n, k)`.
    """
    predictor = predictor_of(model, ctx)
    check_fit(predictor, params, data)
    if mean is not None:
        data = data - mean
    if std is not None:
        data = data / std
    with torch.no_grad():
        return predictor.predict(params, data)
