"""The networks of `init_params`: layers of weights and biases with an activation between them."""

from __future__ import annotations

from typing import Any

from flowrun import FlowrunError
from flowrun_tensors.lazy import torch

ACTIVATIONS = ("relu", "tanh", "sigmoid")


def forward(params: dict[str, torch.Tensor], X: torch.Tensor, activation: str) -> torch.Tensor:
    """Predictions of a network, `(n, outputs)` from `X` of `(n, inputs)`.

    Layer k computes `h @ Wk + bk`, with `Wk` of `(inputs, outputs)` and `bk` of `(outputs,)`; the
    activation acts between layers and not after the last.
    """
    count = layer_count(params)
    hidden = X
    for layer in range(1, count + 1):
        hidden = hidden @ params[f"W{layer}"] + params[f"b{layer}"]
        if layer < count:
            hidden = getattr(torch, activation)(hidden)
    return hidden


def layer_count(params: dict[str, torch.Tensor]) -> int:
    """How many layers the parameters `W1, b1, W2, b2, ...` make."""
    return sum(name.startswith("W") for name in params)


def check_fit(params: dict[str, torch.Tensor], X: torch.Tensor) -> None:
    """Raise FlowrunError where the data does not have the width the first layer expects."""
    width = params["W1"].shape[0]
    if X.ndim != 2 or X.shape[1] != width:
        raise FlowrunError(
            f"the network takes {width} columns, and the data has the shape {tuple(X.shape)}; "
            "the columns must be those it was trained on, without the target"
        )
    for what in ("dtype", "device"):
        expected, found = getattr(params["W1"], what), getattr(X, what)
        if expected != found:
            raise FlowrunError(
                f"the parameters are {expected}, and the data is {found}; give both steps the same "
                f"`{what}:` in the recipe, or set it for the whole recipe"
            )


def activation_of(model: dict[str, Any] | None) -> str:
    """The activation a `model` value names; a single layer needs none, so None means relu."""
    return str((model or {}).get("activation", "relu"))
