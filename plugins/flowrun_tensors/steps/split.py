"""The step `split`."""

from __future__ import annotations

from typing import Annotated

from flowrun import FlowrunError, Meta, did_you_mean, listed, step
from flowrun_tensors.lazy_torch import torch


@step(outputs=("X_train", "y_train", "X_val", "y_val"))
def split(
    data: torch.Tensor,
    columns: list[str] | None = None,
    *,
    train: Annotated[
        Annotated[int, Meta(ge=1)] | Annotated[float, Meta(gt=0, lt=1)],
        Meta(description="Rows to train on: how many, or which fraction."),
    ],
    targets: Annotated[
        Annotated[int, Meta(ge=1)] | str | Annotated[list[str], Meta(min_length=1)],
        Meta(description="Columns to predict: how many last ones, or their names."),
    ] = 1,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Divide a table into features and targets, and into rows to train on and to validate with.

    Takes `data` of `(rows, columns)` and returns `X_train` of `(train, features)`, `y_train` of
    `(train, targets)`, and `X_val`, `y_val` of the remaining rows, in the table's order:
    shuffle first. `split: {train: 1000, targets: 1}`, or `split: {train: 0.8, targets: [quality]}`.
    A fraction gives the nearest number of rows, of two equally near ones the larger: 0.25 of 10
    rows are 3. Targets keep two dimensions. All four are views of the table; only if targets by
    name leave columns that are not adjacent are those copied, once. Raises FlowrunError if rows or
    columns are not enough for all four, and if a target has the name of another column.
    """
    if data.ndim != 2:
        raise FlowrunError(f"split takes a table, and `data` has the shape {tuple(data.shape)}")
    count = train_rows(train, len(data))
    if not 1 <= count < len(data):
        raise FlowrunError(
            f"train: {train} asks for {count} of {len(data)} rows; "
            f"at least one must be left to validate with, so give at most {len(data) - 1}"
        )
    X, y = _divided(data, columns, targets)
    return X[:count], y[:count], X[count:], y[count:]


def train_rows(train: float, rows: int) -> int:
    """The number of rows to train on, of a number of rows in all."""
    if isinstance(train, int):
        return train
    # 0.29 * 50 is 14.499999999999998: without the inner `round`, a half would sometimes be lost.
    return int(round(train * rows, 6) + 0.5)


def _divided(
    data: torch.Tensor, columns: list[str] | None, targets: int | str | list[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and targets, both `(rows, ...)`."""
    width = data.shape[1]
    if isinstance(targets, int):
        if targets >= width:
            raise FlowrunError(
                f"targets: {targets} leaves no feature: the table has {width} columns"
            )
        if columns is not None and len(columns) == width:
            _check_alone([name for name in columns[-targets:] if name], columns)
        return data[:, :-targets], data[:, -targets:]
    names = [targets] if isinstance(targets, str) else targets
    if columns is None:
        raise FlowrunError(
            f"the columns of `data` have no names, so {', '.join(names)} cannot be found; "
            "give `targets` as a number of last columns"
        )
    if len(columns) != width:
        raise FlowrunError(
            f"there are {len(columns)} column names for {width} columns: a step between load and "
            "split changed the table; give `targets` as a number of last columns"
        )
    unknown = [name for name in names if name not in columns]
    if unknown:
        hint = did_you_mean(unknown[0], columns) or "a name is written as the table has it"
        raise FlowrunError(
            f"there is no column `{unknown[0]}`; there are: {listed(columns)}\n{hint}"
        )
    _check_alone(names, columns)
    if len(names) == width:
        raise FlowrunError("every column is a target, and no feature is left")
    chosen = [columns.index(name) for name in names]
    rest = [index for index in range(width) if index not in chosen]
    return _columns(data, rest), _columns(data, chosen)


def _check_alone(targets: list[str], columns: list[str]) -> None:
    """Raise FlowrunError if a target's name stands for two columns: one would be a feature."""
    for name in targets:
        places = [str(place) for place, one in enumerate(columns, 1) if one == name]
        if len(places) > 1:
            raise FlowrunError(
                f"the columns {' and '.join(places)} are all named `{name}`, which is a target; "
                "give each column a name of its own"
            )
        if targets.count(name) > 1:
            raise FlowrunError(f"`{name}` is named twice in `targets`; name each column once")


def _columns(data: torch.Tensor, places: list[int]) -> torch.Tensor:
    """Some columns of a table, in this order: a view if they are adjacent, else a copy."""
    first = places[0]
    if places == list(range(first, first + len(places))):
        return data[:, first : first + len(places)]
    return data.index_select(1, torch.tensor(places, device=data.device))
