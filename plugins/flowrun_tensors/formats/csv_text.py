"""Numbers from delimited text, each bad cell named by row and column."""

from __future__ import annotations

import csv
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import msgspec

from flowrun import DataError
from flowrun_tensors.formats.csv_engine import read_large
from flowrun_tensors.formats.csv_errors import (
    bad_cell,
    bad_number,
    bad_row,
    is_number,
    not_utf8,
    short,
)
from flowrun_tensors.lazy_torch import torch

_DELIMITERS = (";", "\t", "|", ",")  # the comma last: it may be a decimal comma between others
SAMPLE = 20  # lines looked at to find the delimiter
_MOST_SAMPLED = 2**20  # characters of them, beside the first
MOST_LINE = 2**24  # characters of a line; a file of another kind may have no line end at all
MOST_COLUMNS = 100_000  # each takes some memory of its own while rows are read
MOST_ABOVE = 10_000  # lines above a table, comments and blank ones


def read_csv(
    path: Path,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    dtype: str = "float64",
) -> dict[str, Any]:
    """`data`, `(rows, columns)`, and `columns`, the names (None without a header line).

    delimiter: found among `;`, tab, `|`, `,` and a single space if it is not given.
    header: whether the first line has names; by default, if one of its cells is not a number.
        Lines above it that begin with `#` are comments; the last one has the names if the line
        below it is of as many numbers, unless `header` is False. By default, there must be two or
        more names, and one that is not a number: a comment of one word may be a remark, and one of
        numbers a row.
    dtype: of the data. A number is the float64 nearest to its text, cast to it.

    A large file is read by an engine if one is installed; the files that it does not support, and
    each file that has a fault, is read here, so that values and errors are the same.

    Raises DataError that names the line and the column of a cell that is not a finite number or is
    too large for the dtype, and of a line with more or fewer cells than the first.
    """
    with opened_text(path) as lines:
        begun = begun_table(lines, path, delimiter, header)
        columns, delimiter = begun.columns, begun.reader.dialect.delimiter
        table = read_large(path, begun.rows_begin(lines.sizes), delimiter, begun.width, dtype)
        if table is not None:
            return {"data": table, "columns": columns}
        numbers, bad = table_numbers(begun, begun.reader, path)
    if not numbers:
        raise no_rows(path)
    written = torch.frombuffer(numbers, dtype=torch.float64).reshape(-1, begun.width)
    data = written.to(getattr(torch, dtype))
    finite = data.isfinite()
    if not finite.all():
        raise bad(int((~finite).flatten().nonzero()[0]), dtype)
    return {"data": data, "columns": columns}


class TextLines:
    """The lines of a text, each no longer than the bound, and the bytes of those read so far.

    A mark of the encoding before the first is no part of it.
    """

    def __init__(self, file: TextIO, path: Path) -> None:
        self.sizes: list[int] = []
        self._file = file
        self._path = path

    def __iter__(self) -> Iterator[str]:
        for line in iter(partial(self._file.readline, MOST_LINE + 1), ""):
            if len(line) > MOST_LINE:
                raise DataError(
                    f"{self._path}, line {len(self.sizes) + 1}, has more than {MOST_LINE:,} "
                    "characters\n    text has lines: is this another kind of file?"
                )
            self.sizes.append(len(line.encode()))
            yield line


@contextmanager
def opened_text(path: Path) -> Iterator[TextLines]:
    """A file's text, its line ends as they are; raises DataError if it is no text, or no CSV."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield TextLines(file, path)
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as delimited text: {error}") from error


class BegunTable(msgspec.Struct):
    """A table of which the first row is read.

    reader: of the rows below it. first: its cells. columns: the names, if that is what they are.
    comments: the lines above it, comments and blank ones. end: the lines up to its end.
    """

    reader: Any
    first: list[str]
    columns: list[str] | None
    comments: int
    end: int

    @property
    def width(self) -> int:
        """How many cells each row must have."""
        return len(self.first)

    @property
    def has_quotes(self) -> bool:
        """Whether a `"` may enclose a cell; it does not if it is the delimiter."""
        return bool(self.reader.dialect.delimiter != '"')

    def rows_begin(self, sizes: list[int]) -> int:
        """The bytes above the rows of numbers. sizes: those of the lines read so far."""
        return sum(sizes[: self.comments if self.columns is None else self.end])


def dialect_of(delimiter: str) -> dict[str, Any]:
    """How the csv module reads text with this delimiter; a quote is not a quote then as well."""
    unquoted = {"quotechar": None, "quoting": csv.QUOTE_NONE} if delimiter == '"' else {}
    return {"delimiter": delimiter, **unquoted}


def begun_table(
    lines: Iterable[str], path: Path, delimiter: str | None, header: bool | None
) -> BegunTable:
    """The first row of a table, below the comments at its top.

    Raises DataError if there is no row, or if two columns have one name.
    """
    if delimiter in ("\n", "\r"):
        advice = "leave `delimiter` out to have it detected"
        raise DataError(f"{path}: the end of a line cannot stand between cells\n    {advice}")
    lines = iter(lines)
    top, sample = [], []
    for line in lines:
        if line.strip() and not _is_comment(line, delimiter):
            sample = [line, *islice(lines, SAMPLE - 1)]
            break
        top.append(line)
        if len(top) > MOST_ABOVE:
            raise DataError(
                f"{path}: the first {MOST_ABOVE:,} lines are empty, or comments\n"
                "    remove them: the table must begin above that"
            )
    if not sample:
        raise DataError(f"{path} is empty")
    delimiter = delimiter or _found_delimiter(sample)
    # Blank lines take the place of the comments: the reader passes over them, and counts them.
    shown = ["\n"] * len(top)
    if header is not False and (
        names := _commented_names(top, sample[0], delimiter, are_certain=bool(header))
    ):
        shown[-1] = names
    reader = csv.reader(chain(shown, sample, lines), strict=True, **dialect_of(delimiter))
    with faults_named(reader, path):
        first = next(row for row in reader if row)
    if len(first) > MOST_COLUMNS:
        raise DataError(
            f"{path}, line {reader.line_num}: {len(first):,} columns, and {MOST_COLUMNS:,} is the "
            "most\n    save numbers of that shape to a .npy or .safetensors file"
        )
    columns = None
    if header or (header is None and not all(map(is_number, first))):
        columns = [cell.strip() for cell in first]
        _check_names(columns, path, reader.line_num)
    return BegunTable(reader, first, columns, len(top), reader.line_num)


def _is_comment(line: str, delimiter: str | None) -> bool:
    """Whether a line above the table is no part of it: `# text`, or `sep=;` for spreadsheets.

    A `#` that is a cell is the name of a column, but a space behind it is no delimiter.
    """
    if line.startswith("#"):
        behind = line[1:2]  # nothing if the text ends here
        return behind == " " or behind not in ([delimiter] if delimiter else _DELIMITERS)
    return line.startswith("sep=") and len(line.strip()) <= len("sep=;")


def _commented_names(top: list[str], line: str, delimiter: str, *, are_certain: bool) -> str | None:
    """The last comment as a line of names, as numpy.savetxt writes them; None if it is none.

    line: the first below, which must have as many cells, all of them numbers. are_certain: whether
        the table is known to have names, so that the comment is neither a remark nor a row.
    """
    if not top or not top[-1].startswith("#"):
        return None
    names = top[-1].lstrip("#").strip(" ")
    cells = [next(csv.reader([text], **dialect_of(delimiter)), []) for text in (names, line)]
    if len(cells[0]) != len(cells[1]) or not all(map(is_number, cells[1])):
        return None
    is_row = all(map(is_number, cells[0]))
    return names if are_certain or (len(cells[0]) > 1 and not is_row) else None


@contextmanager
def faults_named(reader: Any, path: Path) -> Iterator[None]:
    """Name the line of a quote that is out of place, and of a cell that is too long."""
    try:
        yield
    except csv.Error as error:
        is_long = "field limit" in str(error)
        long = f"a cell has more than {csv.field_size_limit():,} characters"
        reason = long if is_long else error
        raise DataError(
            f"{path}, line {reader.line_num}, cannot be read as delimited text: {reason}\n"
            '    a `"` encloses a whole cell, and is written twice inside one'
        ) from error


def _check_names(columns: list[str], path: Path, line: int) -> None:
    """Raise DataError for two columns of one name; a name left empty is none."""
    first: dict[str, int] = {}
    for place, name in enumerate(columns, 1):
        if name and name in first:
            raise DataError(
                f"{path}, line {line}: the columns {first[name]} and {place} are both named "
                f"`{short(name)}`\n    give each a name of its own"
            )
        first[name] = place


def table_numbers(
    begun: BegunTable, below: Iterable[list[str]], path: Path
) -> tuple[array[float], Callable[[int, str], DataError]]:
    """The cells in one flat array, and what gives the error of one that is not finite in a dtype.

    below: the rows that the reader is to give, all of them or the first ones.
    """
    reader, width = begun.reader, begun.width
    numbers: array[float] = array("d")
    rows = chain([begun.first], below) if begun.columns is None else below
    # Rows that are not in the line below that of the row above, and their lines.
    jumped, lines = array("q", [0]), array("q", [1])
    line = 0
    with faults_named(reader, path):
        for row in rows:
            if len(row) != width:
                if not row:
                    continue
                raise bad_row(path, reader.line_num, row, width, reader.dialect.delimiter)
            line += 1
            if line != reader.line_num:
                line = reader.line_num
                jumped.append(len(numbers) // width)
                lines.append(line)
            try:
                numbers.extend(map(float, row))
            except ValueError:
                _raise_bad_cell(row, begun.columns, path, line)
            if "_" in "".join(row):  # Python's float takes 1_000; a table of measurements does not
                _raise_bad_cell(row, begun.columns, path, line)

    def bad(index: int, dtype: str) -> DataError:
        row, column = divmod(index, width)
        jump = bisect_right(jumped, row) - 1
        line = lines[jump] + row - jumped[jump]
        return bad_number(path, line, column, begun.columns, numbers[index], dtype)

    return numbers, bad


def _raise_bad_cell(row: list[str], columns: list[str] | None, path: Path, line: int) -> None:
    column = next(index for index, cell in enumerate(row) if not is_number(cell))
    raise bad_cell(path, line, column, columns, row[column], is_last=column == len(row) - 1)


def no_rows(path: Path) -> DataError:
    """The error of a table that ends with the names of its columns."""
    return DataError(f"{path} has a line of names and no rows below it")


def _found_delimiter(sample: list[str]) -> str:
    """The delimiter that splits every sample line into the same number of cells, more than one.

    A single space is one only if it leaves no cell empty.
    """
    full = [line for line in sample if line.strip()]
    full = full[: max(1, _MOST_SAMPLED // max(map(len, full)))]
    for candidate in (*_DELIMITERS, " "):
        try:
            rows = list(csv.reader(full, delimiter=candidate))
        except csv.Error:  # a line without it is one cell, perhaps a longer one than there may be
            continue
        widths = {len(row) for row in rows}
        if len(widths) == 1 and widths != {1} and (candidate != " " or all(map(all, rows))):
            return candidate
    counts = {candidate: full[0].count(candidate) for candidate in _DELIMITERS}
    return max(counts, key=lambda candidate: counts[candidate]) if any(counts.values()) else ","
