"""The step `gd_train`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, Literal

from flowrun import CheckContext, Context, Meta, OptionError, step
from flowrun_tensors.engines.task import Task
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import Predictor, predictor_of
from flowrun_tensors.schedules import check_schedule, learning_rates
from flowrun_tensors.training import Descent, LossNotFiniteError
from flowrun_tensors.training_data import data_of, fitting_targets, require_rows

Engine = Literal["auto", "spectral", "moments", "fused", "autograd", "numba"]

_STEPS = 1000
_SGD = ("momentum", "nesterov")
_GROWTH = 1000  # of the loss over its first, from which on a descent counts as diverging


def _is_validated(options: SimpleNamespace) -> bool:
    return bool(options.validate or options.patience)


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    """The rows to validate with are inputs only of a training that uses them."""
    return ("X_val", "y_val") if _is_validated(options) else ()


def _outputs(options: SimpleNamespace) -> tuple[str, ...]:
    return ("params", "losses", *(["val_losses"] if _is_validated(options) else []))


@step(inputs=_inputs, outputs=_outputs, random=True)
def gd_train(
    validation: dict[str, torch.Tensor],
    params: dict[str, torch.Tensor],
    X_train: torch.Tensor,
    y_train: torch.Tensor,
    model: dict[str, Any] | None = None,
    *,
    lr: Annotated[float, Meta(gt=0, description="Learning rate.")] = 0.01,
    steps: Annotated[int, Meta(ge=1, description="Updates of the parameters.")] = _STEPS,
    epochs: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Passes over the rows, in place of `steps`; schedule and patience too."),
    ] = None,
    loss: Annotated[
        Literal["mse", "mae", "huber", "cross_entropy", "binary_cross_entropy"],
        Meta(description="The loss to minimize, a mean over rows."),
    ] = "mse",
    batch_size: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Rows of one update, in random order; null takes all rows each time."),
    ] = None,
    tolerance: Annotated[
        float, Meta(ge=0, description="Stop when the loss changes by less; 0 takes every step.")
    ] = 0.0,
    optimizer: Annotated[
        Literal[
            "sgd",
            "adam",
            "adamw",
            "lbfgs",
            "nadam",
            "radam",
            "adamax",
            "adadelta",
            "adagrad",
            "rmsprop",
        ],
        Meta(description="How the gradient becomes an update, with torch.optim's defaults."),
    ] = "sgd",
    momentum: Annotated[float, Meta(ge=0, lt=1, description="Of sgd.")] = 0.0,
    nesterov: Annotated[bool, Meta(description="Of sgd: look ahead by the momentum.")] = False,
    weight_decay: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="L2 penalty; null is torch.optim's default (0, and 0.01 for adamw)."),
    ] = None,
    clip_norm: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Scale a gradient to this norm, over all parameters, if it has more."),
    ] = None,
    schedule: Annotated[
        dict[str, Any] | None,
        Meta(
            description="How lr changes, as torch.optim.lr_scheduler has it: "
            "{StepLR: {step_size: 300}}."
        ),
    ] = None,
    validate: Annotated[
        bool, Meta(description="Give the loss on X_val before each update, or after each epoch.")
    ] = False,
    patience: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Stop after so many updates, or epochs, without a lower loss on X_val."),
    ] = None,
    engine: Annotated[
        Engine,
        Meta(description="How the descent is computed; auto picks the fastest that supports it."),
    ] = "auto",
    ctx: Context,
) -> dict[str, Any]:
    """Train by gradient descent.

    As the article trains: `gd_train: {lr: 0.01, steps: 1000}`.

    Takes `params` of `init_params`, `X_train` of `(n, d)` and `y_train` of `(n, k)`, floating and
    of one dtype (rows of any shape and dtype for a torch.nn.Module); returns the trained `params`
    and `losses` of `(steps taken,)`, the loss before each update. For `cross_entropy`, `y_train` is
    the classes from 0, int64 of `(n,)` or `(n, 1)`. For `binary_cross_entropy`, of a model with one
    output, they are 0 and 1, of any dtype. Each update subtracts `lr` times the gradient, or the
    optimizer's function of it.

    With `validate` or `patience` it takes `X_val` and `y_val` too, and returns `val_losses`; with
    `patience` the parameters are those of the lowest loss on `X_val`.

    `epochs` counts passes over the rows in place of `steps`: `gd_train: {batch_size: 64, epochs:
    20}`. Then the schedule changes the learning rate after each epoch, and the loss on `X_val` is
    taken after each, `val_losses` of `(epochs taken,)`. `losses` has the loss of each update, and
    `tolerance` compares the means of its epochs. Leave `steps` out then: any other number than its
    default is an error.

    A torch.nn.Module is trained in train mode, by torch.optim, and its buffers change with it; the
    loss on `X_val` is taken in eval mode.

    The engine `autograd` is the loop one writes by hand; the others compute the same descent
    faster (docs/training.md says which, and how close their results are).

    Raises FlowrunError if shapes do not fit, or if the loss stops being finite: the message
    names the step, the last finite loss, and the option to change.
    """
    from flowrun_tensors.engines.choice import walked

    options = _of_optimizer(momentum, nesterov, weight_decay)
    lrs = learning_rates(lr, epochs or steps, schedule)
    epoch = _updates_of_epoch(X_train, epochs, batch_size)
    taken = _updates(steps, epochs, epoch)
    settings = Descent(lr, taken, batch_size, tolerance, optimizer, options, lrs, epoch, clip_norm)
    task = _task(
        validation, params, X_train, y_train, predictor_of(model, ctx), loss, settings, patience
    )
    try:
        trained, losses, val_losses = walked(engine, task, ctx)
    except LossNotFiniteError as error:
        from flowrun_tensors.divergence import advised

        raise advised(error, task) from error
    first, last = float(losses[0]), float(losses[-1])
    passes = f", {-(-len(losses) // epoch)} epochs" if epoch else ""
    ctx.log(f"loss {first:.5g} -> {last:.5g} in {len(losses)} steps{passes}")
    _warn_of_growth(losses, ctx)
    if val_losses is None:
        return {"params": trained, "losses": losses}
    least = int(val_losses.argmin())
    when = f"{least + 1} epochs" if epoch else f"{least} updates"
    ctx.log(f"least loss on X_val {float(val_losses[least]):.5g}, after {when}")
    return {"params": trained, "losses": losses, "val_losses": val_losses}


def _warn_of_growth(losses: torch.Tensor, ctx: Context) -> None:
    """Warn of a descent that diverged on its way, as with a schedule that begins too high."""
    highest = int(losses.argmax())
    first, most = float(losses[0]), float(losses[highest])
    if most > _GROWTH * first > 0:
        ctx.warn(
            f"the loss grew from {first:.5g} to {most:.5g} at step {highest + 1}: the descent "
            "diverged there, and rounding errors grew with it; lower `lr`"
        )


@gd_train.check_options
def _check_options(options: SimpleNamespace) -> None:
    """Check that the settings of schedule and optimizer are compatible."""
    check_schedule(options.schedule)
    for name in _SGD:
        if getattr(options, name) and options.optimizer != "sgd":
            raise OptionError(
                f"`{name}` is of sgd, and the optimizer is {options.optimizer}", option=(name,)
            )
    if options.nesterov and not options.momentum:
        raise OptionError(
            "`nesterov` needs `momentum`", option=("nesterov",), hint="`momentum: 0.9` is usual"
        )
    if options.epochs and options.steps != _STEPS:
        raise OptionError(
            "`epochs` and `steps` both say how long to train", option=("steps",),
            hint="leave `steps` out: an epoch has as many steps as there are batches",
        )  # fmt: skip
    if options.optimizer == "lbfgs" and options.weight_decay:
        raise OptionError("lbfgs has no `weight_decay`", option=("weight_decay",))


@gd_train.on_shapes
def _on_shapes(
    validation: dict[str, torch.Tensor],
    params: dict[str, torch.Tensor],
    X_train: torch.Tensor,
    y_train: torch.Tensor,
    model: dict[str, Any] | None = None,
    *,
    lr: float,
    steps: int,
    epochs: int | None,
    loss: str,
    batch_size: int | None,
    tolerance: float,
    optimizer: str,
    momentum: float,
    nesterov: bool,
    weight_decay: float | None,
    clip_norm: float | None,
    schedule: dict[str, Any] | None,
    validate: bool,
    patience: int | None,
    engine: str,
    ctx: CheckContext,
) -> dict[str, Any]:
    """The engine's requirements, and the shapes of its results."""
    from flowrun_tensors.engines.choice import walked_on_shapes

    options = _of_optimizer(momentum, nesterov, weight_decay)
    epoch = _updates_of_epoch(X_train, epochs, batch_size)
    taken = _updates(steps, epochs, epoch)
    settings = Descent(lr, taken, batch_size, tolerance, optimizer, options, None, epoch, clip_norm)
    task = _task(
        validation, params, X_train, y_train, predictor_of(model, ctx), loss, settings, patience,
        is_data=False,
    )  # fmt: skip
    return walked_on_shapes(engine, task, ctx)


def _updates_of_epoch(X: torch.Tensor, epochs: int | None, batch_size: int | None) -> int | None:
    """The updates of one pass over the rows; None if the training is not counted in epochs."""
    if epochs is None:
        return None
    require_rows(X, "X_train")
    return -(-len(X) // (batch_size or len(X)))


def _updates(steps: int, epochs: int | None, epoch: int | None) -> int:
    """How many updates are taken. epoch: those of one pass over the rows."""
    return epochs * epoch if epochs and epoch else steps


def _of_optimizer(momentum: float, nesterov: bool, weight_decay: float | None) -> dict[str, Any]:
    """The optimizer's settings that are not torch's defaults."""
    found: dict[str, Any] = {"momentum": momentum} if momentum else {}
    found |= {"nesterov": True} if nesterov else {}
    return found | ({} if weight_decay is None else {"weight_decay": weight_decay})


def _task(
    validation: dict[str, torch.Tensor],
    params: dict[str, torch.Tensor],
    X: torch.Tensor,
    y: torch.Tensor,
    predictor: Predictor,
    loss: str,
    settings: Descent,
    patience: int | None,
    *,
    is_data: bool = True,
) -> Task:
    """The training; raises FlowrunError if rows and targets do not fit."""
    X, y = data_of(X), data_of(y)
    y = fitting_targets(predictor, params, X, y, loss, is_data=is_data)
    validated = None
    if validation:
        X_val, y_val = data_of(validation["X_val"]), data_of(validation["y_val"])
        y_val = fitting_targets(predictor, params, X_val, y_val, loss, part="val", is_data=is_data)
        validated = X_val, y_val
    return Task(params, X, y, predictor, loss, settings, validated, patience)
