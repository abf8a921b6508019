"""What is learnt of each column, as plain dicts that `save` writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from flowrun import FlowrunError, OptionError, on_one_line
from flowrun_tables.encoding.missing import Fill, Method, filling, require_filled
from flowrun_tables.encoding.scaling import Scale, scaling
from flowrun_tables.lazy_polars import pl

if TYPE_CHECKING:
    import polars

Categories = Literal["one_hot", "ordinal"]
Part = Literal["year", "month", "day", "weekday", "hour", "minute"]
_OF_A_TIME = ("hour", "minute")


class Ways(msgspec.Struct, frozen=True):
    """How columns become numbers, as the options of `encode` have it."""

    categories: Categories | dict[str, Categories]
    missing: float | Method | dict[str, Fill]
    scale: Scale | dict[str, Scale]
    dates: tuple[Part, ...]
    unknown: Literal["error", "zero"]

    def missing_of(self, name: str) -> Fill:
        """The method of a column; an error if nothing is said of it."""
        return self.missing.get(name, "error") if isinstance(self.missing, dict) else self.missing

    def scale_of(self, name: str) -> Scale:
        """The scale of a column of numbers; standard if nothing is said of it."""
        return self.scale.get(name, "standard") if isinstance(self.scale, dict) else self.scale

    def categories_of(self, column: polars.Series) -> Categories | None:
        """The code of a column of categories, None of another: texts are categories."""
        if isinstance(self.categories, dict):
            if column.name in self.categories:
                return self.categories[column.name]
            return "one_hot" if column.dtype == pl.String else None
        return self.categories if column.dtype == pl.String else None


def learnt(table: polars.DataFrame, ways: Ways) -> list[dict[str, Any]]:
    """The features of a table of rows to train on."""
    return [one for column in table for one in _of_column(column, ways)]


def _of_column(column: polars.Series, ways: Ways) -> Iterator[dict[str, Any]]:
    method, code = ways.missing_of(column.name), ways.categories_of(column)
    if code is None:
        _require_numbers(column)
    fill = filling(column, method, is_category=code is not None)
    if fill is None:
        require_filled(column, "the rows to train on")
    base = {"column": column.name, "type": str(column.dtype)}
    if column.dtype.is_temporal() and code is None:
        yield from _of_date(column, ways, base, fill)
    elif code is None:
        filled = column if fill is None else column.cast(float).fill_null(float(fill))
        how = "none" if column.dtype == pl.Boolean else ways.scale_of(column.name)
        yield {**base, "kind": "number", "fill": _plain(fill), **_scaled(filled, how)}
    else:
        filled = column if fill is None else column.fill_null(fill)
        known = [_plain(one) for one in filled.drop_nulls().unique().sort()]
        yield {
            **base, "kind": code, "fill": _plain(fill), "categories": known,
            "unknown": ways.unknown,
        }  # fmt: skip
    if method == "indicator":
        yield {**base, "kind": "indicator"}


def _of_date(
    column: polars.Series, ways: Ways, base: dict[str, Any], fill: Any
) -> Iterator[dict[str, Any]]:
    filled = column if fill is None else column.fill_null(fill)
    for part in ways.dates:
        if part in _OF_A_TIME and column.dtype == pl.Date:
            continue
        numbers = part_of(filled, part)
        yield {
            **base, "kind": "date", "part": part, "fill": _plain(fill),
            **_scaled(numbers, ways.scale_of(column.name)),
        }  # fmt: skip


def part_of(column: polars.Series, part: str) -> polars.Series:
    """A part of dates as a number; weekdays count from Monday, 1."""
    found: polars.Series = getattr(column.dt, part)()
    return found.cast(float)


def _scaled(column: polars.Series, how: Scale) -> dict[str, float]:
    shift, scale = scaling(column, how)
    return {"shift": shift, "scale": scale}


def _plain(value: Any) -> Any:
    """A value as JSON has it; a date as ISO spells it."""
    return value if isinstance(value, (type(None), bool, int, float, str)) else value.isoformat()


def _require_numbers(column: polars.Series) -> None:
    """Raise FlowrunError for cells that no option of `encode` makes numbers of."""
    kind = column.dtype
    if not (kind.is_numeric() or kind in (pl.Boolean, pl.Date, pl.Datetime)):
        raise FlowrunError(
            f"column `{on_one_line(column.name)}` is {kind}, of which encode makes no numbers\n"
            "leave it out with `select`"
        )
    if kind == pl.Datetime and kind.time_zone:  # type: ignore[attr-defined]
        raise FlowrunError(f"column `{on_one_line(column.name)}` has a time zone, unlike a table's")


def check_names(ways: Ways, names: list[str]) -> None:
    """Raise OptionError for a column of an option that is not there."""
    from flowrun_tables.reading.names import require_known

    for option in ("categories", "missing", "scale"):
        given = getattr(ways, option)
        if isinstance(given, dict):
            for name in given:
                require_known([name], names, (option, name))


def feature_names(features: list[dict[str, Any]]) -> list[str]:
    """A name for each column of the matrix: `age`, `sex=male`, `when.month`, `age missing`.

    Raises OptionError if two features have one name.
    """
    names: list[str] = []
    for one in features:
        column = one["column"]
        if one["kind"] == "one_hot":
            names += [f"{column}={category}" for category in one["categories"]]
        elif one["kind"] == "date":
            names.append(f"{column}.{one['part']}")
        else:
            names.append(f"{column} missing" if one["kind"] == "indicator" else column)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"two features are named `{on_one_line(twice)}`: rename a column")
    return names
