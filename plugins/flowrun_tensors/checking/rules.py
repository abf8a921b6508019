"""Rules for shapes that torch does not have, or that load what a check has no need of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowrun_tensors.lazy_torch import torch


def rules() -> dict[Any, Callable[..., Any]]:
    """Rules by torch's operations; each gives NotImplemented where torch's own is to be asked."""
    aten = torch.ops.aten
    return {
        aten._to_copy.default: _copy_of_doubles,
        aten.linalg_lstsq.default: _least_squares,
        aten._pin_memory.default: lambda tensor, device=None: tensor.clone(),
        aten._thnn_fused_gru_cell.default: _gru_cell,
        aten._thnn_fused_gru_cell_backward.default: _gru_cell_backward,
    }


def _copy_of_doubles(tensor: torch.Tensor, **keywords: Any) -> Any:
    """One after the other a cast and a move: for both at once torch asks its compiler."""
    device, dtype = keywords.get("device"), keywords.get("dtype")
    if device is None or dtype is None or tensor.dtype is not torch.float64:
        return NotImplemented
    cast = torch.ops.aten._to_copy.default(tensor, dtype=dtype)
    return torch.ops.aten._to_copy.default(cast, **{**keywords, "dtype": None})


def _least_squares(
    matrix: torch.Tensor, right: torch.Tensor, rcond: Any = None, *, driver: str | None = None
) -> Any:
    """`(..., m, n)` and `(..., m, k)` give a solution of `(..., n, k)`, for full rank.

    Raises what torch.linalg.lstsq does.
    """
    name = "torch.linalg.lstsq"
    torch._check(matrix.dim() >= 2, lambda: f"{name}: input must have at least 2 dimensions.")
    torch._check(right.dim() >= 1, lambda: f"{name}: other must have at least 1 dimension.")
    is_vector = right.dim() == 1 or (
        matrix.dim() - 1 == right.dim() and tuple(right.shape) == tuple(matrix.shape[:-1])
    )
    columns = right.unsqueeze(-1) if is_vector else right
    torch._check(
        matrix.shape[-2] == columns.shape[-2],
        lambda: f"{name}: input.size(-2) should match other.size(-2)",
    )
    torch._check(
        matrix.dtype == right.dtype,
        lambda: (
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{matrix.dtype} and other's dtype {right.dtype}"
        ),
    )
    torch._check(
        matrix.dtype.is_floating_point or matrix.dtype.is_complex,
        lambda: "This function doesn't handle types other than float and double",
    )
    rows, width = matrix.shape[-2:]
    count = columns.shape[-1]
    batch = tuple(torch.broadcast_shapes(matrix.shape[:-2], columns.shape[:-2]))
    solution = matrix.new_empty((*batch, width, count))
    is_cpu = matrix.device.type == "cpu"
    driver = driver or ("gelsy" if is_cpu else "gels")
    has_residuals = rows > width and driver != "gelsy"
    return torch.return_types.linalg_lstsq(
        (
            solution.squeeze(-1) if is_vector else solution,
            matrix.new_empty((*batch, count) if has_residuals else (0,)),
            matrix.new_empty((0,) if driver == "gels" else batch, dtype=torch.int64),
            matrix.new_empty((*batch, min(rows, width)) if driver in ("gelsd", "gelss") else (0,)),
        )
    )


def _gru_cell(
    input_gates: torch.Tensor,
    hidden_gates: torch.Tensor,
    hidden: torch.Tensor,
    input_bias: torch.Tensor | None = None,
    hidden_bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The next hidden state `(n, size)`, and what the backward pass needs, `(n, 5 size)`."""
    rows, size = hidden.shape
    return torch.empty_like(hidden), hidden.new_empty((rows, 5 * size))


def _gru_cell_backward(
    gradient: torch.Tensor, workspace: torch.Tensor, has_bias: bool
) -> tuple[torch.Tensor | None, ...]:
    """Gradients of what `_gru_cell` takes, in its order."""
    rows, size = gradient.shape
    gates = [gradient.new_empty((rows, 3 * size)) for _ in range(2)]
    biases = [gradient.new_empty((3 * size,)) if has_bias else None for _ in range(2)]
    return (*gates, torch.empty_like(gradient), *biases)
