"""The engine `spectral`: plain gradient descent on a linear layer, solved instead of walked.

With a constant learning rate, `remaining_t = (1 - lr λ)^t` (see `modes`). A power with
`t = t0 + a m + b` is the product of one that depends on a and one that depends on b, so the losses
of m² steps are one matrix product of two tables of m rows: the cost hardly depends on `steps`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flowrun_tensors.engines.eigenmodes import Array, Modes, modes, parameters_like, rounded
from flowrun_tensors.engines.results import Descended, DivergedError
from flowrun_tensors.engines.stopping import LossRecord
from flowrun_tensors.lazy_torch import torch

_LEAST = -800.0  # a logarithm whose exponential is zero, in the place of that of zero
_FIRST_SPAN = 1024  # steps computed together at first, if tolerance may stop the descent
_LARGEST_SPAN = 2**20  # steps computed together: 8 MiB of losses


def spectral(
    X: torch.Tensor,
    y: torch.Tensor,
    params: dict[str, torch.Tensor],
    *,
    lr: float,
    steps: int,
    weight_decay: float = 0.0,
    tolerance: float = 0.0,
) -> Descended:
    """The end of full-batch gradient descent from `params`, and the loss before each update.

    `X` `(n, d)` and `y` `(n, k)` floating, read once in blocks; `params` `W1` `(d, k)` and `b1`
    `(k,)`; the loss is the mean of squares over all n k elements. lr, weight_decay: as in
    torch.optim.SGD. tolerance: stop after the first step whose loss is less than this from the one
    before, losses taken as the loop has them, in the dtype of `y`; 0 takes every step.

    Raises DivergedError if the loop's loss stops being finite within the steps taken, and
    NotCoveredError if only the loop itself can compute the result.
    """
    lr, weight_decay = rounded([lr, weight_decay], y.dtype).tolist()
    found = modes(X, y, params, weight_decay, reach=lr * steps)
    powers = _Powers(lr * found.eigenvalues)
    end = powers.overflow(found, steps)
    record = LossRecord(steps, y, tolerance)
    # Of a table of every power, which growing ones need, no more rows than memory for one column.
    largest = max(_LARGEST_SPAN // len(found.eigenvalues), 1) if powers.grow else _LARGEST_SPAN
    span = min(_FIRST_SPAN, largest) if tolerance else largest
    while record.taken < end and not record.stopped:
        start = record.taken
        record.add(powers.losses(found, start, min(span, end - start)))
        span = min(4 * span, largest)
    if record.stopped:
        before, now = (powers.remaining(record.taken - back) for back in (2, 1))
        found.require_settled(before, now, tolerance)
    if powers.grow:
        found.require_excited(np.abs(powers.remaining(record.taken)))
    largest_lr = 2 / float(found.eigenvalues[-1])
    if end < steps and not record.stopped:
        raise DivergedError(end, record.last, largest_lr)
    theta = found.parameters(powers.advance(found, record.taken))
    return Descended(parameters_like(theta, params), record.losses, largest_lr)


class _Powers:
    """Powers of `1 - rate` for the rates `lr λ`, `(p,)`, by their logarithms.

    `log1p` keeps digits that a subtraction from 1 would round away: they show after 1e7 steps.
    """

    def __init__(self, rates: Array) -> None:
        self._logarithms = np.full_like(rates, _LEAST)
        slow = rates < 1
        np.log1p(-rates, out=self._logarithms, where=slow)
        np.log(rates - 1, out=self._logarithms, where=rates > 1)
        np.maximum(self._logarithms, _LEAST, out=self._logarithms)
        self._slow = slow
        self._overshoots = not slow.all()
        self.grow = bool((self._logarithms > 0).any())

    def remaining(self, step: int | NDArray[np.int64]) -> Array:
        """`(1 - rate)^step`, `(p,)`, or `(steps, p)` for a column of steps."""
        with np.errstate(over="ignore"):
            size: Array = np.exp(step * self._logarithms)
        if self._overshoots:
            # Past a rate of 1 a coordinate lies on the other side of its optimum at each step.
            return np.where(self._slow | (step % 2 == 0), size, -size)
        return size

    def advance(self, found: Modes, step: int) -> Array:
        """`(1 - (1 - rate)^step) / λ`, `(p,)`, exact for small rates."""
        way = -np.expm1(step * self._logarithms)
        if self._overshoots:
            way = np.where(self._slow, way, 1 - self.remaining(step))
        return way / found.eigenvalues

    def overflow(self, found: Modes, steps: int) -> int:
        """The first step whose loss is not finite in the loop; `steps` if there is none.

        The loss is a sum of exponentials of the step: below the limit at first, it passes it once.
        """
        if found.overflows(found.losses(np.ones_like(self._logarithms))):
            return 0
        if not self.grow:
            return steps
        first, end = 0, steps
        while first < end:
            step = (first + end) // 2
            with np.errstate(over="ignore", invalid="ignore"):
                loss = found.losses(self.remaining(step))
            if found.overflows(loss):
                end = step
            else:
                first = step + 1
        return first

    def losses(self, found: Modes, start: int, count: int) -> Array:
        """Losses before so many updates from step `start` on, `(count,)`."""
        if self.grow:
            # A factor could overflow although the product does not, so each power is whole.
            return found.losses(self.remaining(_column(start, start + count)))
        side = math.isqrt(count - 1) + 1
        inner = self.remaining(_column(0, side))
        outer = self.remaining(_column(start, start + count, side))
        losses = (np.square(outer) * found.quadratic) @ np.square(inner).T
        if found.linear is not None:
            losses += (outer * found.linear) @ inner.T
        losses += found.floor
        return losses.reshape(-1)[:count]


def _column(start: int, end: int, stride: int = 1) -> NDArray[np.int64]:
    return np.arange(start, end, stride, dtype=np.int64)[:, None]
