"""Numbers from delimited text, each bad cell named by row and column."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from flowrun import DataError
from flowrun_tensors.lazy import torch

_DELIMITERS = (";", "\t", "|", ",")  # the comma last: it may be a decimal comma between others
_SAMPLE = 20  # lines looked at to find the delimiter


def read_csv(
    path: Path, *, delimiter: str | None = None, header: bool | None = None
) -> dict[str, Any]:
    """`data`, float64 `(rows, columns)`, and `columns`, the names (None without a header line).

    delimiter: found among `;`, tab, `|` and `,` where it is not given.
    header: whether the first line holds names; by default it does where a cell is no number.

    Raises DataError that names the line and the column of a cell that is not a finite number,
    and of a line with more or fewer cells than the first.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(file, path, delimiter, header)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason})") from error
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as delimited text: {error}") from error


def _read(
    lines: Iterable[str], path: Path, delimiter: str | None, header: bool | None
) -> dict[str, Any]:
    lines = iter(lines)
    sample = list(islice(lines, _SAMPLE))
    if not any(line.strip() for line in sample):
        raise DataError(f"{path} is empty")
    reader = csv.reader(
        chain(sample, lines), delimiter=delimiter or _found_delimiter(sample), strict=True
    )
    first = next(row for row in reader if row)
    columns = None
    if header or (header is None and not all(_is_number(cell) for cell in first)):
        columns = [cell.strip() for cell in first]
    numbers, row_lines = _numbers(reader, first, columns, path)
    width = len(first)
    if not numbers:
        raise DataError(f"{path} has a line of names and no rows below it")
    data = torch.frombuffer(numbers, dtype=torch.float64).reshape(-1, width)
    finite = data.isfinite()
    if not finite.all():
        row, column = (int(index) for index in (~finite).nonzero()[0])
        value = str(float(data[row, column]))
        raise _bad_cell(path, row_lines(row), column, columns, value)
    return {"data": data, "columns": columns}


def _numbers(
    reader: Any, first: list[str], columns: list[str] | None, path: Path
) -> tuple[array[float], Any]:
    """All cells in one flat array, and a function from a row's index to its line."""
    numbers: array[float] = array("d")
    width = len(first)
    offset = reader.line_num + 1  # the line of the first row below, when no line is blank
    rows: Iterator[list[str]] = reader
    if columns is None:
        rows = chain([first], reader)
        offset = reader.line_num
    for row in rows:
        if len(row) != width:
            if not row:
                offset += 1
                continue
            raise DataError(
                f"{path}, line {reader.line_num}: {len(row)} cells, where the first line has "
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
    raise _bad_cell(path, line, column, columns, row[column])


def _bad_cell(
    path: Path, line: int, column: int, columns: list[str] | None, value: str
) -> DataError:
    name = f" ({columns[column]})" if columns else ""
    what = f"`{value}` is not a finite number" if value.strip() else "the cell is empty"
    hint = ""
    if "," in value and _is_number(value.replace(",", ".")):
        hint = "; decimals need a point, not a comma"
    return DataError(f"{path}, line {line}, column {column + 1}{name}: {what}{hint}")


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
