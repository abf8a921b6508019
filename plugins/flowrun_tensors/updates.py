"""How one update changes the parameters: by the rule written out, or by an optimiser of torch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from flowrun_tensors.lazy_compiler import postpone_compiler
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import Params

# Loss and gradients at the parameters as they are, in their order.
GradientNow = Callable[[], "tuple[torch.Tensor, Sequence[torch.Tensor]]"]

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "lbfgs": "LBFGS"}


class Update(Protocol):
    """Updates parameters in place."""

    def take(self, gradient_now: GradientNow, lr: float) -> torch.Tensor:
        """Update once; gives the loss before."""

    def state(self) -> Any:
        """The state from which updates resume."""

    def restore(self, state: Any) -> None:
        """Go on from a state."""


def update_of(params: Params, optimizer: str, lr: float, options: Mapping[str, Any]) -> Update:
    """The update of an optimiser by name; plain `sgd` is the rule written out."""
    if optimizer == "sgd" and not options:
        return _Plain(params)
    return _OfTorch(params, OPTIMIZERS[optimizer], lr, options)


class _Plain:
    """`W <- W - lr * dloss/dW`."""

    def __init__(self, params: Params) -> None:
        self._values = list(params.values())

    def take(self, gradient_now: GradientNow, lr: float) -> torch.Tensor:
        loss, gradients = gradient_now()
        with torch.no_grad():
            for value, gradient in zip(self._values, gradients, strict=True):
                value -= lr * gradient
        return loss

    def state(self) -> None:
        """Updates have no state."""

    def restore(self, state: Any) -> None:
        """Updates have no state."""


class _OfTorch:
    """An optimiser of torch.optim."""

    def __init__(self, params: Params, name: str, lr: float, options: Mapping[str, Any]) -> None:
        self._values = list(params.values())
        postpone_compiler()
        self._optimizer = getattr(torch.optim, name)(self._values, lr=lr, **options)

    def take(self, gradient_now: GradientNow, lr: float) -> torch.Tensor:
        for group in self._optimizer.param_groups:
            group["lr"] = lr

        def closure() -> torch.Tensor:
            loss, gradients = gradient_now()
            for value, gradient in zip(self._values, gradients, strict=True):
                value.grad = gradient
            return loss

        loss: torch.Tensor = self._optimizer.step(closure)
        return loss

    def state(self) -> Any:
        found = self._optimizer.state_dict()["state"]
        return [[number, dict(entries)] for number, entries in found.items()]

    def restore(self, state: Any) -> None:
        groups = self._optimizer.state_dict()["param_groups"]
        entries = {number: dict(found) for number, found in state}
        self._optimizer.load_state_dict({"state": entries, "param_groups": groups})
