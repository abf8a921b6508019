"""Rows as a matrix of numbers, by what was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flowrun import FlowrunError, listed, on_one_line
from flowrun_tables.encoding.features import part_of
from flowrun_tables.encoding.missing import require_filled
from flowrun_tables.lazy_polars import pl

if TYPE_CHECKING:
    import polars

Matrix = NDArray[np.float64]


def matrix(table: polars.DataFrame, features: list[dict[str, Any]], part: str) -> Matrix:
    """The features of each row, `(rows, features)`.

    part: names the rows in messages. Raises FlowrunError for a column that is not there, a
    missing cell that nothing stands in for, or an unknown category.
    """
    blocks = [_block(_column(table, one, part), one, part) for one in features]
    if not blocks:
        return np.empty((len(table), 0))
    return np.concatenate(blocks, axis=1)


def _column(table: polars.DataFrame, feature: dict[str, Any], part: str) -> polars.Series:
    name = feature["column"]
    if name not in table.columns:
        raise FlowrunError(
            f"there is no column `{on_one_line(name)}` in {part}, of which the model learnt; there "
            f"are: {listed([on_one_line(one) for one in table.columns])}"
        )
    return table[name]


def _block(column: polars.Series, feature: dict[str, Any], part: str) -> Matrix:
    """The columns of the matrix that one feature gives."""
    kind = feature["kind"]
    if kind == "indicator":
        return _as_column(column.is_null().cast(float))
    _require_type(column, feature, part)
    fill = feature["fill"]
    if fill is None:
        require_filled(column, part)
    if kind in ("one_hot", "ordinal"):
        return _of_categories(column, feature, part)
    if kind == "date":
        numbers = part_of(_filled_dates(column, fill), feature["part"])
    else:
        numbers = column.cast(float)
        if fill is not None:
            numbers = numbers.fill_null(float(fill))
    found = (_as_column(numbers) - feature["shift"]) / feature["scale"]
    _require_finite(found, column, part)
    return found


def _as_column(numbers: polars.Series) -> Matrix:
    return numbers.to_numpy().astype(np.float64).reshape(-1, 1)


def _filled_dates(column: polars.Series, fill: str | None) -> polars.Series:
    if fill is None:
        return column
    given = pl.Series([fill]).str.to_datetime(strict=True).cast(column.dtype)[0]
    return column.fill_null(given)


def _require_type(column: polars.Series, feature: dict[str, Any], part: str) -> None:
    """Raise FlowrunError if a column has another type than the one learnt; numbers are alike."""
    learnt, found = feature["type"], str(column.dtype)
    both = [kind.startswith(("Int", "UInt", "Float")) for kind in (learnt, found)]
    if learnt != found and not all(both) and column.null_count() < len(column):
        raise FlowrunError(
            f"column `{on_one_line(column.name)}` is {found} in {part}, and the model learnt of "
            f"{learnt}\nread it with the same `types` and spellings as the rows to train on"
        )


def _of_categories(column: polars.Series, feature: dict[str, Any], part: str) -> Matrix:
    known = feature["categories"]
    cells = [feature["fill"] if one is None else _plain(one) for one in column]
    places = {_key(one): place for place, one in enumerate(known)}
    codes = np.array([places.get(_key(one), -1) for one in cells], dtype=np.int64)
    if feature["unknown"] == "error" and (codes < 0).any():
        _refuse_unknown(column, cells, codes, known, part)
    if feature["kind"] == "ordinal":
        return (codes + (feature["unknown"] == "zero")).astype(np.float64).reshape(-1, 1)
    found = np.zeros((len(cells), len(known)))
    rows = np.flatnonzero(codes >= 0)
    found[rows, codes[rows]] = 1.0
    return found


def _key(value: Any) -> Any:
    """A category as a key of a dict, where 1 and true are one."""
    return (isinstance(value, bool), value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else value.isoformat()


def _refuse_unknown(
    column: polars.Series, cells: list[Any], codes: NDArray[np.int64], known: list[Any], part: str
) -> None:
    rows = np.flatnonzero(codes < 0)
    name, row = on_one_line(column.name), int(rows[0])
    way_on = "take such cells as none of the known ones: `unknown: zero`"
    if 2 * len(known) > len(cells) + len(known) and len(known) > 20:
        way_on += f"; a column of so many values tells little: `select: {{drop: [{name}]}}`"
    raise FlowrunError(
        f"column `{name}` has {on_one_line(repr(cells[row]))} in row {row + 1} of {part}, and in "
        f"{len(rows)} rows a category that the rows to train on lack ({len(known)} known)\n{way_on}"
    )


def _require_finite(found: Matrix, column: polars.Series, part: str) -> None:
    wrong = ~np.isfinite(found)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FlowrunError(
            f"column `{on_one_line(column.name)}` has {column[row]} in row {row + 1} of {part}, "
            "which is no finite number"
        )
