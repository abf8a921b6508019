"""A training in a check: the shapes of its outputs, its memory and its operations."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowrun import CheckContext, Unknown
from flowrun_tensors.batches import require_rows
from flowrun_tensors.engines.moment_matrix import block_shape
from flowrun_tensors.engines.task import Task
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.parameters import floating_of


def of_the_loop(task: Task, ctx: CheckContext) -> dict[str, Any]:
    """One update, and its backward pass, in the place of all."""
    settings, X, y = task.settings, task.X, task.y
    losses, trainee, validation = _losses(task), task.begin(task.params), task.validation()
    with ctx.repeated(settings.steps):
        if validation is not None:
            validation.measure(trainee.tensors(), 0)
        if settings.batch_size is not None:
            require_rows(X, settings.batch_size)
            rows = torch.empty(settings.batch_size, dtype=torch.int64, device=X.device)
            X, y = X.index_select(0, rows), y.index_select(0, rows)
        gradient_now = partial(task.gradient_at, trainee.weights, X, y)
        losses[0] = settings.update_of(trainee).take(gradient_now, settings.lr)
    ends_early = settings.tolerance or (validation is not None and validation.may_end)
    made = {"params": trainee.tensors(), "losses": Unknown("tensor") if ends_early else losses}
    if validation is not None:
        made["val_losses"] = Unknown("tensor") if ends_early else validation.losses
    return made


def of_moments(task: Task, ctx: CheckContext) -> dict[str, Any]:
    """A block of the one pass over the data, in the place of all."""
    rows, columns = block_shape(task.X, task.y)
    with ctx.repeated(-(-len(task.X) // rows)):
        block = torch.empty(rows, columns, dtype=torch.float64, device=task.X.device)
        block.T @ block
    params = {name: value.detach().clone() for name, value in task.params.items()}
    losses = Unknown("tensor") if task.settings.tolerance else _losses(task)
    return {"params": params, "losses": losses}


def _losses(task: Task) -> torch.Tensor:
    dtype = floating_of(task.params).dtype
    return torch.empty(task.settings.steps, dtype=dtype, device=task.X.device)
