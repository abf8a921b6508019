"""The size of a delimited text, from its first rows and a count of its lines."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from flowrun_tensors.formats.csv_rows import count_rows, opened_rows
from flowrun_tensors.formats.csv_text import (
    SAMPLE,
    bad_number,
    begun_table,
    no_rows,
    opened_text,
    sized,
    table_numbers,
)
from flowrun_tensors.lazy_torch import torch
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
        sizes: list[int] = []
        reader, first, columns = begun_table(sized(lines, sizes), path, delimiter, header)
        below = _to_line(reader, SAMPLE)
        numbers, row_lines = table_numbers(reader, below, first, columns, path)
        rows = len(numbers) // len(first)
        if delimiter == '"':  # then whether a character is a quote depends on the text before it
            rows += sum(1 for row in reader if row)
        else:
            with opened_rows(path, sum(sizes[: reader.line_num])) as file:
                rows += count_rows(file)
    if not rows:
        raise no_rows(path)
    for index, number in enumerate(numbers):
        if not isfinite(number) or is_too_large(number, dtype):
            row, column = divmod(index, len(first))
            raise bad_number(path, row_lines(row), column, columns, number, dtype)
    data = torch.empty((rows, len(first)), dtype=getattr(torch, dtype), device="cpu")
    return {"data": data, "columns": columns}


def _to_line(reader: Any, last: int) -> Iterator[list[str]]:
    """Rows until one ends at the line `last`, counted from 1, or below it."""
    for row in reader:
        yield row
        if reader.line_num >= last:
            return
