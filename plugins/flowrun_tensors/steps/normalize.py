"""The step `normalize`."""

from __future__ import annotations

import math

from flowrun import CheckContext, Context, FlowrunError, on_one_line, step
from flowrun_tensors.lazy_torch import torch

_HOST_ELEMENTS = 2**16  # of one block: 512 KiB in float64, which stays in a core's second cache
_DEVICE_ELEMENTS = 2**22  # of one block on an accelerator, which needs much work at a time
_LARGEST_SHIFT = 0.01  # in deviations: by how much a mean may be rounded without a warning


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
    has no scale: it becomes zero there, its `std` is 1, and a warning names it. Another one names
    columns whose mean the dtype can only hold coarsely.

    Mean and deviation are computed in float64 and take one pass over the training rows, a block at
    a time, so a memory-mapped table is never in memory as a whole. The results are. (Columns of
    float64 that are constant or near its bounds take another pass.)

    Raises FlowrunError if the training rows have nan or infinity in a column, and if the dtype
    cannot hold a deviation or a result.
    """
    _check_rows(X_train)
    exact_mean, exact_std, constant = _statistics(X_train, columns)
    mean, std = exact_mean.to(X_train.dtype), exact_std.to(X_train.dtype)
    bounds = torch.finfo(X_train.dtype)
    coarse = ~constant & (exact_std < 100 * bounds.tiny * bounds.eps)  # 100 of its least numbers
    _refuse(coarse | ~std.isfinite(), columns, f"{_name(X_train)} cannot hold the deviation")
    if constant.any():
        shown = _shown(constant, columns)
        ctx.warn(f"constant in the training rows, so kept at zero: {shown}")
        std = torch.where(constant, torch.ones_like(std), std)
    shift = (mean.to(exact_mean.dtype) - exact_mean).abs() / exact_std
    if (coarse := ~constant & (shift > _LARGEST_SHIFT)).any():
        ctx.warn(
            f"{_name(X_train)} stores the mean only to {float(shift[coarse].max()):.2g} of the "
            f"deviation: {_shown(coarse, columns)}; normalize in a wider dtype, then cast"
        )
    scaled = _scaled(X_train, X_val, mean, std)
    # No row is farther from the mean than that: only then can a difference have been infinite.
    if (exact_std * len(X_train) ** 0.5 > bounds.max).any():
        _refuse(~scaled[0].isfinite().all(0), columns, f"{_name(X_train)} cannot hold the results")
    return scaled


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
            f"X_train is {X_train.dtype}, and whole numbers cannot be normalized\n"
            "cast the rows first: `cast: {X_train: float32, X_val: float32}`"
        )
    if len(X_train) < 2:
        raise FlowrunError("one training row has no standard deviation; train on two or more")


def _statistics(
    X: torch.Tensor, columns: list[str] | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean and deviation of each column, in float64, and whether it is constant; each `(d,)`.

    Raises FlowrunError for a column that is not finite.
    """
    mean, squares = _moments(X)
    scale = torch.ones_like(mean)
    bounds = torch.finfo(mean.dtype)
    is_exact = squares.isfinite() & (squares > bounds.tiny / bounds.eps)
    if X.dtype is mean.dtype and not is_exact.all():  # squares of a narrower dtype are all exact
        scale = _scales(X)
        mean, squares = _moments(X, scale)
    _refuse(~squares.isfinite(), columns, "nan or infinity in the training rows")
    return mean / scale, (squares / (len(X) - 1)).sqrt() / scale, squares == 0


def _scales(X: torch.Tensor) -> torch.Tensor:
    """A power of two for each column, by which its largest number comes near 1."""
    largest = torch.zeros_like(X[0])
    for block in X.split(_block_rows(X)):
        largest = torch.maximum(largest, block.abs().amax(0))
    most = math.frexp(torch.finfo(X.dtype).max)[1] - 1  # above it, a power is infinite
    exponent = torch.frexp(largest).exponent.clamp(-most, most)
    return torch.ldexp(torch.ones_like(largest), -exponent)


def _refuse(bad: torch.Tensor, columns: list[str] | None, what: str) -> None:
    """Raise FlowrunError that names the columns, if there are any."""
    if bad.any():
        raise FlowrunError(f"{what}: {_shown(bad, columns)}")


def _shown(chosen: torch.Tensor, columns: list[str] | None) -> str:
    """Some columns by their names; counted from 1 if it is not certain which name each has.

    Names of the whole table are more than the features, and targets may be any of its columns.
    """
    places = chosen.nonzero()[:, 0].unique().tolist()
    if columns is not None and len(columns) == len(chosen) and all(columns[at] for at in places):
        return f"column {', '.join(on_one_line(columns[place]) for place in places)}"
    return f"column {', '.join(str(place + 1) for place in places)} of X_train"


def _name(X: torch.Tensor) -> str:
    return str(X.dtype).removeprefix("torch.")


def _moments(
    X: torch.Tensor, scale: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of each column, and sum of its squared differences from that; float64 `(d,)`.

    scale: the factors by which the columns are multiplied first.

    Each block of rows has its own, of the differences between its rows and the first one, so that a
    large mean costs no digits. Two are merged as by Chan, Golub and LeVeque (1979): with the
    counts m and n, and the difference D of the means, squares are added up with D^2 m n / (m + n).
    """
    # Apple's graphics processors have no float64.
    wide = torch.float32 if X.device.type == "mps" else torch.float64
    first = _scaled_up(X[0].to(wide), scale)
    mean, squares = torch.zeros_like(first), torch.zeros_like(first)
    done = 0
    for block in X.split(_block_rows(X)):
        differences = _scaled_up(block.to(wide), scale) - first
        count, total = len(block), done + len(block)
        own_mean = differences.mean(0)
        shift = own_mean - mean
        own_squares = (differences - own_mean).square().sum(0)
        squares = squares + own_squares + shift.square() * (done * count / total)
        mean = mean + shift * (count / total)
        done = total
    return first + mean, squares


def _scaled_up(block: torch.Tensor, scale: torch.Tensor | None) -> torch.Tensor:
    return block if scale is None else block * scale


def _block_rows(X: torch.Tensor) -> int:
    """The number of rows in a block."""
    elements = _HOST_ELEMENTS if X.device.type == "cpu" else _DEVICE_ELEMENTS
    return max(1, elements // max(1, X[0].numel()))


def _scaled(
    X_train: torch.Tensor, X_val: torch.Tensor, mean: torch.Tensor, std: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Both normalized, each without a second tensor of its size beside the result."""
    return (X_train - mean).div_(std), (X_val - mean).div_(std), mean, std
