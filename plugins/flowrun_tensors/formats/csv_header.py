"""The size of a delimited text, from its first rows and a count of its lines."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from flowrun_tensors.formats.csv_rows import count_rows, opened_rows, rows_quickly_counted
from flowrun_tensors.formats.csv_text import (
    SAMPLE,
    BegunTable,
    TextLines,
    begun_table,
    faults_named,
    no_rows,
    opened_text,
    table_numbers,
)
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.outlines import TableOutline
from flowrun_tensors.ranges import is_too_large


def csv_header(
    path: Path,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    dtype: str = "float64",
) -> dict[str, Any]:
    """The result of `read_csv`, with `data` as an empty tensor of the same shape.

    The first rows are checked in full; those below are only counted. The count is exact for every
    file that can be read: quotes are only at the beginning and end of cells.

    Raises DataError as `read_csv` does, for faults in the first rows.
    """
    with opened_text(path) as lines:
        begun, offset = _first_rows(lines, path, delimiter, header, dtype)
        with opened_rows(path, offset) as file, faults_named(begun.reader, path):
            try:
                rows = count_rows(file, has_quotes=begun.has_quotes)
            except csv.Error:
                deque(begun.reader, 0)  # which knows the line
                raise
    data = torch.empty((rows, begun.width), dtype=getattr(torch, dtype), device="cpu")
    return {"data": data, "columns": begun.columns}


def csv_outline(
    path: Path,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    dtype: str = "float64",
) -> dict[str, Any]:
    """The size of `data` and the names of `columns`, without torch.

    Raises DataError as `read_csv` does, for faults in the first rows, and for a table of none. A
    number that is too large for the dtype is none of them: which ones are, torch knows.
    """
    with opened_text(path) as lines:
        begun, offset = _first_rows(lines, path, delimiter, header, "float64")

    def rows() -> int | None:
        with suppress(csv.Error):
            return rows_quickly_counted(path, offset, has_quotes=begun.has_quotes)
        return None

    return {"data": TableOutline(begun.width, rows), "columns": begun.columns}


def _first_rows(
    lines: TextLines, path: Path, delimiter: str | None, header: bool | None, dtype: str
) -> tuple[BegunTable, int]:
    """The beginning of a table whose first rows are checked, and the bytes above its rows."""
    begun = begun_table(lines, path, delimiter, header)
    offset = begun.rows_begin(lines.sizes)
    below = _to_line(begun.reader, begun.comments + SAMPLE)
    numbers, bad = table_numbers(begun, below, path)
    if not numbers:
        raise no_rows(path)
    for index, number in enumerate(numbers):
        if not isfinite(number) or is_too_large(number, dtype):
            raise bad(index, dtype)
    return begun, offset


def _to_line(reader: Any, last: int) -> Iterator[list[str]]:
    """Rows until one that is not blank ends at the line `last`, counted from 1, or below it."""
    for row in reader:
        yield row
        if row and reader.line_num >= last:
            return
