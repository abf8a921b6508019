"""The engine `fused`: descent of the networks of `init_params` by a backward pass written out.

All parameters are one vector and so is their gradient; every table that a step fills is made before
the first one. The gradient comes from torch (`fused_torch`; on CUDA as one graph), or from a kernel
that numba compiles (`fused_numba`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from flowrun_tensors.engines.fused_network import FlatNetwork
from flowrun_tensors.engines.fused_optimizers import flat_optimizer
from flowrun_tensors.lazy_torch import torch

Kernel = Literal["auto", "torch", "numba"]

# When `auto` picks numba's kernel, as measured with torch 2.13 and numba 0.68.
# Rows x parameters x steps above which it saves more than the second or two that loading it takes;
# the code compiled at its first use on a machine (some 5 s) is kept.
_WORTH_LOADING = 4e10
# Units of the widest layer up to which it is ahead: beyond, torch's products are as fast.
_MOST_UNITS = 256
# Threads beyond which torch, which uses them all, is ahead of the kernel, which uses one.
_MOST_THREADS = 2


class _Gradient(Protocol):
    name: str
    loss: torch.Tensor

    def compute(self, rows: torch.Tensor | None = None) -> None: ...


class Fused:
    """A descent that is taken a step at a time.

    losses: `(steps,)`, of the dtype and on the device of `X`; of its first `taken` elements each is
    the loss before that update. kernel, reason: the kernel that computes the gradient, and why.
    """

    def __init__(
        self,
        params: Mapping[str, torch.Tensor],
        X: torch.Tensor,
        y: torch.Tensor,
        *,
        steps: int,
        activation: str = "relu",
        loss: str = "mse",
        batch_size: int | None = None,
        optimizer: str = "sgd",
        optimizer_options: Mapping[str, Any] | None = None,
        kernel: Kernel = "auto",
    ) -> None:
        """Make everything that the steps need; `params`, X and y are not written to.

        params: `W1, b1, W2, b2, ...` of the dtype and on the device of `X` `(n, d)`. activation:
        `relu`, `maximum` (as `torch.maximum(x, 0)`, whose slope at zero is 1/2), `tanh` or
        `sigmoid`, between layers. loss: `mse`, `mae`, `huber` (delta 1) against `y` `(n, k)`, or
        `cross_entropy` against classes `(n,)` int64; means. batch_size: the most rows of a step,
        None if each takes all. optimizer, optimizer_options: `sgd`, `adam` or `adamw`, with
        torch.optim's options. kernel: computes the gradient; `auto` picks numba's if it can
        and the descent is long enough.
        """
        self._network = FlatNetwork(params)
        self._optimizer = flat_optimizer(
            optimizer, self._network.values, self._network.gradient, **(optimizer_options or {})
        )
        self.losses = torch.empty(steps, dtype=X.dtype, device=X.device)
        self.taken = 0
        rows = len(X) if batch_size is None else batch_size
        work = rows * len(self._network.values) * steps
        self._gradient, self.reason = _gradient_of(
            kernel,
            work,
            self._network,
            X,
            y,
            {"activation": activation, "loss": loss, "batch_size": batch_size},
        )
        self._loss = self._gradient.loss[0, 0]
        self.kernel = self._gradient.name

    def step(self, lr: float, rows: torch.Tensor | None = None) -> None:
        """Update the parameters once, and put the loss before that into `losses`.

        rows: those to take, int64 on the data's device; None takes all, if there is no
        batch_size.
        """
        self._gradient.compute(rows)
        self.losses[self.taken] = self._loss
        self._optimizer.update(lr)
        self.taken += 1

    def named(self) -> dict[str, torch.Tensor]:
        """The parameters by name, as views that change with each step."""
        return self._network.named()

    def parameters(self) -> dict[str, torch.Tensor]:
        """The parameters as they are now, under the names they came with: copies."""
        return {name: value.clone() for name, value in self._network.named().items()}

    def state(self) -> dict[str, Any]:
        """The state from which the descent resumes with equal bits; its tensors are live."""
        return {
            "steps": self.taken,
            "params": self._network.named(),
            "losses": self.losses[: self.taken],
            "optimizer": self._optimizer.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.taken = state["steps"]
        self.losses[: self.taken] = state["losses"]
        for name, value in self._network.named().items():
            value.copy_(state["params"][name])
        self._optimizer.restore(state["optimizer"])


def _gradient_of(
    kernel: Kernel,
    work: int,
    network: FlatNetwork,
    X: torch.Tensor,
    y: torch.Tensor,
    options: dict[str, Any],
) -> tuple[_Gradient, str]:
    """The kernel that computes the gradient, and the reason for it."""
    from flowrun_tensors.engines.fused_numba import NumbaGradient, why_not
    from flowrun_tensors.engines.fused_torch import TorchGradient

    if kernel == "torch":
        return TorchGradient(network, X, y, **options), "as requested"
    reason = _why_not_worth_it(work, network) if kernel == "auto" else None
    reason = reason or why_not(X, options["loss"], options["batch_size"])
    if reason is None:
        try:
            found = NumbaGradient(network, X, y, **options)
        except (ImportError, RuntimeError) as error:
            reason = f"numba could not be used: {error}"
        else:
            return found, "as requested" if kernel == "numba" else "the descent is long"
    return TorchGradient(network, X, y, **options), reason


def _why_not_worth_it(work: int, network: FlatNetwork) -> str | None:
    """Why numba's kernel would not end a descent sooner; None if it would."""
    if work < _WORTH_LOADING:
        return "the descent is over before numba would be loaded"
    if max(network.widths) > _MOST_UNITS:
        return f"a layer is wider than the {_MOST_UNITS} units that numba's kernel is for"
    if torch.get_num_threads() > _MOST_THREADS:
        return f"torch has {torch.get_num_threads()} threads, and numba's kernel uses one"
    return None
