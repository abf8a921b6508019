"""Any file of a table, by its suffix, and several of them as one table."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flowrun import DataError, listed, on_one_line, require_file
from flowrun_tables.lazy_polars import pl
from flowrun_tables.reading.names import require_names
from flowrun_tables.reading.records import Layout
from flowrun_tables.reading.text import names_of, read_text
from flowrun_tables.reading.typing import Rules, typed

if TYPE_CHECKING:
    import polars

_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather", ".ipc")
_LINES = (".jsonl", ".ndjson")
_BINARY = (*_PARQUET, *_ARROW, *_LINES)
_OTHERS = {
    ".gz": "decompress it first",
    ".bz2": "decompress it first",
    ".xz": "decompress it first",
    ".zst": "decompress it first",
    ".zip": "unpack it first",
    ".xlsx": "save the sheet as CSV",
    ".xls": "save the sheet as CSV",
    ".ods": "save the sheet as CSV",
    ".json": "write one object a line, into a file named .jsonl",
}


class Settings(msgspec.Struct, frozen=True):
    """How to read: the wanted columns, the layout of a text, and the spelling of its cells."""

    columns: list[str] | None
    layout: Layout
    rules: Rules


def read_tables(paths: list[Path], settings: Settings) -> polars.DataFrame:
    """The rows of all files, in their order. Raises DataError, OptionError."""
    for path in paths:
        _require_readable(path)
    if any(path.suffix.lower() in _BINARY for path in paths):
        return _joined([_binary(path, settings) for path in paths], paths)
    texts = [read_text(path, settings.layout, settings.columns) for path in paths]
    for one in texts[1:]:
        _require_same(list(texts[0].columns), list(one.columns), paths[0], one.path)
    where = _places([(one.path, one.lines) for one in texts])
    columns = []
    for name in list(texts[0].columns):
        cells = pl.concat([one.columns.pop(name) for one in texts])
        columns.append(typed(cells, settings.rules, where))
    return pl.DataFrame(columns)


def outlined_names(paths: list[Path], settings: Settings) -> list[str] | None:
    """The names of the columns, from the first line of a text; None of another file."""
    _require_readable(paths[0])
    if paths[0].suffix.lower() in _BINARY:
        return None
    names = names_of(paths[0], settings.layout)
    kept = require_names(names, settings.columns, paths[0])
    return [names[place] for place in kept]


def _require_readable(path: Path) -> None:
    way_on = _OTHERS.get(path.suffix.lower())
    if way_on is not None:
        raise DataError(f"{on_one_line(path)} is no file that read_table reads\n    {way_on}")
    try:
        require_file(path)
    except OSError as error:
        raise DataError(f"{on_one_line(path)} cannot be read: {error.strerror}") from None


def _places(files: list[tuple[Path, array[int]]]) -> Callable[[int], str]:
    """A function that gives the place of a row of all files."""

    def where(row: int) -> str:
        for path, lines in files:
            if row < len(lines):
                return f"{on_one_line(path)}, row {row + 1} (line {lines[row]})"
            row -= len(lines)
        raise IndexError(row)

    return where


def _binary(path: Path, settings: Settings) -> polars.DataFrame:
    """The table in a file that has types of its own."""
    suffix = path.suffix.lower()
    try:
        if suffix in _PARQUET:
            table = pl.read_parquet(path, glob=False)
        elif suffix in _ARROW:
            table = pl.read_ipc(BytesIO(path.read_bytes()))
        elif suffix in _LINES:
            table = pl.read_ndjson(path, infer_schema_length=None)
        else:
            raise DataError(f"{on_one_line(path)}: files of one table are all of one format")
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = on_one_line(str(error).partition("\n")[0])
        raise DataError(f"{on_one_line(path)} cannot be read: {reason}") from None
    kept = require_names(table.columns, settings.columns, path)
    return table[:, kept]


def _joined(tables: list[polars.DataFrame], paths: list[Path]) -> polars.DataFrame:
    for table, path in zip(tables[1:], paths[1:], strict=True):
        _require_same(tables[0].columns, table.columns, paths[0], path)
        for name, kind in tables[0].schema.items():
            if table.schema[name] != kind:
                raise DataError(
                    f"column `{on_one_line(name)}` is {kind} in {on_one_line(paths[0])}, and "
                    f"{table.schema[name]} in {on_one_line(path)}\n    files of one table have "
                    "the same types"
                )
    return pl.concat(tables)


def _require_same(names: list[str], others: list[str], path: Path, other: Path) -> None:
    if names != others:
        raise DataError(
            f"{on_one_line(other)} has the columns {listed(others)}, and {on_one_line(path)} has "
            f"{listed(names)}\n    name the columns that all files have: `columns: [...]`"
        )
