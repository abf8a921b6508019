"""How one update changes the parameters: by the rule written out, or by an optimiser of torch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from flowrun_tensors.lazy_compiler import postpone_compiler
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.parameters import Params

# Loss and gradients at the parameters as they are, in their order.
GradientNow = Callable[[], "tuple[torch.Tensor, Sequence[torch.Tensor | None]]"]

OPTIMIZERS = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "lbfgs": "LBFGS", "nadam": "NAdam",
    "radam": "RAdam", "adamax": "Adamax", "adadelta": "Adadelta", "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
}  # fmt: skip


class Update(Protocol):
    """Updates parameters in place."""

    def take(self, gradient_now: GradientNow, lr: float) -> torch.Tensor:
        """Update once; gives the loss before."""

    def state(self) -> Any:
        """The state from which updates resume."""

    def restore(self, state: Any) -> None:
        """Go on from a state."""


def update_of(
    params: Params,
    optimizer: str,
    lr: float,
    options: Mapping[str, Any],
    *,
    clip_norm: float | None = None,
    is_of_module: bool = False,
) -> Update:
    """The update of an optimiser by name; plain `sgd` is the rule written out.

    A module's is torch.optim's in any case, as scripts have it, whose last bits may differ.
    clip_norm: the largest norm of a gradient, over all parameters.
    """
    if optimizer == "sgd" and not options and not is_of_module:
        return _Plain(params, clip_norm)
    return _OfTorch(params, OPTIMIZERS[optimizer], lr, options, clip_norm)


class _Plain:
    """`W <- W - lr * dloss/dW`."""

    def __init__(self, params: Params, clip_norm: float | None) -> None:
        self._values = list(params.values())
        self._clip_norm = clip_norm

    def take(self, gradient_now: GradientNow, lr: float) -> torch.Tensor:
        loss, gradients = gradient_now()
        gradients = _clipped(gradients, self._clip_norm)
        with torch.no_grad():
            for value, gradient in zip(self._values, gradients, strict=True):
                if gradient is not None:
                    value -= lr * gradient
        return loss

    def state(self) -> None:
        """Updates have no state."""

    def restore(self, state: Any) -> None:
        """Updates have no state."""


class _OfTorch:
    """An optimiser of torch.optim."""

    def __init__(
        self,
        params: Params,
        name: str,
        lr: float,
        options: Mapping[str, Any],
        clip_norm: float | None,
    ) -> None:
        self._values = list(params.values())
        self._clip_norm = clip_norm
        postpone_compiler()
        self._optimizer = getattr(torch.optim, name)(self._values, lr=lr, **options)

    def take(self, gradient_now: GradientNow, lr: float) -> torch.Tensor:
        for group in self._optimizer.param_groups:
            group["lr"] = lr

        def closure() -> torch.Tensor:
            loss, gradients = gradient_now()
            gradients = _clipped(gradients, self._clip_norm)
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
        for number, value in enumerate(self._values):
            held = self._optimizer.state.get(value, {})
            for name, entry in entries.get(number, {}).items():
                # torch casts an entry to its parameter's dtype: nadam's `mu_product` has another.
                if isinstance(entry, torch.Tensor) and held[name].dtype != entry.dtype:
                    held[name] = entry.to(held[name].device, copy=True)


def _clipped(
    gradients: Sequence[torch.Tensor | None], clip_norm: float | None
) -> Sequence[torch.Tensor | None]:
    """Gradients scaled so that their norm is at most this, with the bits of torch.nn.utils.

    Not in place: autograd may return one tensor as the gradient by two parameters.
    """
    if clip_norm is None:
        return gradients
    given = [gradient for gradient in gradients if gradient is not None]
    if not given:
        return gradients
    norm = torch.nn.utils.get_total_norm(given)
    # Scaled in any case, as clip_grad_norm_ does, so that nothing waits for the device.
    scaled = iter(torch._foreach_mul(given, torch.clamp(clip_norm / (norm + 1e-6), max=1.0)))
    return [None if gradient is None else next(scaled) for gradient in gradients]
