"""The step `predict`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowrun import CheckContext, Context, step
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import (
    Predictor,
    RowsAtOnce,
    check_fit,
    predicted,
    predicted_on_shapes,
    predictor_of,
)
from flowrun_tensors.parameters import Params


@step(outputs="y_hat")
def predict(
    data: torch.Tensor,
    params: dict[str, torch.Tensor],
    model: dict[str, Any] | None = None,
    mean: torch.Tensor | None = None,
    std: torch.Tensor | None = None,
    *,
    batch_size: RowsAtOnce = None,
    ctx: Context,
) -> torch.Tensor:
    """Predict with trained parameters.

    `data` of `(n, d)`, or rows of any shape for a torch.nn.Module, is normalized with `mean` and
    `std` of `(d,)` if these are given (leave them out for data that is normalized already:
    `in: {mean: null, std: null}`). Returns `y_hat` of `(n, k)`.
    """
    predictor = _normalizing(predictor_of(model, ctx), mean, std)
    check_fit(predictor, params, data)
    return predicted(predictor, params, data, batch_size)


@predict.on_shapes
def _on_shapes(
    data: torch.Tensor,
    params: dict[str, torch.Tensor],
    model: dict[str, Any] | None = None,
    mean: torch.Tensor | None = None,
    std: torch.Tensor | None = None,
    *,
    batch_size: int | None,
    ctx: CheckContext,
) -> torch.Tensor:
    """Predictions without data."""
    predictor = _normalizing(predictor_of(model, ctx), mean, std)
    check_fit(predictor, params, data)
    return predicted_on_shapes(predictor, params, data, batch_size, ctx)


def _normalizing(
    predictor: Predictor, mean: torch.Tensor | None, std: torch.Tensor | None
) -> Predictor:
    """Normalizes each batch of rows before it predicts."""

    def predict_raw(params: Params, X: torch.Tensor) -> torch.Tensor:
        X = X if mean is None else X - mean
        return predictor.predict(params, X if std is None else X / std)

    return replace(predictor, predict=predict_raw)
