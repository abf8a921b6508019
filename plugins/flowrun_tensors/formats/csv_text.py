"""Numbers from delimited text, each bad cell named by row and column."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from math import isfinite
from pathlib import Path
from typing import Any, TextIO

from flowrun import DataError
from flowrun_tensors.formats.csv_engine import read_large
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.ranges import too_large

_DELIMITERS = (";", "\t", "|", ",")  # the comma last: it may be a decimal comma between others
SAMPLE = 20  # lines looked at to find the delimiter


def read_csv(
    path: Path,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    dtype: str = "float64",
) -> dict[str, Any]:
    """`data`, `(rows, columns)`, and `columns`, the names (None without a header line).

    delimiter: found among `;`, tab, `|` and `,` if it is not given.
    header: whether the first line has names; by default, if one of its cells is not a number.
    dtype: of the data. A number is the float64 nearest to its text, cast to it.

    A large file is read by an engine if one is installed; the files that it does not support, and
    each file that has a fault, is read here, so that values and errors are the same.

    Raises DataError that names the line and the column of a cell that is not a finite number or is
    too large for the dtype, and of a line with more or fewer cells than the first.
    """
    with opened_text(path) as lines:
        sizes: list[int] = []
        reader, first, columns = begun_table(sized(lines, sizes), path, delimiter, header)
        names_end = 0 if columns is None else sum(sizes[: reader.line_num])
        table = read_large(path, names_end, reader.dialect.delimiter, len(first), dtype)
        if table is not None:
            return {"data": table, "columns": columns}
        numbers, row_lines = table_numbers(reader, reader, first, columns, path)
    if not numbers:
        raise no_rows(path)
    written = torch.frombuffer(numbers, dtype=torch.float64).reshape(-1, len(first))
    data = written.to(getattr(torch, dtype))
    finite = data.isfinite()
    if not finite.all():
        row, column = (int(index) for index in (~finite).nonzero()[0])
        number = float(written[row, column])
        raise bad_number(path, row_lines(row), column, columns, number, dtype)
    return {"data": data, "columns": columns}


@contextmanager
def opened_text(path: Path) -> Iterator[TextIO]:
    """A file's text, its line ends as they are; raises DataError if it is no text, or no CSV."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason})") from error
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as delimited text: {error}") from error


def sized(lines: Iterable[str], sizes: list[int]) -> Iterator[str]:
    """The lines, the bytes of each noted; a mark of the encoding before the first is no part."""
    for line in lines:
        sizes.append(len(line.encode()))
        yield line


def begun_table(
    lines: Iterable[str], path: Path, delimiter: str | None, header: bool | None
) -> tuple[Any, list[str], list[str] | None]:
    """A reader of the rows below the first one, the first one, and the columns' names if it is.

    Raises DataError if there is no row, or if two columns have one name.
    """
    lines = iter(lines)
    sample = list(islice(lines, SAMPLE))
    if not any(line.strip() for line in sample):
        raise DataError(f"{path} is empty")
    reader = csv.reader(
        chain(sample, lines), delimiter=delimiter or _found_delimiter(sample), strict=True
    )
    first = next(row for row in reader if row)
    columns = None
    if header or (header is None and not all(_is_number(cell) for cell in first)):
        columns = [cell.strip() for cell in first]
        _check_names(columns, path, reader.line_num)
    return reader, first, columns


def _check_names(columns: list[str], path: Path, line: int) -> None:
    """Raise DataError for two columns of one name; a name left empty is none."""
    first: dict[str, int] = {}
    for place, name in enumerate(columns, 1):
        if name and name in first:
            raise DataError(
                f"{path}, line {line}: the columns {first[name]} and {place} are both named "
                f"`{name}`; give each a name of its own"
            )
        first[name] = place


def table_numbers(
    reader: Any, below: Iterable[list[str]], first: list[str], columns: list[str] | None, path: Path
) -> tuple[array[float], Callable[[int], int]]:
    """The cells in one flat array, and a function from a row's index to its line.

    below: the rows that the reader is to give, all of them or the first ones.
    """
    numbers: array[float] = array("d")
    width = len(first)
    offset = reader.line_num + 1  # the line of the first row below, when no line is blank
    rows = below
    if columns is None:
        rows = chain([first], below)
        offset = reader.line_num
    for row in rows:
        if len(row) != width:
            if not row:
                offset += 1
                continue
            raise DataError(
                f"{path}, line {reader.line_num}: {len(row)} cells, but the first line has "
                f"{width}; is `{reader.dialect.delimiter}` the delimiter?"
            )
        try:
            numbers.extend(map(float, row))
        except ValueError:
            _raise_bad_cell(row, columns, path, reader.line_num)
        if "_" in "".join(row):  # Python's float takes 1_000; a table of measurements does not
            _raise_bad_cell(row, columns, path, reader.line_num)
    return numbers, lambda index: index + offset


def _raise_bad_cell(row: list[str], columns: list[str] | None, path: Path, line: int) -> None:
    column = next(index for index, cell in enumerate(row) if not _is_number(cell))
    raise bad_cell(path, line, column, columns, row[column])


def no_rows(path: Path) -> DataError:
    """The error of a table that ends with the names of its columns."""
    return DataError(f"{path} has a line of names and no rows below it")


def bad_number(
    path: Path, line: int, column: int, columns: list[str] | None, number: float, dtype: str
) -> DataError:
    """The error of a number that is not finite in the dtype of the table."""
    if isfinite(number):
        return DataError(f"{_cell(path, line, column, columns)}: {too_large(number, dtype)}")
    return bad_cell(path, line, column, columns, f"{number}")


def _cell(path: Path, line: int, column: int, columns: list[str] | None) -> str:
    """The place of a cell, its column counted from 0."""
    name = f" ({columns[column]})" if columns else ""
    return f"{path}, line {line}, column {column + 1}{name}"


def bad_cell(
    path: Path, line: int, column: int, columns: list[str] | None, value: str
) -> DataError:
    """The error of a cell without a finite number, its column counted from 0."""
    what = f"`{value}` is not a finite number" if value.strip() else "the cell is empty"
    hint = ""
    if "," in value and _is_number(value.replace(",", ".")):
        hint = "; decimals need a point, not a comma"
    return DataError(f"{_cell(path, line, column, columns)}: {what}{hint}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _found_delimiter(sample: list[str]) -> str:
    """The delimiter that splits every sample line into the same number of cells, more than one."""
    full = [line for line in sample if line.strip()]
    for candidate in _DELIMITERS:
        widths = {len(row) for row in csv.reader(full, delimiter=candidate)}
        if len(widths) == 1 and widths != {1}:
            return candidate
    counts = {candidate: full[0].count(candidate) for candidate in _DELIMITERS}
    return max(counts, key=lambda candidate: counts[candidate]) if any(counts.values()) else ","
