"""torch.optim's sgd, adam and adamw over one vector of parameters, without allocating.

Names, defaults and order of operations are those of torch.optim (its documentation gives the
formulas), so that the same gradients give the same parameters.
"""

from __future__ import annotations

from typing import Any, Protocol

from flowrun_tensors.lazy_torch import torch


class FlatOptimizer(Protocol):
    """Updates `values` from `gradient`, both `(parameters,)`; the gradient is spent."""

    def update(self, lr: float) -> None:
        """Take one step with this learning rate."""

    def state(self) -> dict[str, Any]:
        """Numbers and tensors from which the updates go on; the tensors are live."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


def flat_optimizer(
    name: str, values: torch.Tensor, gradient: torch.Tensor, **options: Any
) -> FlatOptimizer:
    """`sgd`, `adam` or `adamw` over `values` and `gradient`, with torch.optim's options by name."""
    if name == "sgd":
        return FlatSGD(values, gradient, **options)
    return FlatAdam(values, gradient, decoupled=name == "adamw", **options)


class FlatSGD:
    """torch.optim.SGD: momentum, dampening, weight_decay, nesterov."""

    def __init__(
        self,
        values: torch.Tensor,
        gradient: torch.Tensor,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self._values, self._gradient = values, gradient
        self._momentum, self._dampening = momentum, dampening
        self._weight_decay, self._nesterov = weight_decay, nesterov
        self._velocity = torch.zeros_like(values) if momentum else None
        self._begun = False

    def update(self, lr: float) -> None:
        direction = self._gradient
        if self._weight_decay:
            direction.add_(self._values, alpha=self._weight_decay)
        if self._velocity is not None:
            if self._begun:
                self._velocity.mul_(self._momentum).add_(direction, alpha=1 - self._dampening)
            else:
                self._velocity.copy_(direction)
                self._begun = True
            if self._nesterov:
                direction.add_(self._velocity, alpha=self._momentum)
            else:
                direction = self._velocity
        self._values.add_(direction, alpha=-lr)

    def state(self) -> dict[str, Any]:
        return {"velocity": self._velocity} if self._begun else {}

    def restore(self, state: dict[str, Any]) -> None:
        if self._velocity is not None and "velocity" in state:
            self._velocity.copy_(state["velocity"])
            self._begun = True


class FlatAdam:
    """torch.optim.Adam, or with `decoupled` weight decay torch.optim.AdamW."""

    def __init__(
        self,
        values: torch.Tensor,
        gradient: torch.Tensor,
        *,
        decoupled: bool,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | None = None,
    ) -> None:
        self._values, self._gradient = values, gradient
        self._decoupled, self._eps = decoupled, eps
        self._betas = betas
        default = 1e-2 if decoupled else 0.0
        self._weight_decay = default if weight_decay is None else weight_decay
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._denominator = torch.empty_like(values)
        self._steps = 0

    def update(self, lr: float) -> None:
        first, second = self._betas
        self._steps += 1
        if self._decoupled:
            self._values.mul_(1 - lr * self._weight_decay)
        elif self._weight_decay:
            self._gradient.add_(self._values, alpha=self._weight_decay)
        self._mean.lerp_(self._gradient, 1 - first)
        self._square.mul_(second).addcmul_(self._gradient, self._gradient, value=1 - second)
        torch.sqrt(self._square, out=self._denominator)
        self._denominator.div_((1 - second**self._steps) ** 0.5).add_(self._eps)
        step_size = lr / (1 - first**self._steps)
        self._values.addcdiv_(self._mean, self._denominator, value=-step_size)

    def state(self) -> dict[str, Any]:
        return {"steps": self._steps, "mean": self._mean, "square": self._square}

    def restore(self, state: dict[str, Any]) -> None:
        self._steps = state["steps"]
        self._mean.copy_(state["mean"])
        self._square.copy_(state["square"])
