"""Large delimited text, read by Arrow (pyarrow) if that is installed: `flowrun-recipes[csv]`.

Arrow is one of three engines that were compared (docs/data.md): that with the shortest import. It
rounds decimals to the nearest float64, as Python does. It takes some texts that a strict reader
refuses, so it gets only files that both read alike; the rest is left to `csv_text`.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path

from flowrun_tensors.formats.csv_rows import count_rows, opened_rows
from flowrun_tensors.lazy_torch import torch

# Bytes from which the engine reads a file. `csv_text` reads 30 MB a second, Arrow hundreds, and
# importing it takes 0.03 s, in which `csv_text` reads 1 MB. Below that, it would save nothing.
LARGE = 2**20

_BLOCK = (
    2**22
)  # bytes that one thread parses at a time; a few blocks are in memory beside the result
_LONGEST = 2**26  # bytes of a line that the strict reader may take
_MOST_THREADS = 8  # more would wait for the one that puts the rows in place


def read_large(
    path: Path, names_end: int, delimiter: str, width: int, dtype: str
) -> torch.Tensor | None:
    """The table `(rows, width)` below the columns' names, cast from float64 to `dtype`.

    names_end: the bytes up to the end of the line of names, without a mark of the encoding.

    None if the file is not large, no engine is installed, or the engine cannot read the content, or
    not certainly as the strict reader would: then the latter reads it, or reports the mistake.
    Takes no more memory than the result and a few blocks.
    """
    if path.stat().st_size < LARGE or not _is_separator(delimiter):
        return None
    try:
        import pyarrow
    except ImportError:
        return None
    with opened_rows(path, names_end) as file:
        start = file.tell()
        try:
            table = torch.empty(
                (count_rows(file), width), dtype=getattr(torch, dtype), device="cpu"
            )
            file.seek(start)
            return table if _fill(table, file, delimiter) else None
        except (csv.Error, pyarrow.ArrowInvalid):
            return None


def _is_separator(delimiter: str) -> bool:
    """Whether the engine supports this delimiter."""
    return delimiter.isascii() and delimiter not in '"\r\n'


def _fill(table: torch.Tensor, file: FileIO, delimiter: str) -> bool:
    """Read all rows of a file into a table; whether they were as many, some, and beyond doubt.

    Raises pyarrow.ArrowInvalid for a cell that is not a number, and for a row of another width.
    """
    filled = 0
    for batches in _parsed_in_turn(_blocks(file), delimiter, table.shape[1]):
        for columns in batches:
            rows = table[filled : filled + len(columns[0])]
            if len(rows) < len(columns[0]):
                return False
            for target, column in zip(rows.unbind(1), columns, strict=True):
                target.copy_(column)
            if not _is_finite(rows):  # as written, or in the dtype of the table
                return False
            filled += len(rows)
    return 0 < filled == len(table)


def _parsed_in_turn(
    blocks: Iterable[bytes], delimiter: str, width: int
) -> Iterator[list[list[torch.Tensor]]]:
    """The content of each block, in order, while other threads parse the following ones.

    The threads are Python's: with its own, Arrow sometimes aborts the process when that ends soon
    after (https://github.com/apache/arrow/issues/34314).
    """
    count = min(torch.get_num_threads(), _MOST_THREADS)
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[list[list[torch.Tensor]]]] = deque()
        for block in blocks:
            waiting.append(pool.submit(_parsed, block, delimiter, width))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _blocks(file: FileIO) -> Iterator[bytes]:
    """The bytes of a file in blocks, each of which ends at the end of a line.

    Raises csv.Error for a line that the strict reader refuses, too.
    """
    begun = b""
    while read := file.read(_BLOCK):
        whole = begun + read
        end = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
        if end:
            yield whole[:end]
        begun = whole[end:]
        if len(begun) > _LONGEST:
            raise csv.Error("a line is too long")
    if begun:
        yield begun


def _parsed(block: bytes, delimiter: str, width: int) -> list[list[torch.Tensor]]:
    """The columns of some rows at a time, in float64, which lie in Arrow's memory.

    Raises pyarrow.ArrowInvalid, also for quotes of which Arrow makes something else than others.
    """
    import pyarrow
    from pyarrow import csv as arrow

    if not _quotes_are_plain(block, delimiter):
        raise pyarrow.ArrowInvalid("a quote is not at either end of a cell")
    names = [str(column) for column in range(width)]
    table = arrow.read_csv(
        pyarrow.BufferReader(block),
        read_options=arrow.ReadOptions(column_names=names, use_threads=False),
        parse_options=arrow.ParseOptions(delimiter=delimiter),
        # No text stands for a number that is missing: an empty cell is an error.
        convert_options=arrow.ConvertOptions(
            column_types=dict.fromkeys(names, pyarrow.float64()), null_values=[]
        ),
    )
    return [[torch.from_dlpack(column) for column in batch.columns] for batch in table.to_batches()]


def _is_finite(rows: torch.Tensor) -> bool:
    import numpy

    known = rows.float() if rows.dtype is torch.bfloat16 else rows  # which NumPy does not have
    return bool(numpy.isfinite(known.numpy()).all())  # 20 times as fast as torch's


def _quotes_are_plain(block: bytes, delimiter: str) -> bool:
    """Whether quotes are only at both ends of cells, and no cell has a delimiter or line end."""
    if b'"' not in block:
        return True
    import numpy

    text = numpy.frombuffer(block, numpy.uint8)
    quotes = numpy.flatnonzero(text == ord('"'))
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    divides = numpy.isin(text, [ord(delimiter), *b"\r\n"])
    dividers = numpy.flatnonzero(divides)
    return bool(
        divides[opening[opening > 0] - 1].all()
        and divides[closing[closing < len(text) - 1] + 1].all()
        and (dividers.searchsorted(opening) == dividers.searchsorted(closing)).all()
    )
