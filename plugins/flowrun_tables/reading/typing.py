"""Texts become typed columns; a cell that does not fit its column is an error, never a guess."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

from flowrun import DataError, on_one_line
from flowrun_tables.lazy_polars import pl
from flowrun_tables.reading.numbers import (
    BARE,
    DECORATION,
    LEADING_ZERO,
    NUMBER,
    SIGNS,
    WHOLE,
    grouped,
)

if TYPE_CHECKING:
    import polars

Type = Literal["int", "float", "text", "bool", "date", "datetime"]

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_DATETIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$"
_WORDS = {
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "date": "date",
    "datetime": "date with a time",
}


class Rules(msgspec.Struct, frozen=True):
    """How cells are spelled.

    types: the types of columns, where they are not to be found. missing: the spellings of a
    missing cell. dates: the format of dates, as strftime has it, of all columns or by name.
    """

    types: dict[str, Type]
    missing: tuple[str, ...]
    decimal: str
    thousands: str | None
    dates: str | dict[str, str] | None


def typed(cells: polars.Series, rules: Rules, where: Callable[[int], str]) -> polars.Series:
    """A column of its type, missing cells null.

    where: the place of a row, for messages. Raises DataError for a cell that does not fit.
    """
    filled = cells.set(cells.is_in(list(rules.missing)), None)
    wanted = rules.types.get(cells.name) or _found(filled, rules, where)
    if wanted == "text":
        return filled
    made = _made(filled, wanted, rules)
    wrong = filled.is_not_null() & made.is_null()
    if wanted == "float":
        wrong = wrong | made.is_infinite().fill_null(value=False)
    if wrong.any():
        _refuse(filled, wrong, wanted, rules, where)
    return made


def _found(filled: polars.Series, rules: Rules, where: Callable[[int], str]) -> Type:
    """The type that all filled cells have. Raises DataError if only most of them have it."""
    present = filled.drop_nulls()
    if not len(present):
        return "text"
    plain = _plain(present, rules)
    kinds: tuple[tuple[Type, polars.Series], ...] = (
        ("float", plain.str.contains(NUMBER)),
        ("bool", present.is_in([*_TRUE, *_FALSE])),
        ("date", _is_date(present, rules)),
        ("datetime", present.str.contains(_DATETIME)),
    )
    for kind, fits in kinds:
        if fits.all():
            return _of_numbers(plain) if kind == "float" else kind
    for kind, fits in kinds:
        if 2 * fits.sum() >= len(present):
            _refuse(filled, _spread(filled.is_not_null(), ~fits), kind, rules, where)
    bare = present.str.replace_all(DECORATION, "").str.contains(BARE)
    if 2 * bare.sum() >= len(present):
        _refuse(filled, _spread(filled.is_not_null(), bare), "float", rules, where)
    return "text"


def _spread(filled: polars.Series, values: polars.Series) -> polars.Series:
    """Values of the filled cells at their places in the column, False elsewhere."""
    return filled.scatter(filled.arg_true(), values)


def _plain(present: polars.Series, rules: Rules) -> polars.Series:
    """Numbers as computers spell them: without groups of thousands, with a decimal point.

    A point in a text whose decimals follow a comma makes it no number.
    """
    plain = present
    if rules.thousands is not None:
        ungrouped = plain.str.replace_all(rules.thousands, "", literal=True)
        plain = ungrouped.zip_with(
            plain.str.contains(grouped(rules.thousands, rules.decimal)), plain
        )
    if rules.decimal != ".":
        plain = plain.str.replace_all(".", "?", literal=True)
        plain = plain.str.replace_all(rules.decimal, ".", literal=True)
    return plain


def _of_numbers(plain: polars.Series) -> Type:
    """Whole numbers, numbers, or texts: an article number has zeros at its front that count."""
    if plain.str.contains(LEADING_ZERO).any() and plain.str.contains(WHOLE).all():
        return "text"
    if not plain.str.contains(WHOLE).all():
        return "float"
    return "text" if _whole(plain).is_null().any() else "int"


def _whole(plain: polars.Series) -> polars.Series:
    fitting = plain.set(~plain.str.contains(WHOLE), None)
    return fitting.str.strip_prefix("+").cast(pl.Int64, strict=False)


def _is_date(present: polars.Series, rules: Rules) -> polars.Series:
    form = _format_of(present.name, rules)
    if form is None:
        return present.str.contains(_DATE)
    return present.str.to_date(form, strict=False).is_not_null()


def _format_of(name: str, rules: Rules) -> str | None:
    return rules.dates.get(name) if isinstance(rules.dates, dict) else rules.dates


def _made(filled: polars.Series, wanted: Type, rules: Rules) -> polars.Series:
    """The cells as a type; null where they do not fit it."""
    if wanted == "bool":
        known = filled.set(~filled.is_in([*_TRUE, *_FALSE]), None)
        return known.is_in(list(_TRUE))
    if wanted == "date":
        form = _format_of(filled.name, rules) or "%Y-%m-%d"
        return filled.str.to_date(form, strict=False)
    if wanted == "datetime":
        form = _format_of(filled.name, rules)
        if form is not None:
            return filled.str.to_datetime(form, strict=False, time_unit="us")
        known = filled.set(~filled.str.contains(_DATETIME), None).str.replace("T", " ")
        whole = known.str.contains(r":[0-9]{2}:")
        known = (known + ":00").zip_with(~whole, known)
        return known.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    plain = _plain(filled, rules)
    if wanted == "int":
        return _whole(plain)
    fitting = plain.set(~plain.str.contains(NUMBER), None)
    return fitting.str.strip_prefix("+").cast(pl.Float64, strict=False)


def _refuse(
    filled: polars.Series,
    wrong: polars.Series,
    wanted: Type,
    rules: Rules,
    where: Callable[[int], str],
) -> None:
    """Raise DataError for the first cell that does not fit."""
    row = int(wrong.arg_true()[0])
    cell, name = str(filled[row]), on_one_line(filled.name)
    others = int(wrong.sum())
    count = len(filled) - filled.null_count()
    known = "is declared as" if filled.name in rules.types else "looks like"
    raise DataError(
        f"{where(row)}, column `{name}`: {on_one_line(repr(cell))} is no {_WORDS[wanted]}, which "
        f"the column {known} ({count - others} of {count} filled cells fit)\n"
        f"    {_way_on(cell, name, rules)}"
    )


def _way_on(cell: str, name: str, rules: Rules) -> str:
    """What to write for such a cell."""
    key = name if re.fullmatch(r"\w[\w .-]*", name) else repr(name)
    as_text = f"`types: {{{key}: text}}` keeps the column as it is written"
    if "," in cell and rules.decimal == "." and rules.thousands is None:
        return (
            "if the comma is before decimals: `decimal: ','`; if it groups thousands: "
            f"`thousands: ','`; {as_text}"
        )
    if any(sign.isdigit() for sign in cell):
        signs = sorted(set(cell) & set(SIGNS))
        what = f"; remove {' and '.join(signs)} in the file to have numbers" if signs else ""
        return f"correct the cell, or {as_text}{what}"
    return f"if it stands for a missing cell: `missing: ['', '{on_one_line(cell)}']`; {as_text}"
