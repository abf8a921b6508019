"""The rows of one update after the other, in random order."""

from __future__ import annotations

from typing import Any

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch


class Batches:
    """The rows of one update after the other, each pass over them in a new random order.

    The last batch of a pass has the remaining rows. Raises FlowrunError if one batch would have
    more rows than there are.
    """

    def __init__(self, X: torch.Tensor, size: int) -> None:
        require_rows(X, size)
        self._count = len(X)
        self._size = size
        self._device = X.device
        self._begin_pass()

    def select(self, X: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows of the next update."""
        rows = self.rows()
        return X.index_select(0, rows), y.index_select(0, rows)

    def rows(self) -> torch.Tensor:
        """Which rows the next update takes, int64."""
        if self._position >= self._count:
            self._begin_pass()
        rows = self._order[self._position : self._position + self._size]
        self._position += self._size
        return rows

    def state(self) -> dict[str, Any]:
        """The generator before this pass, and how far the pass has come."""
        return {"generator": self._generator, "position": self._position}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        set_generator(self._device, state["generator"])
        self._begin_pass()
        self._position = state["position"]

    def _begin_pass(self) -> None:
        self._generator = generator_state(self._device)
        self._order = torch.randperm(self._count, device=self._device)
        self._position = 0


def require_rows(X: torch.Tensor, size: int) -> None:
    """Raise FlowrunError if a batch would hold more rows than there are."""
    if size > len(X):
        raise FlowrunError(
            f"batch_size is {size}, and there are {len(X)} rows; "
            "leave batch_size out to take them all"
        )


def generator_state(device: torch.device) -> torch.Tensor:
    """The state of the default generator of a device."""
    if device.type == "cpu":
        return torch.get_rng_state()
    return torch.get_device_module(device.type).get_rng_state(device)


def set_generator(device: torch.device, state: torch.Tensor) -> None:
    """Let the default generator of a device go on from a state."""
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.get_device_module(device.type).set_rng_state(state.cpu(), device)
