"""The step `normalize`."""

from __future__ import annotations

from flowrun import Context, FlowrunError, step
from flowrun_tensors.lazy import torch


def _on_shapes(
    X_train: torch.Tensor, X_val: torch.Tensor, columns: list[str] | None = None, *, ctx: Context
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """As where no column is constant."""
    _check_rows(X_train)
    std, mean = torch.std_mean(X_train, dim=0)
    return _scaled(X_train, X_val, mean, std)


@step(outputs=("X_train", "X_val", "mean", "std"), fake=_on_shapes)
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
    has no scale: it becomes zero there, its `std` is given as 1, and a warning names it.
    """
    _check_rows(X_train)
    std, mean = torch.std_mean(X_train, dim=0)
    constant = (X_train == X_train[0]).all(0)
    if constant.any():
        places = constant.nonzero().flatten().tolist()
        named = columns if columns is not None and len(columns) >= len(std) else None
        names = [named[place] if named else str(place + 1) for place in places]
        ctx.warn(f"constant in the training rows, so kept at zero: column {', '.join(names)}")
        mean = torch.where(constant, X_train[0], mean)
        std = torch.where(constant, torch.ones_like(std), std)
    return _scaled(X_train, X_val, mean, std)


def _check_rows(X_train: torch.Tensor) -> None:
    """Raise FlowrunError for rows that have no standard deviation."""
    if not X_train.is_floating_point():
        raise FlowrunError(
            f"X_train is {X_train.dtype}, and whole numbers cannot be normalized; load it as text, "
            "or convert it to a floating dtype first"
        )
    if len(X_train) < 2:
        raise FlowrunError("one training row has no standard deviation; train on two or more")


def _scaled(
    X_train: torch.Tensor, X_val: torch.Tensor, mean: torch.Tensor, std: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    return (X_train - mean) / std, (X_val - mean) / std, mean, std
