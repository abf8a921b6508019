"""Gradient descent on a linear layer with squared error, split into independent coordinates.

With `Z = [X, 1]` `(n, d + 1)` and `Θ = [W; b]` `(d + 1, k)` the loss is `L(Θ) = |Z Θ - y|² / (n k)`
and the gradient of an update, weight decay w included, is `G(Θ) = A Θ - B` where
`A = 2 ZᵀZ / (n k) + w I` and `B = 2 Zᵀy / (n k)`. In the basis of the eigenvectors of A,
`A = Q Λ Qᵀ`, gradient descent moves each coordinate on its own, with momentum or without: at step t
it lies at `optimum + remaining_t (start - optimum)`, where `remaining_t` depends on the eigenvalue
and the learning rates alone (Goh, Why Momentum Really Works, Distill, 2017,
doi:10.23915/distill.00006). Hence, with `g = Qᵀ G(Θ_0)`,

    Θ_t = Θ_0 - Q (advance_t ∘ g)                    advance_t = (1 - remaining_t) / λ
    L_t = floor + Σ_i quadratic_i remaining_t,i² + linear_i remaining_t,i

`advance` stays finite if λ goes to zero, so data of any rank needs no special case. All of it is
float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowrun_tensors.engines.moment_matrix import moment_matrix, squared_error
from flowrun_tensors.engines.results import NotCoveredError
from flowrun_tensors.lazy_torch import torch

Array = NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)
_GROWTH = 1e3  # of a coordinate within the descent, from which on it counts as diverging

_SETTLED = 100  # tolerances that the part of the loss that jumps may still come to


@dataclass(frozen=True, slots=True)
class Modes:
    """A descent in its independent coordinates; p is d + 1.

    eigenvalues: of A, `(p,)`, positive, ascending. vectors: Q, `(p, p)`. start: `Θ_0`, `(p, k)`.
    slopes: `Qᵀ G(Θ_0)`, `(p, k)`. quadratic: `(p,)`, the part of each coordinate in the loss.
    linear: `(p,)`, the same, None without weight decay. floor: loss at the optimum of every
    coordinate. elements: n k. limit: largest sum of squares in the range of the loss's dtype.
    noise: the part of a gradient, in its dtype, that rounding may hide.
    """

    eigenvalues: Array
    vectors: Array
    start: Array
    slopes: Array
    quadratic: Array
    linear: Array | None
    floor: float
    elements: int
    limit: float
    noise: float

    def parameters(self, advance: Array) -> Array:
        """`Θ` `(p, k)` after each coordinate has advanced by `advance` `(p,)`."""
        return self.start - self.vectors @ (advance[:, None] * self.slopes)

    def losses(self, remaining: Array) -> Array:
        """Loss `(steps,)` if `remaining` `(steps, p)` is left of each coordinate's way."""
        # Squared last: the root of a small share keeps a large square from overflowing early.
        shares = np.square(remaining * np.sqrt(self.quadratic))
        losses: Array = shares @ np.ones_like(self.quadratic) + self.floor
        if self.linear is not None:
            losses += remaining @ self.linear
        return losses

    def overflows(self, losses: Array) -> NDArray[np.bool_]:
        """Where the loop's loss is not finite: it adds up the squares before it divides."""
        with np.errstate(over="ignore"):
            return ~(losses * self.elements <= self.limit)

    def require_excited(self, growth: Array) -> None:
        """Raise NotCoveredError if a coordinate grows `(p,)`-fold from nearly nothing.

        In the loop it grows from its rounding errors, of which no closed form knows.
        """
        size = np.sqrt(np.square(self.slopes).sum(1))
        # The gradient is a difference, of about such numbers.
        scale = self.eigenvalues[-1] * np.linalg.norm(self.start) + np.linalg.norm(size)
        if ((growth > _GROWTH) & (size <= self.noise * scale)).any():
            raise NotCoveredError(
                "the descent diverges along a direction in which the first parameters are "
                "optimal, so rounding alone decides when; only engine: autograd can tell"
            )

    def require_settled(self, before: Array, now: Array, tolerance: float) -> None:
        """Raise NotCoveredError if tolerance ends a descent that still jumps over its optimum.

        before, now: the fractions `(p,)` that remain before the last two updates. With a learning
        rate near the largest that converges the loss hardly changes while a coordinate goes from
        one side to the other, so rounding decides at which step, and on which side, it ends.
        """
        jumps = before * now < 0
        if (self.quadratic * np.square(now))[jumps].sum() > _SETTLED * tolerance:
            raise NotCoveredError(
                "tolerance ends the descent while it still jumps from one side of its optimum to "
                "the other, so rounding alone decides at which step; only engine: autograd can "
                f"tell (or lower the learning rate: {2 / float(self.eigenvalues[-1]):.6g} is the "
                "largest that converges)"
            )


def modes(
    X: torch.Tensor,
    y: torch.Tensor,
    params: dict[str, torch.Tensor],
    weight_decay: float,
    reach: float,
) -> Modes:
    """The modes of a descent from `params` on `X` `(n, d)` and `y` `(n, k)`.

    params: `W1` `(d, k)` and `b1` `(k,)`. reach: about how far the descent goes, the sum of its
    learning rates, without momentum; it says near which point losses are to be most exact. Raises
    NotCoveredError if there are no rows or a number is not finite.
    """
    d, elements = X.shape[1], y.numel()
    moments = moment_matrix(X, y)
    start = np.vstack([_numbers(params["W1"]), _numbers(params["b1"])])
    # One sum is enough: an element that is not finite makes it so too.
    if not elements or not math.isfinite(moments.sum() + start.sum() + reach + weight_decay):
        raise NotCoveredError(
            "the data, the first parameters or the learning rate hold a number that is not finite "
            "or too large to be squared, or there are no rows; only engine: autograd can tell"
        )
    hessian = (2 / elements) * moments[: d + 1, : d + 1]
    bent, vectors = np.linalg.eigh(hessian)
    # Less than this is rounding error, and the loss does not depend on such a coordinate.
    flat = bent < _EPSILON * (d + 1) * bent[-1]
    eigenvalues = np.maximum(bent, _EPSILON * bent[-1]) + weight_decay
    slopes = vectors.T @ (hessian @ start - (2 / elements) * moments[: d + 1, d + 1 :])
    linear = None
    if weight_decay:
        slopes = slopes + weight_decay * (vectors.T @ start)
        optimum = vectors.T @ start - slopes / eigenvalues[:, None]
        linear = (optimum * slopes).sum(1) * (-weight_decay / eigenvalues)
        linear[flat] = 0.0
    quadratic = np.square(slopes).sum(1) * (bent / (2 * np.square(eigenvalues)))
    quadratic[flat] = 0.0
    limits = torch.finfo(y.dtype)
    found = Modes(
        eigenvalues,
        vectors,
        start,
        slopes,
        quadratic,
        linear,
        floor=0.0,
        elements=elements,
        limit=limits.max,
        noise=100 * math.sqrt(d + 1) * limits.eps,
    )
    return _with_floor(found, moments, X, y, reach)


def parameters_like(theta: Array, params: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`Θ` `(d + 1, k)` as parameters of the names, dtypes and devices of these."""
    parts = {"W1": theta[:-1], "b1": theta[-1]}
    return {
        name: torch.tensor(parts[name], dtype=value.dtype, device=value.device)
        for name, value in params.items()
    }


def rounded(numbers: ArrayLike, dtype: torch.dtype) -> Array:
    """Learning rates, say, as torch multiplies a tensor of this dtype with them; in float64."""
    values = np.asarray(numbers, dtype=np.float64)
    if dtype == torch.float64:
        return values
    with np.errstate(over="ignore"):  # an infinite one is refused, not warned of
        return values.astype(np.float32).astype(np.float64)


def _numbers(value: torch.Tensor) -> Array:
    return value.detach().to("cpu", torch.float64).numpy()


def _with_floor(
    found: Modes, moments: Array, X: torch.Tensor, y: torch.Tensor, reach: float
) -> Modes:
    """The same with its floor, from the loss at a point near which the descent ends.

    Of the coordinates that get there the optimum; of the slow ones, whose optimum may be far off
    and is ill-determined, about where they get, so that no large numbers have to cancel.
    """
    way = reach * found.eigenvalues
    remaining = np.where(way > 1, 0.0, np.exp(-way))
    theta = found.parameters((1 - remaining) / found.eigenvalues)
    fit = np.vstack([theta, -np.eye(theta.shape[1])])
    loss = float((fit * (moments @ fit)).sum())
    rounding = _EPSILON * float((np.abs(fit) * (np.abs(moments) @ np.abs(fit))).sum())
    if rounding > (1e-11 if y.dtype == torch.float64 else 1e-8) * loss:
        loss = squared_error(X, y, theta)
    return replace(found, floor=loss / found.elements - float(found.losses(remaining)))
