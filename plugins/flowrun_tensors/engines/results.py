"""The result of an engine, and the errors for a descent that diverges or is not covered."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.training import LossNotFiniteError


@dataclass(frozen=True, slots=True)
class Descended:
    """The end of a descent.

    params: `W1` `(d, k)` and `b1` `(k,)` after the last step taken, of the dtype and on the device
    of the first ones. losses: before each update, `(steps taken,)`, of the dtype and on the device
    of `y`. largest_lr: with a constant learning rate below this the descent converges.
    """

    params: dict[str, torch.Tensor]
    losses: torch.Tensor
    largest_lr: float


class DivergedError(LossNotFiniteError):
    """The loss stops being finite, found without a step being taken.

    step: counted from 0, that of the first loss that is not finite. last_loss: the last finite one,
    None if there is none. largest_lr: with a constant learning rate below this it converges.
    """

    largest_lr: float

    def __init__(self, step: int, last_loss: float | None, largest_lr: float) -> None:
        self.last_loss = last_loss
        super().__init__(step, float("inf"), last_loss, largest_lr)


class NotCoveredError(FlowrunError):
    """The engine cannot compute the path of the loop, for the reason given; the loop itself can."""
