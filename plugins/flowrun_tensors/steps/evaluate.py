"""The step `evaluate`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flowrun import FlowrunError, Meta, Unknown, step
from flowrun_tensors.lazy import torch
from flowrun_tensors.losses import metric
from flowrun_tensors.models import activation_of, check_fit, forward


def _on_shapes(
    params: dict[str, torch.Tensor],
    X_val: torch.Tensor,
    y_val: torch.Tensor,
    model: dict[str, Any] | None = None,
    *,
    metrics: tuple[str, ...],
) -> dict[str, Unknown]:
    """Numbers that only a run can tell, of predictions whose shapes fit."""
    _predictions(params, X_val, y_val, model)
    return {name: Unknown("float") for name in metrics}


@step(outputs="metrics", fake=_on_shapes)
def evaluate(
    params: dict[str, torch.Tensor],
    X_val: torch.Tensor,
    y_val: torch.Tensor,
    model: dict[str, Any] | None = None,
    *,
    metrics: Annotated[
        tuple[Literal["mae", "mse", "rmse", "r2"], ...],
        Meta(min_length=1, description="What to compute of the predictions on X_val."),
    ] = ("mae", "mse", "rmse", "r2"),
) -> dict[str, float]:
    """Measure trained parameters on rows they were not trained on.

    `X_val` of `(n, d)`, normalized as the training rows were, and `y_val` of `(n, k)`; gives
    `metrics`, a number by name: mean absolute error, mean squared error, its root, and the
    coefficient of determination. Raises FlowrunError where predictions and targets differ in shape.
    """
    y_hat = _predictions(params, X_val, y_val, model)
    return {name: metric(name, y_hat, y_val) for name in metrics}


def _predictions(
    params: dict[str, torch.Tensor],
    X_val: torch.Tensor,
    y_val: torch.Tensor,
    model: dict[str, Any] | None,
) -> torch.Tensor:
    """Predictions of the shape of `y_val`; raises FlowrunError where theirs is another."""
    check_fit(params, X_val)
    with torch.no_grad():
        y_hat = forward(params, X_val, activation_of(model))
    if y_hat.shape != y_val.shape:
        raise FlowrunError(
            f"the predictions have the shape {tuple(y_hat.shape)}, and y_val has "
            f"{tuple(y_val.shape)}"
        )
    return y_hat
