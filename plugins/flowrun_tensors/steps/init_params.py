"""The step `init_params`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flowrun import FlowrunError, Meta, step
from flowrun_tensors.lazy import torch


@step(outputs=("params", "model"), random=True)
def init_params(
    X_train: torch.Tensor,
    y_train: torch.Tensor | None = None,
    *,
    layers: Annotated[
        list[Annotated[int, Meta(ge=1)]],
        Meta(min_length=1, description="Outputs of each layer; the last are the predictions."),
    ],
    activation: Annotated[
        Literal["relu", "tanh", "sigmoid"], Meta(description="What acts between the layers.")
    ] = "relu",
    init: Annotated[
        Literal["randn", "xavier", "kaiming"],
        Meta(description="How weights are drawn: normal, Glorot's or He's normal."),
    ] = "randn",
    scale: Annotated[
        float, Meta(gt=0, description="Factor on what is drawn; randn with 0.1 suits a network.")
    ] = 1.0,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Draw the first parameters of a network of linear layers.

    Two layers for one target: `init_params: {layers: [64, 1], activation: relu, scale: 0.1}`.

    For layer k: `Wk` of `(inputs, outputs)` and `bk` of `(outputs,)` in `params`, with the dtype
    and device of `X_train` of `(n, d)`; the first layer takes its d columns. `model` says how they
    are used (layers, activation). `randn` draws weights and biases from the standard normal;
    `xavier` (Glorot and Bengio, 2010) and `kaiming` (He et al., 2015) draw weights with
    torch.nn.init and leave biases zero. All are multiplied by `scale`.
    """
    if X_train.ndim != 2:
        raise FlowrunError(f"X_train has the shape {tuple(X_train.shape)}, not (rows, columns)")
    if y_train is not None and y_train.ndim == 2 and y_train.shape[1] != layers[-1]:
        raise FlowrunError(
            f"the last layer gives {layers[-1]} predictions a row, and y_train has "
            f"{y_train.shape[1]} targets: end `layers` with {y_train.shape[1]}"
        )
    like = {"dtype": X_train.dtype, "device": X_train.device}
    params: dict[str, torch.Tensor] = {}
    widths = [X_train.shape[1], *layers]
    for layer, (inputs, outputs) in enumerate(zip(widths, layers, strict=False), start=1):
        params[f"W{layer}"] = _weights(inputs, outputs, init, activation, like) * scale
        zero_bias = init != "randn"
        bias = torch.zeros(outputs, **like) if zero_bias else torch.randn(outputs, **like)
        params[f"b{layer}"] = bias * scale
    return params, {"layers": widths, "activation": activation}


def _weights(
    inputs: int, outputs: int, init: str, activation: str, like: dict[str, Any]
) -> torch.Tensor:
    if init == "randn":
        return torch.randn(inputs, outputs, **like)
    # torch.nn.init counts a weight's columns as its inputs, as nn.Linear stores it.
    weights = torch.empty(outputs, inputs, **like)
    if init == "xavier":
        torch.nn.init.xavier_normal_(weights)
    else:
        torch.nn.init.kaiming_normal_(weights, nonlinearity=activation)  # type: ignore[arg-type]
    return weights.T.contiguous()
