"""Gradient descent by the loop one writes by hand: the reference every faster way is held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowrun import Context, FlowrunError
from flowrun_tensors.lazy import torch
from flowrun_tensors.losses import Loss

_BLOCK = 100  # steps between two looks at whether the loss is still finite

Params = dict[str, "torch.Tensor"]


@dataclass(frozen=True, slots=True)
class Descent:
    """The settings of one gradient descent.

    lr: learning rate. steps: updates. batch_size: rows of one update, None for all of them.
    tolerance: stop when the loss changes by less than this from one step to the next; 0 never.
    """

    lr: float
    steps: int
    batch_size: int | None
    tolerance: float


def descend(
    params: Params,
    predict: Callable[[Params, torch.Tensor], torch.Tensor],
    loss_of: Loss,
    X: torch.Tensor,
    y: torch.Tensor,
    settings: Descent,
    ctx: Context,
) -> tuple[Params, torch.Tensor]:
    """Parameters after the descent, and the loss before each update, `(steps taken,)`.

    Each step: `W <- W - lr * dloss/dW`, the loss taken over the step's rows. `params` is not
    written to. Raises FlowrunError where the loss stops being finite, naming the step.
    """
    params = {name: value.detach().clone().requires_grad_() for name, value in params.items()}
    losses = torch.empty(settings.steps, dtype=y.dtype, device=y.device)
    rows = batches(len(X), settings.batch_size, X.device)
    previous = math.inf
    taken = settings.steps
    for step in range(settings.steps):
        X_step, y_step = (X, y) if rows is None else _select(X, y, next(rows))
        loss = loss_of(predict(params, X_step), y_step)
        gradients = torch.autograd.grad(loss, list(params.values()))
        with torch.no_grad():
            for value, gradient in zip(params.values(), gradients, strict=True):
                value -= settings.lr * gradient
        losses[step] = loss.detach()
        if settings.tolerance:
            current = float(losses[step])
            if abs(previous - current) < settings.tolerance:
                taken = step + 1
                break
            previous = current
        if (step + 1) % _BLOCK == 0:
            _require_finite(losses, step + 1 - _BLOCK, step + 1, settings.lr)
        if ctx.wants_progress:
            ctx.progress(step + 1, settings.steps, loss=float(losses[step]))
    _require_finite(losses, 0, taken, settings.lr)
    return {name: value.detach() for name, value in params.items()}, losses[:taken]


def batches(
    count: int, batch_size: int | None, device: torch.device
) -> Iterator[torch.Tensor] | None:
    """Row indices of one update after the other, each pass over the rows in a new random order.

    None where every update takes all rows. The last batch of a pass holds what is left.
    """
    if batch_size is None:
        return None
    if batch_size > count:
        raise FlowrunError(
            f"batch_size is {batch_size}, and there are {count} rows; "
            "leave batch_size out to take them all"
        )

    def forever(size: int) -> Iterator[torch.Tensor]:
        while True:
            yield from torch.randperm(count, device=device).split(size)

    return forever(batch_size)


def _select(
    X: torch.Tensor,
    y: torch.Tensor,
    rows: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    return X.index_select(0, rows), y.index_select(0, rows)


def _require_finite(losses: torch.Tensor, start: int, end: int, lr: float) -> None:
    """Raise where a loss among the steps `start` to `end` is not finite, naming the first one."""
    finite = losses[start:end].isfinite()
    if finite.all():
        return
    step = start + int((~finite).nonzero()[0])
    last = (
        f"the last finite loss was {float(losses[step - 1]):.6g}"
        if step
        else (
            "it was so from the first step: data or first parameters are not finite, or too large"
        )
    )
    raise FlowrunError(
        f"the loss stopped being finite at step {step + 1} ({float(losses[step])}); {last}\n"
        f"lower the learning rate (lr is {lr:g}), draw smaller first parameters "
        "(init_params: {scale: 0.1}), or normalize the inputs"
    )
