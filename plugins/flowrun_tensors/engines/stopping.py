"""The losses of a descent so far, and whether it should stop."""

from __future__ import annotations

from flowrun_tensors.engines.eigenmodes import Array
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.validation import taken_of


class LossRecord:
    """The losses before each update, of the dtype and on the device of `y`.

    taken: how many steps. stopped: whether `tolerance` has ended the descent with the last of them.
    """

    def __init__(self, steps: int, y: torch.Tensor, tolerance: float) -> None:
        self._losses = torch.empty(steps, dtype=y.dtype, device="cpu")
        self._device = y.device
        self._tolerance = tolerance
        self.taken = 0
        self.stopped = False

    def add(self, losses: Array) -> None:
        """Record the next losses, `(count,)`, up to the one that stops the descent."""
        start, end = self.taken, self.taken + len(losses)
        # Rounding can bring a sum of squares below zero.
        self._losses[start:end] = torch.from_numpy(losses).clamp(min=0)
        self.taken = end
        if self._tolerance:
            # The change between two losses rounded to their dtype, as the loop compares them.
            recent = self._losses[max(start - 1, 0) : end].double()
            small = (recent.diff().abs() < self._tolerance).nonzero()
            if len(small):
                self.taken = end - len(recent) + int(small[0]) + 2
                self.stopped = True

    @property
    def last(self) -> float | None:
        """The last loss, None if there is none yet."""
        return float(self._losses[self.taken - 1]) if self.taken else None

    @property
    def losses(self) -> torch.Tensor:
        """The losses of the steps taken."""
        return taken_of(self._losses, self.taken).to(self._device)
