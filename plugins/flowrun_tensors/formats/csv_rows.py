"""The rows of a delimited text, counted without reading their cells."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

_CHUNK = 2**18  # bytes counted at a time: they stay in the processor's cache


@contextmanager
def opened_rows(path: Path, offset: int) -> Iterator[FileIO]:
    """The bytes of a text from an offset on, not counting a mark of the encoding before it."""
    with path.open("rb", buffering=0) as file:
        mark = len(codecs.BOM_UTF8)
        file.seek(offset + (mark if file.read(mark) == codecs.BOM_UTF8 else 0))
        yield file


def count_rows(file: FileIO) -> int:
    r"""The lines that are not blank, from the file's position, the beginning of a line.

    A line ends with "\n", "\r\n" or "\r", and not within quotes. So their number is that of the
    line ends that follow another character. Raises csv.Error if a quote is not closed.
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
