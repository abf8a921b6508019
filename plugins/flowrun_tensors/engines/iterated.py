"""The engine `moments`: a linear layer's descent with momentum and any learning rates.

In the coordinates of `modes` a step of torch.optim.SGD (momentum m, no dampening) is, for each
eigenvalue λ, with `velocity` and `advance` in units of the coordinate's first gradient,

    velocity <- m velocity + remaining
    direction = velocity, with nesterov remaining + m velocity
    remaining <- remaining - lr λ direction
    advance <- advance + lr direction

(Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013, in
the form of torch.optim.SGD's documentation.) A step is linear in (remaining, velocity), so many
steps are split into equal blocks that are walked all at once, each from remaining 1 and from
velocity 1; then the blocks are joined, one after the other. That takes about twice the root of so
many vector operations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from flowrun_tensors.engines.eigenmodes import Array, modes, parameters_like, rounded
from flowrun_tensors.engines.results import Descended, DivergedError
from flowrun_tensors.engines.stopping import LossRecord
from flowrun_tensors.lazy_torch import torch

_ELEMENTS = 2**14  # steps times coordinates walked together: their tables stay in the second cache
_LARGEST_EXPONENT = 600.0  # of a growth within one block; exp(709) is the end of float64


def iterated(
    X: torch.Tensor,
    y: torch.Tensor,
    params: dict[str, torch.Tensor],
    *,
    lrs: Sequence[float] | Array,
    steps: int | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    tolerance: float = 0.0,
) -> Descended:
    """The end of full-batch gradient descent from `params`, and the loss before each update.

    `X` `(n, d)` and `y` `(n, k)` floating, read once in blocks; `params` `W1` `(d, k)` and `b1`
    `(k,)`; the loss is the mean of squares over all n k elements. lrs: the learning rate of each
    step, `(steps,)`; with `steps` the one of all, `(1,)`. momentum (from 0 to less than 1),
    nesterov, weight_decay: as in torch.optim.SGD, without dampening. tolerance: stop after the
    first step whose loss is less than this from the one before, losses taken in the dtype of `y`; 0
    takes every step.

    Raises DivergedError if the loop's loss stops being finite within the steps taken, and
    NotCoveredError if only the loop itself can compute the result.
    """
    steps = len(lrs) if steps is None else steps
    rates = np.broadcast_to(rounded(lrs, y.dtype), (steps,))  # one rate takes the memory of one
    momentum, weight_decay = rounded([momentum, weight_decay], y.dtype).tolist()
    found = modes(X, y, params, weight_decay, reach=float(rates.sum()) / (1 - momentum))
    walk = _Walk(found.eigenvalues, rates, momentum, nesterov)
    record = LossRecord(steps, y, tolerance)
    advance, growth = np.zeros_like(found.eigenvalues), np.ones_like(found.eigenvalues)
    overflows, last = False, np.ones((1, len(growth)))
    while record.taken < steps and not (record.stopped or overflows):
        start = record.taken
        remaining, directions = walk.walk(rates[start : start + walk.span])
        with np.errstate(over="ignore", invalid="ignore"):
            losses = found.losses(remaining)
        finite = ~found.overflows(losses)
        count = len(losses) if finite.all() else int(finite.argmin())
        record.add(losses[:count])
        overflows = count < len(losses) and not record.stopped
        advance += rates[start : record.taken] @ directions[: record.taken - start]
        walked = remaining[: record.taken - start + 1]
        last = np.concatenate([last, remaining[: record.taken - start]])[-2:]
        np.fmax(growth, np.abs(walked).max(0), out=growth)
    if record.stopped:
        found.require_settled(last[0], last[1], tolerance)
    found.require_excited(growth)
    largest_lr = _largest_stable_rate(momentum, nesterov) / float(found.eigenvalues[-1])
    if overflows:
        raise DivergedError(record.taken, record.last, largest_lr)
    theta = found.parameters(advance)
    return Descended(parameters_like(theta, params), record.losses, largest_lr)


def _largest_stable_rate(momentum: float, nesterov: bool) -> float:
    """The `lr λ` below which a coordinate's two roots lie within the unit circle (Jury's test)."""
    return 2 * (1 + momentum) / (1 + 2 * momentum if nesterov else 1)


class _Walk:
    """The way of every coordinate, `(p,)`, a span of steps at a time.

    span: how many steps are walked together; fewer only at the end.
    """

    def __init__(self, eigenvalues: Array, rates: Array, momentum: float, nesterov: bool) -> None:
        steps = min(max(_ELEMENTS // len(eigenvalues), 16), len(rates))
        side = math.isqrt(steps - 1) + 1
        # No number grows by more than this factor in a step, nor may overflow within a block.
        growth = 2 + momentum + rates.max() * eigenvalues[-1] * (1 + momentum + momentum**2)
        self._block = max(min(side, int(_LARGEST_EXPONENT / math.log(growth))), 1)
        self.span = self._block * side
        self._eigenvalues = eigenvalues
        self._momentum = momentum
        self._nesterov = nesterov
        # The remaining fraction, and the velocity.
        self._state = np.stack([np.ones_like(eigenvalues), np.zeros_like(eigenvalues)])

    def walk(self, rates: Array) -> tuple[Array, Array]:
        """The fraction that remains before each of the next steps, and directions, `(steps, p)`."""
        count = -(-len(rates) // self._block)
        # Steps that lead nowhere fill up the last block.
        padded = np.zeros(count * self._block)
        padded[: len(rates)] = rates
        remaining, directions, ends = self._from_units(padded.reshape(count, self._block))
        starts = self._joined(ends)
        return (
            _combined(remaining, starts)[: len(rates)],
            _combined(directions, starts)[: len(rates)],
        )

    def _from_units(self, rates: Array) -> tuple[Array, Array, Array]:
        """Every block of learning rates, `(blocks, block)`, walked from both units of a state.

        Gives what remains and the directions, `(block, 2, blocks, p)`, by the unit they come from,
        and the state after each block, `(2, 2, blocks, p)`, by what it is and where it comes from.
        """
        count, block = rates.shape
        remaining = np.empty((block, 2, count, len(self._eigenvalues)))
        directions = np.empty_like(remaining)
        state = np.zeros((2, *remaining.shape[1:]))
        remains, velocity = state
        remains[0] = velocity[1] = 1.0
        factors = rates.T[:, :, None] * self._eigenvalues
        change = np.empty_like(remains)
        for step in range(block):
            direction = directions[step]
            remaining[step] = remains
            velocity *= self._momentum
            velocity += remains
            if self._nesterov:
                np.multiply(velocity, self._momentum, out=direction)
                direction += remains
            else:
                direction[:] = velocity
            np.multiply(direction, factors[step], out=change)
            remains -= change
        return remaining, directions, state

    def _joined(self, ends: Array) -> Array:
        """The state before each block, `(2, blocks, p)`; the own one goes to after the last."""
        starts = np.empty(ends.shape[1:])
        with np.errstate(over="ignore", invalid="ignore"):
            for block in range(ends.shape[2]):
                starts[:, block] = self._state
                # Of the second axis, over which it is summed, there are two.
                parts = ends[:, :, block] * self._state
                self._state = parts[:, 0] + parts[:, 1]
        return starts


def _combined(table: Array, starts: Array) -> Array:
    """Values from both units, `(block, 2, blocks, p)`, at these states, `(steps, p)`."""
    with np.errstate(over="ignore", invalid="ignore"):
        values: Array = table[:, 0] * starts[0]
        values += table[:, 1] * starts[1]
    return values.swapaxes(0, 1).reshape(-1, values.shape[-1])
