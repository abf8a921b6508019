"""The column to predict: classes, or numbers in units that suit a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowrun import FlowrunError, OptionError, listed, on_one_line
from flowrun_tables.encoding.missing import require_filled
from flowrun_tables.encoding.scaling import Scale, scaling
from flowrun_tables.lazy_polars import pl

if TYPE_CHECKING:
    import polars


def learnt_target(
    train: polars.DataFrame, names: list[str], scale: Scale, is_class: bool | None
) -> dict[str, Any]:
    """What is learnt of the targets: the classes of one column, or shifts and scales of numbers.

    is_class: None if texts and truth values are classes, and numbers are numbers.
    """
    columns = [train[name] for name in names]
    for column in columns:
        require_filled(column, "the rows to train on", is_target=True)
    words = [one for one in columns if one.dtype in (pl.String, pl.Boolean)]
    if is_class or (is_class is None and words):
        return _of_classes(columns, scale)
    for column in columns:
        if not column.dtype.is_numeric():
            raise FlowrunError(
                f"the target `{on_one_line(column.name)}` is {column.dtype}, and no number"
            )
    pairs = [scaling(column, scale) for column in columns]
    return {
        "kind": "numbers",
        "names": names,
        "shift": [shift for shift, _ in pairs],
        "scale": [factor for _, factor in pairs],
    }


def _of_classes(columns: list[polars.Series], scale: Scale) -> dict[str, Any]:
    if len(columns) > 1:
        raise OptionError(
            "classes are of one column, and there are several targets", option="target"
        )
    if scale != "none":
        raise OptionError("classes have no scale", option="scale_target")
    known = columns[0].unique().sort().to_list()
    if len(known) < 2:
        raise FlowrunError(
            f"the rows to train on have one class alone: {listed(map(str, known))}\n"
            "a model that tells classes apart needs two: divide rows with `stratify`"
        )
    return {"kind": "classes", "names": [columns[0].name], "classes": known}


def encoded_target(table: polars.DataFrame, target: dict[str, Any], part: str) -> Any:
    """Classes `(n,)` int64, or numbers `(n, k)` float64."""
    columns = [table[name] for name in target["names"]]
    for column in columns:
        require_filled(column, part, is_target=True)
    if target["kind"] == "classes":
        places = {one: place for place, one in enumerate(target["classes"])}
        cells = columns[0].to_list()
        for row, cell in enumerate(cells):
            if cell not in places:
                raise FlowrunError(
                    f"the target `{on_one_line(columns[0].name)}` is {on_one_line(repr(cell))} in "
                    f"row {row + 1} of {part}, a class that the rows to train on lack\n"
                    "divide rows with `stratify`"
                )
        return np.array([places[cell] for cell in cells], dtype=np.int64)
    numbers = [one.cast(float).to_numpy().astype(np.float64) for one in columns]
    matrix = np.stack(numbers, axis=1) if len(table) else np.empty((0, len(numbers)))
    return (matrix - np.array(target["shift"])) / np.array(target["scale"])
