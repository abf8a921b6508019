"""The result of an engine, and the errors for a descent that diverges or is not covered."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch


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


class DivergedError(FlowrunError):
    """The loss stops being finite, found without a step being taken.

    step: counted from 0, that of the first loss that is not finite. last_loss: the last finite one,
    None if there is none. largest_lr: with a constant learning rate below this it converges.
    """

    def __init__(self, step: int, last_loss: float | None, lr: float, largest_lr: float) -> None:
        self.step = step
        self.last_loss = last_loss
        self.lr = lr
        self.largest_lr = largest_lr
        if last_loss is None:
            super().__init__(
                "the loss stopped being finite at step 1 (inf); it was so from the first step: "
                "data or first parameters are not finite, or too large\n"
                "normalize the inputs, or draw smaller first parameters (init_params: {scale: 0.1})"
            )
            return
        super().__init__(
            f"the loss stopped being finite at step {step + 1} (inf); "
            f"the last finite loss was {last_loss:.6g}\n"
            f"lower the learning rate (lr is {lr:g}, and the descent converges below "
            f"{largest_lr:.6g}), or normalize the inputs to allow a larger one"
        )


class NotCoveredError(FlowrunError):
    """The engine cannot compute the path of the loop, for the reason given; the loop itself can."""
