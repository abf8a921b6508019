"""A text file as named columns of cells, which are texts still."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flowrun import DataError, on_one_line
from flowrun_tables.lazy_polars import pl
from flowrun_tables.reading.names import require_names
from flowrun_tables.reading.numbers import is_number
from flowrun_tables.reading.records import Layout, Records, records_of

if TYPE_CHECKING:
    import polars

_CHUNK = 2**15  # rows that are texts of Python at a time


class Texts(msgspec.Struct):
    """The cells of a file by column, and the line in which each row begins."""

    path: Path
    columns: dict[str, polars.Series]
    lines: array[int]


def names_of(path: Path, layout: Layout) -> list[str]:
    """The names of the columns, from the first line alone. Raises DataError."""
    records = records_of(path, layout)
    return _header(records, iter(records))[0]


def read_text(path: Path, layout: Layout, wanted: list[str] | None) -> Texts:
    """The cells of the wanted columns, all if None. Raises DataError."""
    records = records_of(path, layout)
    rows = iter(records)
    names, first = _header(records, rows)
    kept = require_names(names, wanted, path)
    lines = array("q")
    parts: list[list[polars.Series]] = [[] for _ in kept]
    for chunk in _chunks(records, rows, len(names), first, lines):
        columns = list(zip(*chunk, strict=True))
        for part, place in zip(parts, kept, strict=True):
            part.append(pl.Series(names[place], columns[place], dtype=pl.String))
    if len(names) == 1 and records.blank is not None:
        raise DataError(
            f"{on_one_line(path)}, line {records.blank} is empty, and in a table of one column "
            "that may be a missing cell or none\n    write NA there, or delete the line"
        )
    empty = [pl.Series(names[place], [], dtype=pl.String) for place in kept]
    joined = [pl.concat(part) if part else none for part, none in zip(parts, empty, strict=True)]
    return Texts(path, {names[place]: one for place, one in zip(kept, joined, strict=True)}, lines)


def _chunks(
    records: Records,
    rows: Iterator[tuple[int, list[str]]],
    width: int,
    first: tuple[int, list[str]] | None,
    lines: array[int],
) -> Iterator[list[list[str]]]:
    """Some rows at a time, whose lines are added to `lines`. Raises DataError if one is ragged."""
    chunk: list[list[str]] = []
    if first is not None:
        lines.append(first[0])
        chunk.append(first[1])
    for line, cells in rows:
        if len(cells) != width:
            _refuse_ragged(records, line, cells, width)
        lines.append(line)
        chunk.append(cells)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _refuse_ragged(records: Records, line: int, cells: list[str], width: int) -> None:
    where = f"{on_one_line(records.path)}, line {line}"
    found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    way_on = "correct the line, or name what separates cells: `separator: ';'`"
    if width == 1:
        way_on = "are the lines above comments? Name their sign: `comment: '#'`"
    elif len(cells) == width + 1 and not cells[-1]:
        way_on = "a separator ends the line: delete it"
    elif cells[0].startswith("#"):
        way_on = "if the line is a comment, name its sign: `comment: '#'`"
    raise DataError(f"{where} has {found}, and the table has {width} columns\n    {way_on}")


def _header(
    records: Records, rows: Iterator[tuple[int, list[str]]]
) -> tuple[list[str], tuple[int, list[str]] | None]:
    """The names, and the first record if it is a row. Raises DataError if that is unclear."""
    path, layout = on_one_line(records.path), records.layout
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} is empty: a table begins with the names of its columns")
    line, cells = first
    if layout.names is not None:
        if len(layout.names) != len(cells):
            _refuse_count(path, line, len(cells), len(layout.names))
        return layout.names, first
    if layout.header is False:
        return [f"column_{place}" for place in range(1, len(cells) + 1)], first
    if layout.header is None:
        _require_words(path, line, cells, layout)
    return cells, None


def _refuse_count(path: str, line: int, found: int, names: int) -> None:
    raise DataError(f"{path}, line {line} has {found} cells, and `names` has {names} names")


def _require_words(path: str, line: int, cells: list[str], layout: Layout) -> None:
    """Raise DataError if a first line may be no line of names."""
    if all(is_number(cell, ",") or is_number(cell, ".") for cell in cells):
        raise DataError(
            f"{path}, line {line} has numbers where names of columns are expected\n"
            "    if it is a row: `header: false`, or `names: [...]`; if these are names: "
            "`header: true`"
        )
    if cells[0].startswith("#") and layout.comment is None:
        raise DataError(
            f"{path}, line {line} begins with #\n    if it is a comment: `comment: '#'`; if it "
            "has the names of the columns: `header: true`, or `names: [...]` with that comment"
        )
