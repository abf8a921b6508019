"""The size of a delimited text, from its first rows and a count of its lines."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from io import RawIOBase
from math import isfinite
from pathlib import Path
from typing import Any

from flowrun_tensors.formats.csv_text import (
    SAMPLE,
    bad_cell,
    begun_table,
    no_rows,
    opened_text,
    table_numbers,
)
from flowrun_tensors.lazy import torch

_CHUNK = 2**18  # bytes counted at a time: they stay in the processor's cache


def csv_header(
    path: Path, *, delimiter: str | None = None, header: bool | None = None
) -> dict[str, Any]:
    """What `read_csv` gives, `data` without its numbers.

    Of the first rows, everything is held against the rules; those below are counted. The count is
    exact for every file that can be read: quotes are where cells begin and end, and nowhere else.

    Raises DataError as `read_csv` does, for what the first rows tell.
    """
    with opened_text(path) as lines:
        sizes: list[int] = []
        reader, first, columns = begun_table(_sized(lines, sizes), path, delimiter, header)
        below = _to_line(reader, SAMPLE)
        numbers, row_lines = table_numbers(reader, below, first, columns, path)
        rows = len(numbers) // len(first)
        if delimiter == '"':  # then what is a quote depends on what stands before it
            rows += sum(1 for row in reader if row)
        else:
            rows += _rows_from(path, sum(sizes[: reader.line_num]))
    if not rows:
        raise no_rows(path)
    for index, number in enumerate(numbers):
        if not isfinite(number):
            row, column = divmod(index, len(first))
            raise bad_cell(path, row_lines(row), column, columns, str(number))
    data = torch.empty((rows, len(first)), dtype=torch.float64, device="cpu")
    return {"data": data, "columns": columns}


def _sized(lines: Iterable[str], sizes: list[int]) -> Iterator[str]:
    """The lines, the bytes of each noted."""
    for line in lines:
        sizes.append(len(line.encode()))
        yield line


def _to_line(reader: Any, last: int) -> Iterator[list[str]]:
    """Rows until one ends at the line `last`, counted from 1, or below it."""
    for row in reader:
        yield row
        if reader.line_num >= last:
            return


def _rows_from(path: Path, offset: int) -> int:
    """The rows of a text from a byte on, not counting a mark of the encoding before it."""
    with path.open("rb", buffering=0) as file:
        mark = len(codecs.BOM_UTF8)
        file.seek(offset + (mark if file.read(mark) == codecs.BOM_UTF8 else 0))
        return count_rows(file)


def count_rows(file: RawIOBase) -> int:
    r"""The lines that are not blank, from where the file stands at the beginning of one.

    A line ends with "\n", "\r\n" or "\r", and not within quotes. So there are as many as there are
    places where an end follows on something else. Raises csv.Error where a quote is not closed.
    """
    import numpy

    buffer = numpy.empty(_CHUNK, numpy.uint8)
    rows, is_quoted, was_end = 0, False, True
    while size := file.readinto(buffer.data):
        text = buffer[:size]
        ends = text == ord("\n")
        returns = text == ord("\r")
        if returns.any():
            ends |= returns
        quotes = text == ord('"')
        if is_quoted or quotes.any():
            places = numpy.flatnonzero(ends)
            # Whether the quotes between each end and the next are odd in number. (Where the first
            # byte is an end, reduceat gives that byte for the nothing before it: no quote.)
            odd = numpy.bitwise_xor.reduceat(
                quotes.view(numpy.uint8), numpy.concatenate(([0], places))
            )
            quoted = numpy.logical_xor.accumulate(odd.view(bool)) ^ is_quoted
            ends[places[quoted[:-1]]] = False
            is_quoted = bool(quoted[-1])
        rows += int(numpy.count_nonzero(ends[1:] > ends[:-1])) + (bool(ends[0]) and not was_end)
        was_end = bool(ends[-1])
    if is_quoted:
        raise csv.Error("unexpected end of data")
    return rows + (not was_end)
