"""Gradient descent by the loop one writes by hand: the reference every faster way is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flowrun import Context, FlowrunError, Unknown
from flowrun_tensors.lazy import torch
from flowrun_tensors.losses import Loss

_BLOCK = 100  # steps between two looks at whether the loss is still finite

Params = dict[str, "torch.Tensor"]
Predict = Callable[[Params, "torch.Tensor"], "torch.Tensor"]


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
    predict: Predict,
    loss_of: Loss,
    X: torch.Tensor,
    y: torch.Tensor,
    settings: Descent,
    ctx: Context,
) -> tuple[Params, torch.Tensor]:
    """Parameters after the descent, and the loss before each update, `(steps taken,)`.

    Each step: `W <- W - lr * dloss/dW`, the loss taken over the step's rows. `params` is not
    written to. How far it has come is offered as a checkpoint after each step; a run that was
    ended goes on from there, to the same bits. Raises FlowrunError where the loss stops being
    finite, naming the step.
    """
    losses = torch.empty(settings.steps, dtype=y.dtype, device=y.device)
    batches = None if settings.batch_size is None else Batches(X, settings.batch_size)
    begun = 0
    if ctx.restored is not None:
        begun, params = ctx.restored["steps"], ctx.restored["params"]
        losses[:begun] = ctx.restored["losses"]
        if batches is not None:
            batches.restore(ctx.restored["batches"])
    params = _tracked(params)
    taken = settings.steps
    for step in range(begun, settings.steps):
        X_step, y_step = (X, y) if batches is None else batches.select(X, y)
        losses[step] = _updated(params, predict, loss_of, X_step, y_step, settings.lr)
        if settings.tolerance and step and _change(losses, step) < settings.tolerance:
            taken = step + 1
            break
        if (step + 1) % _BLOCK == 0:
            _require_finite(losses, step + 1 - _BLOCK, step + 1, settings.lr)
        if ctx.wants_progress:
            ctx.progress(step + 1, settings.steps, loss=float(losses[step]))
        ctx.checkpoint(partial(_state, step + 1, params, losses, batches))
    _require_finite(losses, 0, taken, settings.lr)
    return _plain(params), losses[:taken]


def descend_on_shapes(
    params: Params,
    predict: Predict,
    loss_of: Loss,
    X: torch.Tensor,
    y: torch.Tensor,
    settings: Descent,
    ctx: Context,
) -> tuple[Params, torch.Tensor | Unknown]:
    """What `descend` gives, from one update that stands for all of them; no data is looked at."""
    losses = torch.empty(settings.steps, dtype=y.dtype, device=y.device)
    params = _tracked(params)
    with ctx.repeated(settings.steps):
        if settings.batch_size is not None:
            _require_rows(X, settings.batch_size)
            rows = torch.empty(settings.batch_size, dtype=torch.int64, device=X.device)
            X, y = X.index_select(0, rows), y.index_select(0, rows)
        losses[0] = _updated(params, predict, loss_of, X, y, settings.lr)
    return _plain(params), Unknown("tensor") if settings.tolerance else losses


def _tracked(params: Params) -> Params:
    """Copies by which one can differentiate."""
    return {name: value.detach().clone().requires_grad_() for name, value in params.items()}


def _plain(params: Params) -> Params:
    return {name: value.detach() for name, value in params.items()}


def _updated(
    params: Params, predict: Predict, loss_of: Loss, X: torch.Tensor, y: torch.Tensor, lr: float
) -> torch.Tensor:
    """Take one step down the gradient, in place; gives the loss before it."""
    loss = loss_of(predict(params, X), y)
    gradients = torch.autograd.grad(loss, list(params.values()))
    with torch.no_grad():
        for value, gradient in zip(params.values(), gradients, strict=True):
            value -= lr * gradient
    return loss.detach()


def _change(losses: torch.Tensor, step: int) -> float:
    """By how much the loss has changed since the step before."""
    return abs(float(losses[step - 1]) - float(losses[step]))


def _state(
    steps: int, params: Params, losses: torch.Tensor, batches: Batches | None
) -> dict[str, Any]:
    """From what the descent can go on after so many steps."""
    return {
        "steps": steps,
        "params": {name: value.detach() for name, value in params.items()},
        "losses": losses[:steps],
        "batches": None if batches is None else batches.state(),
    }


class Batches:
    """The rows of one update after the other, each pass over them in a new random order.

    The last batch of a pass holds what is left. Raises FlowrunError where one batch would hold
    more rows than there are.
    """

    def __init__(self, X: torch.Tensor, size: int) -> None:
        _require_rows(X, size)
        self._count = len(X)
        self._size = size
        self._device = X.device
        self._begin_pass()

    def select(self, X: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows of the next update."""
        if self._position >= self._count:
            self._begin_pass()
        rows = self._order[self._position : self._position + self._size]
        self._position += self._size
        return X.index_select(0, rows), y.index_select(0, rows)

    def state(self) -> dict[str, Any]:
        """The generator before this pass, and how far the pass has come."""
        return {"generator": self._generator, "position": self._position}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        _set_generator(self._device, state["generator"])
        self._begin_pass()
        self._position = state["position"]

    def _begin_pass(self) -> None:
        self._generator = _generator(self._device)
        self._order = torch.randperm(self._count, device=self._device)
        self._position = 0


def _require_rows(X: torch.Tensor, size: int) -> None:
    if size > len(X):
        raise FlowrunError(
            f"batch_size is {size}, and there are {len(X)} rows; "
            "leave batch_size out to take them all"
        )


def _generator(device: torch.device) -> torch.Tensor:
    """The state of the default generator of a device."""
    if device.type == "cpu":
        return torch.get_rng_state()
    return torch.get_device_module(device.type).get_rng_state(device)


def _set_generator(device: torch.device, state: torch.Tensor) -> None:
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.get_device_module(device.type).set_rng_state(state.cpu(), device)


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
