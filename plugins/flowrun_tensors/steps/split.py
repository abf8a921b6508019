"""The step `split`."""

from __future__ import annotations

from typing import Annotated, Any

from flowrun import (
    FlowrunError,
    Meta,
    OptionError,
    Unknown,
    did_you_mean,
    listed,
    on_one_line,
    step,
)
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.outlines import TableOutline

_BY_NUMBER = "give `targets` as a number of last columns"


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
    count = _checked_rows(train, len(data))
    X, y = _divided(data, columns, targets)
    return X[:count], y[:count], X[count:], y[count:]


@split.on_outlines
def _on_outlines(
    data: Any, columns: Any = None, *, train: float, targets: int | str | list[str]
) -> tuple[Any, ...]:
    """Whether the table has the columns, and the rows if they are quickly counted."""
    wrong = []
    for check in (_check_outlined_columns, _check_outlined_rows):
        try:
            check(data, columns, train, targets)
        except OptionError as error:
            wrong.append(error)
    if wrong:
        raise ExceptionGroup("split does not fit the table", wrong)
    return (Unknown("tensor"),) * 4


def _check_outlined_columns(
    data: Any, columns: Any, train: float, targets: int | str | list[str]
) -> None:
    if isinstance(data, TableOutline) and not isinstance(columns, Unknown):
        _check_targets(data.width, columns, targets)
    elif isinstance(columns, list) and not isinstance(targets, int):
        _check_known(_names(targets), columns)  # a step between has changed the table


def _check_outlined_rows(
    data: Any, columns: Any, train: float, targets: int | str | list[str]
) -> None:
    if isinstance(data, TableOutline) and isinstance(train, int):
        rows = data.rows()
        if rows is not None:
            _checked_rows(train, rows)


def _checked_rows(train: float, rows: int) -> int:
    """The number of rows to train on; raises OptionError if there are not as many."""
    count = train_rows(train, rows)
    if not 1 <= count < rows:
        raise OptionError(
            f"train: {train} asks for {count} of {rows} rows",
            hint=f"at least one must be left to validate with, so give at most {rows - 1}",
            option="train",
        )
    return count


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
    _check_targets(width, columns, targets)
    if isinstance(targets, int):
        return data[:, :-targets], data[:, -targets:]
    assert columns is not None
    chosen = [columns.index(name) for name in _names(targets)]
    rest = [index for index in range(width) if index not in chosen]
    return _columns(data, rest), _columns(data, chosen)


def _names(targets: str | list[str]) -> list[str]:
    return [targets] if isinstance(targets, str) else targets


def _check_targets(width: int, columns: list[str] | None, targets: int | str | list[str]) -> None:
    """Raise OptionError if a table of so many columns, of these names, has not these targets."""
    if isinstance(targets, int):
        if targets >= width:
            raise OptionError(
                f"targets: {targets} leaves no feature: the table has {width} columns",
                option="targets",
            )
        if columns is not None and len(columns) == width:
            _check_alone([name for name in columns[-targets:] if name], columns)
        return
    names = _names(targets)
    if columns is None:
        raise OptionError(
            f"the columns of `data` have no names, so {', '.join(names)} cannot be found",
            hint=f"{_BY_NUMBER}, or add a line of names above the numbers of the file",
            option="targets",
        )
    if len(columns) != width:
        raise OptionError(
            f"there are {len(columns)} column names for {width} columns: a step between load and "
            "split changed the table",
            hint=_BY_NUMBER,
            option="targets",
        )
    _check_known(names, columns)
    _check_alone(names, columns)
    if len(names) == width:
        raise OptionError("every column is a target, and no feature is left", option="targets")


def _check_known(names: list[str], columns: list[str]) -> None:
    """Raise OptionError for a target that is no column."""
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise OptionError(
            f"there is no column `{on_one_line(unknown[0])}`; there are: {listed(columns)}",
            hint=did_you_mean(unknown[0], columns) or "a name is written as the table has it",
            option="targets",
        )


def _check_alone(targets: list[str], columns: list[str]) -> None:
    """Raise OptionError if a target's name stands for two columns: one would be a feature."""
    for name in targets:
        places = [str(place) for place, one in enumerate(columns, 1) if one == name]
        if len(places) > 1:
            raise OptionError(
                f"the columns {' and '.join(places)} are all named `{on_one_line(name)}`, which is "
                "a target",
                hint="give each column a name of its own",
                option="targets",
            )
        if targets.count(name) > 1:
            raise OptionError(
                f"`{on_one_line(name)}` is named twice in `targets`",
                hint="name each column once",
                option="targets",
            )


def _columns(data: torch.Tensor, places: list[int]) -> torch.Tensor:
    """Some columns of a table, in this order: a view if they are adjacent, else a copy."""
    first = places[0]
    if places == list(range(first, first + len(places))):
        return data[:, first : first + len(places)]
    return data.index_select(1, torch.tensor(places, device=data.device))
