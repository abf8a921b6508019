"""Gradient descent by the loop one writes by hand: the reference for every faster engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from flowrun import Context, FlowrunError
from flowrun_tensors.batches import Batches, generator_state, set_generator
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.parameters import GradientAt, Params, floating_of
from flowrun_tensors.updates import Update, update_of
from flowrun_tensors.validation import Validation, taken_of

BLOCK = 100  # steps between two looks at whether the loss is still finite


@dataclass(frozen=True, slots=True)
class Descent:
    """The settings of one gradient descent.

    lr: learning rate. steps: updates. batch_size: rows of one update, None for all of them.
    tolerance: stop when the loss changes by less than this from one step to the next, or the mean
    loss of an epoch from one epoch to the next; 0 never.
    optimizer, options: one of torch.optim's by name, and its settings beside lr. lrs: the learning
    rate of each step, or of each epoch, None if it is `lr` throughout. epoch: the updates of one
    epoch if the descent is counted in epochs, else None. clip_norm: the largest norm of a gradient,
    over all parameters; None leaves it as it is.
    """

    lr: float
    steps: int
    batch_size: int | None
    tolerance: float
    optimizer: str = "sgd"
    options: Mapping[str, Any] = field(default_factory=dict)
    lrs: Sequence[float] | None = None
    epoch: int | None = None
    clip_norm: float | None = None

    def rate(self, step: int) -> float:
        """The learning rate of a step, constant or not."""
        return self.lr if self.lrs is None else self.lrs[step // (self.epoch or 1)]

    def has_settled(self, losses: torch.Tensor, step: int) -> bool:
        """Whether the loss has changed by less than the tolerance with this step.

        Losses of two batches differ as their rows do, so an epoch is compared as a whole.
        """
        epoch = self.epoch or 1
        if not self.tolerance or (step + 1) % epoch or step < epoch:
            return False
        last = losses[step + 1 - 2 * epoch : step + 1].view(2, epoch).mean(1)
        return abs(float(last[0]) - float(last[1])) < self.tolerance

    def update_of(self, trainee: Trainee) -> Update:
        """What changes the weights of a model at each step."""
        return update_of(
            trainee.weights, self.optimizer, self.lr, self.options,
            clip_norm=self.clip_norm, is_of_module=not isinstance(trainee, Tracked),
        )  # fmt: skip


class Trained(NamedTuple):
    """Parameters after a descent, and the losses before each update, `(steps taken,)`.

    val_losses: on the rows to validate with; None if there are none.
    """

    params: Params
    losses: torch.Tensor
    val_losses: torch.Tensor | None = None


class Trainee(Protocol):
    """A model while a descent trains it.

    weights: the tensors that an update changes, by which one can differentiate.
    """

    weights: Params

    def tensors(self) -> Params:
        """All tensors of the model as they are now, not tracked."""


class Tracked:
    """The parameters of a model that is a function, copied and tracked."""

    def __init__(self, params: Params) -> None:
        self.weights = {
            name: value.detach().clone().requires_grad_() for name, value in params.items()
        }

    def tensors(self) -> Params:
        """The parameters as they are now, not tracked."""
        return {name: value.detach() for name, value in self.weights.items()}


def descend(
    params: Params,
    gradient_at: GradientAt,
    X: torch.Tensor,
    y: torch.Tensor,
    settings: Descent,
    ctx: Context,
    *,
    validation: Validation | None = None,
    engine: str = "autograd",
    begin: Callable[[Params], Trainee] = Tracked,
) -> Trained:
    """Take each step: `W <- W - lr * dloss/dW`, or the update of an optimizer.

    The loss is taken over the step's rows. `params` is not written to: `begin` makes of it what is
    trained. Its state is offered as a checkpoint after each step, under the name of the engine; a
    run that was ended goes on from there, to the same bits. Raises FlowrunError if the loss stops
    being finite, naming the step.
    """
    losses = torch.empty(settings.steps, dtype=floating_of(params).dtype, device=X.device)
    batches = None if settings.batch_size is None else Batches(X, settings.batch_size)
    restored = restored_of(engine, ctx)
    begun = 0 if restored is None else restored["steps"]
    trainee = begin(params if restored is None else restored["params"])
    weights = trainee.weights
    update = settings.update_of(trainee)
    if restored is not None:
        losses[:begun] = restored["losses"]
        update.restore(restored["optimizer"])
        restore_surroundings(restored, X.device, batches, validation)
    taken = settings.steps

    def loss_now() -> float:
        return float(losses[step])

    for step in range(begun, settings.steps):
        is_last = validation is not None and validation.before(trainee.tensors, step)
        X_step, y_step = (X, y) if batches is None else batches.select(X, y)
        gradient_now = partial(gradient_at, weights, X_step, y_step)
        losses[step] = update.take(gradient_now, settings.rate(step))
        is_last |= validation is not None and validation.after(trainee.tensors, step)
        if is_last or settings.has_settled(losses, step):
            taken = step + 1
            break
        if (step + 1) % BLOCK == 0:
            require_finite(losses, step + 1 - BLOCK, step + 1)
        ctx.progress(step + 1, settings.steps, loss=loss_now)
        ctx.checkpoint(
            partial(_state, engine, step + 1, trainee, losses, update, batches, validation)
        )
    require_finite(losses, 0, taken)
    return trained(trainee.tensors(), taken_of(losses, taken), validation)


def trained(params: Params, losses: torch.Tensor, validation: Validation | None) -> Trained:
    """The result of a descent that ends with these parameters.

    Raises FlowrunError if the loss on the rows to validate with was nan.
    """
    if validation is None:
        return Trained(params, losses)
    val_losses = validation.finished(len(losses))
    return Trained(validation.chosen(params), losses, val_losses)


def restored_of(engine: str, ctx: Context) -> dict[str, Any] | None:
    """The checkpoint from which an engine resumes; None at the start or if another wrote it."""
    found = ctx.restored
    return found if found is not None and found.get("engine") == engine else None


def surroundings_state(
    steps: int, device: torch.device, batches: Batches | None, validation: Validation | None
) -> dict[str, Any]:
    """The state beside parameters: the next draws, and the validation so far."""
    return {
        "generator": generator_state(device),
        "batches": None if batches is None else batches.state(),
        "validation": None if validation is None else validation.state(steps),
    }


def restore_surroundings(
    restored: dict[str, Any],
    device: torch.device,
    batches: Batches | None,
    validation: Validation | None,
) -> None:
    """Restore the state of a checkpoint beside parameters."""
    if batches is not None:
        batches.restore(restored["batches"])
    if validation is not None:
        validation.restore(restored["validation"])
    set_generator(device, restored["generator"])


def _state(
    engine: str,
    steps: int,
    trainee: Trainee,
    losses: torch.Tensor,
    update: Update,
    batches: Batches | None,
    validation: Validation | None,
) -> dict[str, Any]:
    """The state from which the descent can resume after so many steps."""
    return {
        "engine": engine,
        "steps": steps,
        "params": trainee.tensors(),
        "losses": losses[:steps],
        "optimizer": update.state(),
        **surroundings_state(steps, losses.device, batches, validation),
    }


class LossNotFiniteError(FlowrunError):
    """The loss of a descent stops being finite.

    step: counted from 0, that of the first loss that is not finite. last: the loss before it, None
    if there is none. largest_lr: with a constant learning rate below this the descent converges;
    None if that is not known. found: what happened, in one line.
    """

    def __init__(
        self, step: int, loss: float, last: float | None, largest_lr: float | None = None
    ) -> None:
        self.step = step
        self.is_from_start = last is None
        self.largest_lr = largest_lr
        before = "from the first step on: data or first parameters are too large, or not finite"
        if last is not None:
            before = f"the last finite loss was {last:.6g}"
        self.found = f"the loss stopped being finite at step {step + 1} ({loss}); {before}"
        known = largest_lr is not None and last is not None
        super().__init__(self.found + (f"; it converges below {largest_lr:.6g}" if known else ""))


def require_finite(losses: torch.Tensor, start: int, end: int) -> None:
    """Raise if a loss among the steps `start` to `end` is not finite, naming the first one."""
    finite = losses[start:end].isfinite()
    if finite.all():
        return
    step = start + int((~finite).nonzero()[0])
    last = float(losses[step - 1]) if step else None
    raise LossNotFiniteError(step, float(losses[step]), last)
