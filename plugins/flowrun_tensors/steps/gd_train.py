"""The step `gd_train`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flowrun import Context, FlowrunError, Meta, Unknown, step
from flowrun_tensors.lazy import torch
from flowrun_tensors.losses import loss_function
from flowrun_tensors.models import activation_of, check_fit, forward, layer_count
from flowrun_tensors.training import Descent, descend, descend_on_shapes


def _on_shapes(
    params: dict[str, torch.Tensor],
    X_train: torch.Tensor,
    y_train: torch.Tensor,
    model: dict[str, Any] | None = None,
    *,
    lr: float,
    steps: int,
    loss: str,
    batch_size: int | None,
    tolerance: float,
    ctx: Context,
) -> tuple[dict[str, torch.Tensor], torch.Tensor | Unknown]:
    """One update, and its backward pass, in the place of all."""
    _check_data(params, X_train, y_train)
    settings = Descent(lr, steps, batch_size, tolerance)
    activation = activation_of(model)
    return descend_on_shapes(
        params,
        lambda current, rows: forward(current, rows, activation),
        loss_function(loss),
        X_train,
        y_train,
        settings,
        ctx,
    )


@step(
    outputs=("params", "losses"),
    random=True,
    fake=_on_shapes,
    seconds=lambda options: 2e-4 * options.steps,
)
def gd_train(
    params: dict[str, torch.Tensor],
    X_train: torch.Tensor,
    y_train: torch.Tensor,
    model: dict[str, Any] | None = None,
    *,
    lr: Annotated[float, Meta(gt=0, description="Learning rate.")] = 0.01,
    steps: Annotated[int, Meta(ge=1, description="Updates of the parameters.")] = 1000,
    loss: Annotated[
        Literal["mse", "mae", "huber"], Meta(description="What is made small, a mean over rows.")
    ] = "mse",
    batch_size: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Rows of one update, in random order; null takes all rows each time."),
    ] = None,
    tolerance: Annotated[
        float, Meta(ge=0, description="Stop when the loss changes by less; 0 takes every step.")
    ] = 0.0,
    ctx: Context,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Train by gradient descent, the loop one writes by hand.

    As the article trains: `gd_train: {lr: 0.01, steps: 1000}`.

    From `params` of `init_params`, `X_train` of `(n, d)` and `y_train` of `(n, k)`, floating and of
    one dtype, come the trained `params` and `losses` of `(steps taken,)`, the loss before each
    update. Each update subtracts `lr` times the gradient (autograd's).

    Raises FlowrunError where shapes do not fit, and where the loss stops being finite: the message
    names the step, the last finite loss, and what to change.
    """
    _check_data(params, X_train, y_train)
    activation = activation_of(model)
    trained, losses = descend(
        params,
        lambda current, rows: forward(current, rows, activation),
        loss_function(loss),
        X_train,
        y_train,
        Descent(lr, steps, batch_size, tolerance),
        ctx,
    )
    first, last = float(losses[0]), float(losses[-1])
    ctx.log(f"loss {first:.5g} -> {last:.5g} in {len(losses)} steps")
    return trained, losses


def _check_data(
    params: dict[str, torch.Tensor], X_train: torch.Tensor, y_train: torch.Tensor
) -> None:
    """Raise FlowrunError where the data does not fit the network, or the targets its outputs."""
    check_fit(params, X_train)
    expected = (len(X_train), params[f"W{layer_count(params)}"].shape[1])
    if tuple(y_train.shape) != expected:
        cure = "\na column is made of it with y_train.unsqueeze(1)" if y_train.ndim == 1 else ""
        raise FlowrunError(
            f"y_train has the shape {tuple(y_train.shape)}, and the predictions have {expected}; "
            f"shapes that differ would be spread against each other silently{cure}"
        )
