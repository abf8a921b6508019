"""The rows of a delimited text, counted without reading their cells."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

_CHUNK = 2**18  # bytes counted at a time: they stay in the processor's cache
_QUICKLY_COUNTED = 16 * 2**20  # bytes in which lines are counted in less than 0.1 s


@contextmanager
def opened_rows(path: Path, offset: int) -> Iterator[FileIO]:
    """The bytes of a text from an offset on, not counting a mark of the encoding before it."""
    with path.open("rb", buffering=0) as file:
        mark = len(codecs.BOM_UTF8)
        file.seek(offset + (mark if file.read(mark) == codecs.BOM_UTF8 else 0))
        yield file


def rows_quickly_counted(path: Path, offset: int, *, has_quotes: bool) -> int | None:
    """The rows of a text from an offset on, as `count_rows` counts them; None if it is large.

    Without NumPy, whose import takes longer, if there are no quotes. Raises csv.Error.
    """
    with opened_rows(path, offset) as file:
        if path.stat().st_size > _QUICKLY_COUNTED:
            return None
        text = file.read()
        if not has_quotes or b'"' not in text:
            return sum(map(bool, text.splitlines()))
    with opened_rows(path, offset) as file:
        return count_rows(file)


def count_rows(file: FileIO, *, has_quotes: bool = True) -> int:
    r"""The lines that are not blank, from the file's position, the beginning of a line.

    A line ends with "\n", "\r\n" or "\r", and not within quotes, unless `has_quotes` is False. So
    their number is that of the line ends that follow another character. Raises csv.Error if a quote
    is not closed.
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
        if has_quotes and (is_quoted or quotes.any()):
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
