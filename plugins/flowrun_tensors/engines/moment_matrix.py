"""The second moments of a table, in one pass: all that squared error knows of the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from flowrun_tensors.lazy_torch import torch

_HOST_ELEMENTS = 2**16  # of one block: 512 KiB in float64, which stays in a core's second cache
_DEVICE_ELEMENTS = 2**22  # of one block on an accelerator, which wants much work at a time


def moment_matrix(
    X: torch.Tensor, y: torch.Tensor, *, rows: int | None = None
) -> NDArray[np.float64]:
    """`Zᵀ Z` of `Z = [X, 1, y]`, `(d + 1 + k, d + 1 + k)` in float64, not divided by `n`.

    `X` `(n, d)` and `y` `(n, k)` of any floating dtype, on one device, in any memory layout. They
    are read once, in blocks of `rows` (by default as many as fit in a cache), so a memory-mapped
    table is never in memory whole. Products and sums are float64: those of float32 numbers are
    exact, and a sum over n rows is off by about 1e-16 of the sum of absolute values.
    """
    width = X.shape[1] + 1 + y.shape[1]
    moments = np.zeros((width, width))
    for block in _blocks(X, y, rows):
        if block.is_cpu:
            # NumPy computes half of a product with its own transpose; torch computes all of it.
            values = block.numpy()
            with np.errstate(all="ignore"):  # values that are not finite show in the moments
                moments += values.T @ values
        else:
            moments += (block.T @ block).cpu().numpy()
    return moments


def squared_error(
    X: torch.Tensor, y: torch.Tensor, theta: NDArray[np.float64], *, rows: int | None = None
) -> float:
    """Sum of `(X W + b - y)²` over all elements, for `theta` `[W; b]` of `(d + 1, k)`.

    From the data itself, in float64 and in blocks of `rows`: for a fit so close that the moment
    matrix, in which the squares of `y` have to cancel, could not distinguish it from zero.
    """
    coefficients = torch.from_numpy(np.vstack([theta, -np.eye(theta.shape[1])]))
    total = 0.0
    for block in _blocks(X, y, rows):
        residual = block @ coefficients.to(block.device)
        total += float(residual.square().sum())
    return total


def block_shape(X: torch.Tensor, y: torch.Tensor) -> tuple[int, int]:
    """Rows and columns of the blocks in which the moments are computed, by default."""
    (n, d), k = X.shape, y.shape[1]
    elements = _HOST_ELEMENTS if X.device.type in ("cpu", "mps") else _DEVICE_ELEMENTS
    # Of a wide table at least so many rows that adding up the products costs less than them.
    rows = max(elements // (d + 1 + k), (d + 1 + k) // 2, 1)
    return max(min(rows, n), 1), d + 1 + k


def _blocks(X: torch.Tensor, y: torch.Tensor, rows: int | None) -> Iterator[torch.Tensor]:
    """The rows of `[X, 1, y]` in float64, a block at a time, in one buffer that is used again."""
    X, y = X.detach(), y.detach()
    (n, d), k = X.shape, y.shape[1]
    # Apple's graphics processors have no float64.
    device = torch.device("cpu") if X.device.type == "mps" else X.device
    rows = block_shape(X, y)[0] if rows is None else max(min(rows, n), 1)
    buffer = torch.empty((rows, d + 1 + k), dtype=torch.float64, device=device)
    buffer[:, d] = 1.0
    for start in range(0, n, rows):
        block = buffer[: min(rows, n - start)]
        block[:, :d].copy_(X[start : start + rows].to(device))
        block[:, d + 1 :].copy_(y[start : start + rows].to(device))
        yield block
