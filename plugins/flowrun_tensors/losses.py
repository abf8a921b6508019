"""Losses and metrics of predictions, by the names torch gives them."""

from __future__ import annotations

from collections.abc import Callable

from flowrun_tensors.lazy import functional, torch

Loss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


def loss_function(name: str) -> Loss:
    """`mse`, `mae` or `huber` (delta 1): mean over all elements, from torch.nn.functional."""
    losses: dict[str, Loss] = {
        "mse": functional.mse_loss,
        "mae": functional.l1_loss,
        "huber": functional.huber_loss,
    }
    return losses[name]


def metric(name: str, y_hat: torch.Tensor, y: torch.Tensor) -> float:
    """One metric of predictions `(n, k)` against targets of the same shape.

    `mae`: mean absolute error. `mse`: mean squared error. `rmse`: its root. `r2`: coefficient of
    determination, 1 - sum((y - y_hat)^2) / sum((y - mean(y))^2), the mean by column, as in
    Draper and Smith, Applied Regression Analysis, 1998; nan where `y` is constant.
    """
    if name == "mae":
        return float(functional.l1_loss(y_hat, y))
    if name in ("mse", "rmse"):
        squared = float(functional.mse_loss(y_hat, y))
        return squared if name == "mse" else float(squared**0.5)
    y_hat, y = y_hat.cpu(), y.cpu()  # summed in float64, which not every device has
    residual = (y - y_hat).square().sum(dtype=torch.float64)
    total = (y - y.mean(0)).square().sum(dtype=torch.float64)
    return float(1 - residual / total) if total else float("nan")
