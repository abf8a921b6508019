"""The step `init_params`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, Literal, TypeGuard

from flowrun import CheckContext, Context, FlowrunError, Meta, NeedsDataError, OptionError, step
from flowrun_tensors.extending import ModuleModel
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import known_model
from flowrun_tensors.training_data import require_rows

_OF_LAYERS = {"activation": "relu", "init": "randn", "scale": 1.0}


@step(outputs=("params", "model"), random=True)
def init_params(
    X_train: torch.Tensor,
    y_train: torch.Tensor | None = None,
    *,
    layers: Annotated[
        Annotated[list[Annotated[int, Meta(ge=1)]], Meta(min_length=1)] | None,
        Meta(description="Outputs of each layer; the last are the predictions."),
    ] = None,
    activation: Annotated[
        Literal["relu", "maximum", "tanh", "sigmoid"],
        Meta(
            description="The function between layers; maximum is torch.maximum(x, 0), whose slope "
            "at 0 is 1/2."
        ),
    ] = "relu",
    init: Annotated[
        Literal["randn", "xavier", "kaiming"],
        Meta(description="How weights are drawn: normal, Glorot's or He's normal."),
    ] = "randn",
    scale: Annotated[
        float,
        Meta(gt=0, description="Factor of the drawn numbers; randn with 0.1 suits a network."),
    ] = 1.0,
    model: Annotated[
        str | None, Meta(description="The name of a plugin's model, in place of layers.")
    ] = None,
    settings: Annotated[
        dict[str, Any] | None, Meta(description="Settings of that model, by name.")
    ] = None,
    outputs: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Predictions of a row, of a model that is a torch.nn.Module; null is the "
            "columns of y_train, or its largest class and one more."
        ),
    ] = None,
    ctx: Context,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Draw the first parameters of a network of linear layers, or of a plugin's model.

    Two layers for one target: `init_params: {layers: [64, 1], activation: relu, scale: 0.1}`.

    For layer k: `Wk` of `(inputs, outputs)` and `bk` of `(outputs,)` in `params`, with the dtype
    and device of `X_train` of `(n, d)`; the first layer takes its d columns. `model` says how they
    are used (layers, activation). `randn` draws weights and biases from the standard normal;
    `xavier` (Glorot and Bengio, 2010) and `kaiming` (He et al., 2015) draw weights with
    torch.nn.init and leave biases zero. All are multiplied by `scale`.

    `init_params: {model: NAME, settings: {...}}` draws the parameters of a plugin's model. If that
    is a torch.nn.Module, `X_train` is rows of any shape and dtype, `params` has its parameters and
    buffers by the names of its state dict, and `y_train` says how many outputs it has. Of classes
    a check does not know how many there are: with `outputs: 10` it checks the module too.
    """
    known = None if model is None else known_model(model, ctx)
    if model is not None and isinstance(known, ModuleModel):
        from flowrun_tensors.modules import drawn_module

        require_rows(X_train, "X_train")
        count = outputs or _outputs_for(y_train, ctx)
        return drawn_module(known, X_train, count, settings or {})
    if outputs is not None:
        raise FlowrunError(f"`outputs` is of a torch.nn.Module, and the model `{model}` is not one")
    if X_train.ndim != 2:
        raise FlowrunError(f"X_train has the shape {tuple(X_train.shape)}, not (rows, columns)")
    if model is not None and known is not None:
        settings = settings or {}
        params = known.init(X_train, **settings)
        return params, {"name": model, "settings": settings}
    assert layers is not None
    if not X_train.is_floating_point():
        raise FlowrunError(
            f"X_train is {X_train.dtype}, and parameters are drawn in its dtype, which must be a "
            "floating one\ncast the rows first: `cast: {X_train: float32, X_val: float32}`"
        )
    if _is_table(y_train) and y_train.shape[1] != layers[-1]:
        raise FlowrunError(
            f"the last layer gives {layers[-1]} predictions a row, and y_train has "
            f"{y_train.shape[1]} targets{_way_on(y_train, layers[-1], ctx)}"
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


@init_params.check_options
def _check_options(options: SimpleNamespace) -> None:
    """Either layers and how to draw them, or a plugin's model and its settings."""
    if options.model is None and options.layers is None:
        raise OptionError(
            "`init_params` needs `layers`, or a plugin's `model`",
            hint="`layers: [1]` is a linear model of one target",
        )
    if options.model is None and options.settings:
        raise OptionError(
            "`settings` are of a plugin's model, and there is none", option=("settings",)
        )
    if options.model is None and options.outputs is not None:
        raise OptionError(
            "`outputs` is of a model that is a torch.nn.Module",
            option=("outputs",),
            hint="of a network of layers the last of `layers` is its outputs",
        )
    given = [name for name, default in _OF_LAYERS.items() if getattr(options, name) != default]
    for name in [*(["layers"] if options.layers else []), *given] if options.model else []:
        raise OptionError(
            f"`{name}` is of a network of layers, and the model is `{options.model}`",
            option=(name,),
            hint="write options of the model itself in `settings`",
        )


def _outputs_for(y: torch.Tensor | None, ctx: Context) -> int:
    """The number of outputs for targets: their columns, or their largest class and one more.

    Raises FlowrunError, or NeedsDataError in a check, if that cannot be known.
    """
    if y is None:
        raise FlowrunError(
            "there is no `y_train` from which the number of outputs follows\n"
            "write it: `outputs: 1` for one number a row, or the number of classes"
        )
    if y.is_floating_point():
        return int(y.shape[1]) if y.ndim > 1 else 1
    if isinstance(ctx, CheckContext):
        raise NeedsDataError(
            "the number of classes is known from the data only\n"
            "write `outputs:` with it, and a check knows the shapes of the model too"
        )
    return int(y.max()) + 1


def _is_table(y: torch.Tensor | None) -> TypeGuard[torch.Tensor]:
    """Whether targets are numbers, one column for each prediction, and not classes."""
    return y is not None and y.ndim == 2 and y.is_floating_point()


def _way_on(y: torch.Tensor, outputs: int, ctx: Context) -> str:
    """What to change if a network has another number of outputs than there are targets."""
    end = f"end `layers` with {y.shape[1]}"
    cast = "cast the classes first: `cast: {y_train: int64, y_val: int64}`"
    if y.shape[1] > 1 or outputs == 1:
        return f": {end}"
    if not isinstance(ctx, CheckContext):  # which has no data
        if not torch.equal(y.round(), y) or float(y.min()) < 0 or float(y.max()) >= outputs:
            return f": {end}"
        if float(y.max()) == outputs - 1:
            return f", classes of a floating dtype\n{cast}"
    return f": {end}\nif they are classes, {cast}"


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
        gain_of: Any = "relu" if activation == "maximum" else activation
        torch.nn.init.kaiming_normal_(weights, nonlinearity=gain_of)
    return weights.T.contiguous()
