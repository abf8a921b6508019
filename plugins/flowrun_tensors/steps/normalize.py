"""The step `normalize`."""

from __future__ import annotations

from flowrun import CheckContext, Context, FlowrunError, step
from flowrun_tensors.lazy_torch import torch

_HOST_ELEMENTS = 2**16  # of one block: 512 KiB in float64, which stays in a core's second cache
_DEVICE_ELEMENTS = 2**22  # of one block on an accelerator, which needs much work at a time


@step(outputs=("X_train", "X_val", "mean", "std"))
def normalize(
    X_train: torch.Tensor,
    X_val: torch.Tensor,
    columns: list[str] | None = None,
    *,
    ctx: Context,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Shift and scale each column by the mean and standard deviation of the training rows alone.

    `X_train` of `(n, d)` and `X_val` of `(m, d)`, floating; gives both normalized, and `mean` and
    `std` of `(d,)`, with which new data must be normalized. The deviation is the unbiased one,
    sqrt(sum((x - mean)^2) / (n - 1)) (torch.std). A column that is constant in the training rows
    has no scale: it becomes zero there, its `std` is 1, and a warning names it.

    Mean and deviation are computed in float64 and take one pass over the training rows, a block at
    a time, so a memory-mapped table is never in memory as a whole. The results are.
    """
    _check_rows(X_train)
    mean, squares = _moments(X_train)
    std = (squares / (len(X_train) - 1)).sqrt().to(X_train.dtype)
    constant = squares == 0  # each row is as the first one, so that every difference is zero
    if constant.any():
        places = constant.nonzero().flatten().tolist()
        named = columns if columns is not None and len(columns) >= len(std) else None
        names = [named[place] if named else str(place + 1) for place in places]
        ctx.warn(f"constant in the training rows, so kept at zero: column {', '.join(names)}")
        std = torch.where(constant, torch.ones_like(std), std)
    return _scaled(X_train, X_val, mean.to(X_train.dtype), std)


@normalize.on_shapes
def _on_shapes(
    X_train: torch.Tensor,
    X_val: torch.Tensor,
    columns: list[str] | None = None,
    *,
    ctx: CheckContext,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """As if no column is constant; one block in place of all."""
    _check_rows(X_train)
    count = _block_rows(X_train)
    with ctx.repeated(-(-len(X_train) // count)):
        mean, squares = _moments(X_train[:count])
    return _scaled(X_train, X_val, *(value.to(X_train.dtype) for value in (mean, squares)))


def _check_rows(X_train: torch.Tensor) -> None:
    """Raise FlowrunError for rows that have no standard deviation."""
    if not X_train.is_floating_point():
        raise FlowrunError(
            f"X_train is {X_train.dtype}, and whole numbers cannot be normalized; load it as text, "
            "or convert it to a floating dtype first"
        )
    if len(X_train) < 2:
        raise FlowrunError("one training row has no standard deviation; train on two or more")


def _moments(X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of each column, and sum of its squared differences from that; float64 `(d,)`.

    Each block of rows has its own, of the differences between its rows and the first one, so that a
    large mean costs no digits. Two are merged as by Chan, Golub and LeVeque (1979): with the
    counts m and n, and the difference D of the means, squares are added up with D^2 m n / (m + n).
    """
    # Apple's graphics processors have no float64.
    wide = torch.float32 if X.device.type == "mps" else torch.float64
    first = X[0].to(wide)
    mean, squares = torch.zeros_like(first), torch.zeros_like(first)
    done = 0
    for block in X.split(_block_rows(X)):
        differences = block.to(wide) - first
        count, total = len(block), done + len(block)
        own_mean = differences.mean(0)
        shift = own_mean - mean
        own_squares = (differences - own_mean).square().sum(0)
        squares = squares + own_squares + shift.square() * (done * count / total)
        mean = mean + shift * (count / total)
        done = total
    return first + mean, squares


def _block_rows(X: torch.Tensor) -> int:
    """The number of rows in a block."""
    elements = _HOST_ELEMENTS if X.device.type == "cpu" else _DEVICE_ELEMENTS
    return max(1, elements // max(1, X[0].numel()))


def _scaled(
    X_train: torch.Tensor, X_val: torch.Tensor, mean: torch.Tensor, std: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Both normalized, each without a second tensor of its size beside the result."""
    return (X_train - mean).div_(std), (X_val - mean).div_(std), mean, std
