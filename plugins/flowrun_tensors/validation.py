"""The loss on validation rows, and the step at which it was least."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.parameters import Params

LossOf = Callable[[Params], "torch.Tensor"]


class Validation:
    """Follows a descent, and detects when it no longer improves.

    loss_of: the loss of parameters on the rows to validate with. losses: of `(steps,)`, before each
    update, or of `(epochs,)`, after each epoch. patience: stop after so many looks without a lower
    loss; None never stops. epoch: the updates of one epoch if it is looked at after each, else
    None.
    """

    def __init__(
        self,
        loss_of: LossOf,
        like: torch.Tensor,
        steps: int,
        patience: int | None,
        epoch: int | None = None,
    ) -> None:
        self._loss_of = loss_of
        self._patience = patience
        self._epoch = epoch
        looks = steps if epoch is None else steps // epoch
        self.losses = torch.empty(looks, dtype=like.dtype, device=like.device)
        self._least = float("inf")
        self._best: Params | None = None
        self._waited = 0

    @property
    def may_end(self) -> bool:
        """Whether the descent may end before its last step."""
        return self._patience is not None

    def measure(self, params: Params, look: int) -> None:
        """Note the loss of parameters at one look, counted from 0."""
        with torch.no_grad():
            self.losses[look] = self._loss_of(params)

    def before(self, params: Callable[[], Params], step: int) -> bool:
        """Look at parameters before an update; whether the descent ends with that update."""
        return self._epoch is None and self._look(params(), step)

    def after(self, params: Callable[[], Params], step: int) -> bool:
        """Look at parameters after the last update of an epoch; whether the descent ends."""
        if self._epoch is None or (step + 1) % self._epoch:
            return False
        return self._look(params(), step // self._epoch)

    def _look(self, params: Params, look: int) -> bool:
        self.measure(params, look)
        if self._patience is None:
            return False
        loss = float(self.losses[look])
        if math.isnan(loss):  # `finished` reports it, unless the loss on X_train does first
            return True
        if loss < self._least:
            self._least, self._waited = loss, 0
            if self._best is None:
                self._best = {name: value.detach().clone() for name, value in params.items()}
            else:
                for name, value in params.items():
                    self._best[name].copy_(value.detach())
            return False
        self._waited += 1
        return self._waited >= self._patience

    def chosen(self, params: Params) -> Params:
        """The last parameters; with patience those of the least loss, the last included."""
        if self._best is None:
            return params
        with torch.no_grad():
            return params if float(self._loss_of(params)) < self._least else self._best

    def finished(self, steps: int) -> torch.Tensor:
        """The losses noted by the end of so many updates; raises FlowrunError if one is nan."""
        missing = self._taken(steps).isnan().nonzero()
        if len(missing):
            when = "before update" if self._epoch is None else "after epoch"
            raise FlowrunError(
                f"the loss on X_val is nan {when} {int(missing[0]) + 1}: `X_val` or `y_val` "
                "hold numbers that are not finite, or predictions leave the range of their dtype\n"
                "look at the data above; without `validate` and `patience` X_val is not used"
            )
        return taken_of(self.losses, len(self._taken(steps)))

    def _taken(self, steps: int) -> torch.Tensor:
        """The losses noted by the end of so many updates."""
        return self.losses[: steps if self._epoch is None else steps // self._epoch]

    def state(self, steps: int) -> dict[str, Any]:
        """The state from which to resume after so many steps; tensors are live, not copies."""
        return {
            "losses": self._taken(steps),
            "least": self._least,
            "best": self._best,
            "waited": self._waited,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.losses[: len(state["losses"])] = state["losses"]
        self._least, self._best = state["least"], state["best"]
        self._waited = state["waited"]


def taken_of(losses: torch.Tensor, steps: int) -> torch.Tensor:
    """The losses of the steps taken, without the memory of those that were not."""
    return losses if steps == len(losses) else losses[:steps].clone()
