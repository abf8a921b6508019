"""Models: the networks of `init_params`, and those with a forward pass of their own, by plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from flowrun import CheckContext, Context, FlowrunError, Meta, did_you_mean, listed
from flowrun_tensors.extending import Model
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.modules import UsedModule
from flowrun_tensors.parameters import Params, floating_of

if TYPE_CHECKING:
    from flowrun_tensors.extending import ModuleModel

ROWS_AT_ONCE = 1024  # that a torch.nn.Module predicts, if a step names no other number
ACTIVATIONS = ("relu", "maximum", "tanh", "sigmoid")

RowsAtOnce = Annotated[
    Annotated[int, Meta(ge=1)] | None,
    Meta(
        description="Rows predicted at a time; null is 1024 for a torch.nn.Module, and all of them "
        "for other models."
    ),
]
Predict = Callable[[Params, "torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True, slots=True)
class Predictor:
    """How a `model` value predicts.

    predict: called with the parameters and rows. activation: of a network of `init_params`; None
    for a plugin's model. gradient: the model's own, as `Model` has it, with its settings. module:
    the torch.nn.Module that predicts, if it is one.
    """

    predict: Predict
    activation: str | None
    gradient: Callable[..., Params] | None = None
    module: UsedModule | None = None


def predictor_of(model: dict[str, Any] | None, ctx: Context) -> Predictor:
    """How a `model` value predicts; a single layer needs none, so None means relu.

    Raises FlowrunError if no loaded plugin has a model of that name.
    """
    if model is not None and "name" in model:
        known, settings = known_model(model["name"], ctx), model.get("settings", {})
        if not isinstance(known, Model):
            module = UsedModule(known, model)
            return Predictor(module.predict, None, module=module)
        gradient = known.gradient and partial(known.gradient, **settings)
        return Predictor(partial(known.forward, **settings), None, gradient)
    activation = str((model or {}).get("activation", "relu"))
    return Predictor(partial(forward, activation=activation), activation)


def predicted(
    predictor: Predictor, params: Params, X: torch.Tensor, batch_size: int | None
) -> torch.Tensor:
    """Predictions for rows, so many at a time; without a graph.

    batch_size: None is all rows at once, or `ROWS_AT_ONCE` of them for a module. Rows that are
    mapped from a file are read as they are predicted.
    """
    size = batch_size or (len(X) if predictor.module is None else ROWS_AT_ONCE)
    module = predictor.module
    with torch.no_grad(), nullcontext() if module is None else module.holding(params, X):
        if len(X) <= size:
            return predictor.predict(params, X)
        return torch.cat([predictor.predict(params, rows) for rows in X.split(size)])


def predicted_on_shapes(
    predictor: Predictor, params: Params, X: torch.Tensor, batch_size: int | None, ctx: CheckContext
) -> torch.Tensor:
    """The result of `predicted` in a check: one batch in the place of all."""
    size = batch_size or (len(X) if predictor.module is None else ROWS_AT_ONCE)
    with torch.no_grad():
        if len(X) <= size:
            return predictor.predict(params, X)
        with ctx.repeated(-(-len(X) // size)):
            found = predictor.predict(params, X[:size])
        return found.new_empty(len(X), *found.shape[1:])


def known_model(name: str, ctx: Context) -> Model | ModuleModel:
    """The plugin's model of that name; raises FlowrunError if there is none."""
    models: Mapping[str, Model | ModuleModel] = ctx.plugins.items("flowrun_tensors_models")
    if name not in models:
        known = listed(sorted(models)) if models else "none"
        hint = did_you_mean(name, models) or "name its plugin in the recipe's `plugins:`"
        raise FlowrunError(f"there is no model `{name}`; the loaded plugins give: {known}\n{hint}")
    return models[name]


def forward(params: Params, X: torch.Tensor, activation: str) -> torch.Tensor:
    """Predictions of a network, `(n, outputs)` from `X` of `(n, inputs)`.

    Layer k computes `h @ Wk + bk`, with `Wk` of `(inputs, outputs)` and `bk` of `(outputs,)`; the
    activation acts between layers and not after the last.
    """
    count = layer_count(params)
    hidden = X
    for layer in range(1, count + 1):
        hidden = hidden @ params[f"W{layer}"] + params[f"b{layer}"]
        if layer < count:
            hidden = _activated(hidden, activation)
    return hidden


def _activated(hidden: torch.Tensor, activation: str) -> torch.Tensor:
    """`maximum` is relu as one writes it by hand: its slope at zero is 1/2, and torch.relu's 0."""
    if activation == "maximum":
        return torch.maximum(hidden, hidden.new_zeros(()))
    activated: torch.Tensor = getattr(torch, activation)(hidden)
    return activated


def layer_count(params: Params) -> int:
    """How many layers the parameters `W1, b1, W2, b2, ...` make."""
    return sum(name.startswith("W") for name in params)


def check_fit(predictor: Predictor, params: Params, X: torch.Tensor) -> None:
    """Raise FlowrunError if the model's parameters do not fit the data."""
    if predictor.activation is not None:
        width = params["W1"].shape[0]
        if X.ndim != 2 or X.shape[1] != width:
            raise FlowrunError(
                f"the network takes {width} columns, and the data has the shape {tuple(X.shape)}; "
                "the columns must be those it was trained on, without the target"
            )
    some = floating_of(params)
    for what in ("dtype", "device"):
        expected, found = getattr(some, what), getattr(X, what)
        is_of_module = predictor.module is not None and not X.is_floating_point()
        if expected != found and not (what == "dtype" and is_of_module):
            way_on = f"give both steps the same `{what}:` in the recipe, or set it for all of it"
            if what == "dtype" and not X.is_floating_point():
                name = str(expected).removeprefix("torch.")
                way_on = f"cast the rows first, such as `cast: {{X_train: {name}, X_val: {name}}}`"
            raise FlowrunError(f"the parameters are {expected}, and the data is {found}\n{way_on}")
