"""What to change if the loss of a descent stops being finite, and is not so already."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from flowrun import FlowrunError
from flowrun_tensors.engines.task import Task
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.parameters import floating_of
from flowrun_tensors.training import LossNotFiniteError

_LOOKED_AT = 10_000  # rows from which the scale of the data is estimated
_NORMAL_MEAN, _NORMAL_STD = 1.0, 3.0  # bounds of columns that need no normalizing
_LARGE_WEIGHTS = 0.3  # standard deviation of first weights that make a network's outputs large
_LARGE_TARGET = 10.0
_WIDEST = 140  # columns of one line of advice
_LOOK = "look at the data and the first parameters: the loss is not finite even in float64"


def advised(error: LossNotFiniteError, task: Task) -> FlowrunError:
    """The error of a descent, with advice that fits its data and settings."""
    advice = list(_advice(error, task)) or [_LOOK]
    text = ", ".join([*advice[:-1], f"or {advice[-1]}"]) if len(advice) > 1 else advice[0]
    if len(text) > _WIDEST:
        text = ",\n".join([*advice[:-1], f"or {advice[-1]}"])
    return FlowrunError(f"{error.found}\n{text}")


def _advice(error: LossNotFiniteError, task: Task) -> Iterator[str]:
    data = {"X_train": task.X, "y_train": task.y, **task.params}
    if broken := [name for name, value in data.items() if not value.isfinite().all()]:
        yield f"`{broken[0]}` has numbers that are not finite: look at the steps that give it"
        return
    if not error.is_from_start:
        converging = ""
        if error.largest_lr is not None:
            converging = f", and the descent converges below {error.largest_lr:.6g}"
        yield f"lower the learning rate (lr is {task.settings.lr:g}{converging})"
    if task.X.is_floating_point() and not _is_normal(task.X):
        larger = "" if error.largest_lr is None or error.is_from_start else " to allow a larger one"
        yield f"normalize the inputs{larger}"
    if (error.largest_lr is None or error.is_from_start) and _has_large_weights(task):
        yield "draw smaller first parameters (init_params: {scale: 0.1})"
    if error.largest_lr is None and (by := _divisor(task.y)):
        targets = f"y_train: y_train / {by}, y_val: y_val / {by}"
        yield f"divide the targets, which are large (above this step: compute: {{{targets}}})"
    if error.largest_lr is None and task.settings.optimizer == "sgd" and not error.is_from_start:
        yield "take `optimizer: adam`"
    if error.is_from_start and floating_of(task.params).dtype is not torch.float64:
        yield "compute in a wider dtype (dtype: float64)"


def _is_normal(X: torch.Tensor) -> bool:
    """Whether each column is about as `normalize` leaves it."""
    some = X[:_LOOKED_AT].double()
    std = some.std(0, correction=0)
    return bool((some.mean(0).abs() < _NORMAL_MEAN).all() and (std < _NORMAL_STD).all())


def _has_large_weights(task: Task) -> bool:
    """Whether the first weights of a network of layers are large; a plugin's model is not known."""
    if task.predictor.activation is None:
        return False
    weights = [value for name, value in task.params.items() if name.startswith("W")]
    return any(float(one.double().std(correction=0)) > _LARGE_WEIGHTS for one in weights)


def _divisor(y: torch.Tensor) -> int | None:
    """A power of ten that brings targets near 1; None if they are classes, or not large."""
    most = float(y.abs().max()) if y.is_floating_point() else 0.0
    return 10 ** floor(log10(most)) if most > _LARGE_TARGET else None
