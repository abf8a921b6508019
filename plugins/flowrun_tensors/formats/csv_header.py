"""The size of a delimited text, from its first rows and a count of its lines."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from flowrun_tensors.formats.csv_rows import count_rows, opened_rows
from flowrun_tensors.formats.csv_text import (
    SAMPLE,
    bad_cell,
    begun_table,
    no_rows,
    opened_text,
    sized,
    table_numbers,
)
from flowrun_tensors.lazy_torch import torch


def csv_header(
    path: Path,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    dtype: str = "float64",
) -> dict[str, Any]:
    """What `read_csv` gives, `data` without its numbers.

    Of the first rows, everything is held against the rules; those below are counted. The count is
    exact for every file that can be read: quotes are where cells begin and end, and nowhere else.

    Raises DataError as `read_csv` does, for what the first rows tell.
    """
    with opened_text(path) as lines:
        sizes: list[int] = []
        reader, first, columns = begun_table(sized(lines, sizes), path, delimiter, header)
        below = _to_line(reader, SAMPLE)
        numbers, row_lines = table_numbers(reader, below, first, columns, path)
        rows = len(numbers) // len(first)
        if delimiter == '"':  # then what is a quote depends on what stands before it
            rows += sum(1 for row in reader if row)
        else:
            with opened_rows(path, sum(sizes[: reader.line_num])) as file:
                rows += count_rows(file)
    if not rows:
        raise no_rows(path)
    for index, number in enumerate(numbers):
        if not isfinite(number):
            row, column = divmod(index, len(first))
            raise bad_cell(path, row_lines(row), column, columns, str(number))
    data = torch.empty((rows, len(first)), dtype=getattr(torch, dtype), device="cpu")
    return {"data": data, "columns": columns}


def _to_line(reader: Any, last: int) -> Iterator[list[str]]:
    """Rows until one ends at the line `last`, counted from 1, or below it."""
    for row in reader:
        yield row
        if reader.line_num >= last:
            return
