"""What is wrong with a cell or a row of a delimited text, and the way on."""

from __future__ import annotations

import re
from functools import partial
from math import isfinite
from pathlib import Path

from flowrun import DataError, on_one_line, shortened
from flowrun_tensors.ranges import too_large

_MISSING = re.compile(r"(?i)n/?a|nan|<na>|null|none|nil|missing|unknown|\?+|-+|\.+|#n/a")
_TRUE, _FALSE = ("true", "yes", "t", "y", "wahr", "ja"), ("false", "no", "f", "n", "falsch", "nein")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2}.*)?")
_GROUPS = re.compile(r"[-+]?\d{1,3}(?:([,.'’_\s])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")  # noqa: RUF001
_UNIT = re.compile(r"([^\w\s.+-]|[A-Z]{3}) ?([-+]?[\d.,]+)|([-+]?[\d.,]+) ?([^\d\s.,]{1,6})")
_ONLY_NUMBERS = "`load` reads numbers only"
_NO_NUMBER = (
    f"{_ONLY_NUMBERS}: write a number for each word (0, 1, 2) if the words have an order, else "
    "a column of 0 and 1 for each word; or remove the column; if this line is no row, remove it"
)
_LONG = 100  # characters of a cell that are shown, and advised on
_LOOKED_THROUGH = 2**24  # bytes of a line in which a byte that is no UTF-8 is searched for


def is_number(cell: str) -> bool:
    """Whether a cell is taken as a number; Python's float takes 1_000, a table does not."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def bad_cell(
    path: Path, line: int, column: int, columns: list[str] | None, value: str, *, is_last: bool
) -> DataError:
    """The error of a cell without a finite number, its column counted from 0.

    is_last: whether it is the last cell of its row.
    """
    what = f"`{short(value)}` is not a finite number" if value.strip() else "the cell is empty"
    is_nameless = columns is not None and is_last and not columns[column]
    hint = _END if is_nameless and not value.strip() else _advice(value.strip())
    return DataError(f"{_cell(path, line, column, columns)}: {what}\n    {hint}")


def bad_number(
    path: Path, line: int, column: int, columns: list[str] | None, number: float, dtype: str
) -> DataError:
    """The error of a number that is not finite in the dtype of the table."""
    if isfinite(number):
        return DataError(f"{_cell(path, line, column, columns)}: {too_large(number, dtype)}")
    return bad_cell(path, line, column, columns, f"{number}", is_last=False)


def _cell(path: Path, line: int, column: int, columns: list[str] | None) -> str:
    """The place of a cell, its column counted from 0."""
    name = f" ({short(columns[column])})" if columns else ""
    return f"{path}, line {line}, column {column + 1}{name}"


def short(cell: str) -> str:
    """The beginning of a cell, if it is long."""
    return shortened(on_one_line(cell.strip()), _LONG)


_END = "every line ends with the delimiter: remove it from their ends"


def _advice(cell: str) -> str:
    """The cause of a cell that is no number, as far as its text tells, and what to do."""
    if len(cell) > _LONG:
        return _NO_NUMBER
    if not cell:
        return f"{_ONLY_NUMBERS}: fill the cell in, or remove its row or column"
    if _MISSING.fullmatch(cell):
        return "that stands for a missing number: fill it in, or remove its row or column"
    if cell.lower().lstrip("+-") in ("inf", "infinity"):
        return "nothing can be computed from it: write a number, or remove its row"
    if cell.lower() in (*_TRUE, *_FALSE):
        return "write 1 for true and 0 for false"
    if "\0" in cell:
        return "it holds a NUL character: the file is damaged, or no text in UTF-8"
    if "#" in cell and is_number(cell.partition("#")[0]):
        return "a comment stands only above the table, in lines of its own: remove it here"
    return _advice_on_number(cell) or _advice_on_words(cell)


def _advice_on_number(cell: str) -> str | None:
    """How to write a number that is written in another way; None if it is none."""
    if _GROUPS.fullmatch(cell):
        return _advice_on_groups(cell)
    if "," in cell and is_number(cell.replace(",", ".")):
        return f"decimals need a point, not a comma: write {cell.replace(',', '.')}"
    plain = cell.replace("\u2212", "-").replace("\u2013", "-")
    if plain != cell and is_number(plain):
        return f"its minus is another character than `-`: write {plain}"
    if cell[0] == cell[-1] and cell[0] in "'`" and is_number(cell[1:-1]):
        return 'only `"` encloses a cell: remove these quotes'
    if re.fullmatch(r"[-+]?[\d.]+[dD][-+]?\d+", cell):
        return f"write the exponent as {re.sub('[dD]', 'e', cell)}"
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", cell):
        return f"write it in decimal digits: {int(cell, 16)}"
    if cell.endswith("%") and is_number(cell[:-1]):
        return f"write the fraction {float(cell[:-1]) / 100:g}, or the number without `%`"
    return None


def _advice_on_groups(cell: str) -> str:
    """How to write a number with marks between its thousands, if that is what they are."""
    marks = [mark for mark in cell if not mark.isdigit() and mark not in "+-"]
    whole = "".join(mark for mark in cell if mark.isdigit() or mark in "+-")
    if len(marks) > 1 and marks[-1] != marks[0]:
        before, _, after = cell.rpartition(marks[-1])
        whole = f"{before.replace(marks[0], '')}.{after}"
    elif marks == [","]:
        decimal = cell.replace(",", ".")
        return (
            f"if its comma is one of thousands, write {whole}; decimals need a point, not a comma: "
            f"{decimal}"
        )
    return f"numbers have no marks between thousands: write {whole}"


def _advice_on_words(cell: str) -> str:
    """What to do with a cell that is no number, however it is read."""
    if _DATE.fullmatch(cell):
        return (
            f"{_ONLY_NUMBERS}: write a date as one (a year, or days since the first), or remove "
            "the column"
        )
    if len(cell.split()) > 1 and all(map(is_number, cell.split())):
        if "  " in cell or "\t" in cell:
            return "white space of any width is no delimiter: write one comma between numbers"
        return "spaces stand between numbers here: write the same delimiter between all cells"
    if found := _UNIT.fullmatch(cell):
        number = found[2] or found[3]
        if is_number(number):
            return f"{_ONLY_NUMBERS}: write {number}, and its unit in the column's name"
    return _NO_NUMBER


def bad_row(path: Path, line: int, row: list[str], width: int, delimiter: str) -> DataError:
    """The error of a row with another number of cells than the first line."""
    found = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
    return DataError(
        f"{path}, line {line}: {found}, but the first line has {width}\n"
        f"    {_advice_on_row(row, width, delimiter)}"
    )


def _advice_on_row(row: list[str], width: int, delimiter: str) -> str:
    is_it = f"is `{delimiter}` the delimiter?"
    if not "".join(row).strip():
        return "there is nothing but white space in this line: remove it"
    if row[0].lstrip().startswith("#"):
        return "a comment stands only above the table: remove this line"
    if len(row) == width + 1 and not row[-1].strip():
        return f"the line ends with the delimiter `{delimiter}`: remove it from the ends of lines"
    if width == 1:
        return f"if the first line is a title, remove it, or begin it with `#`; {is_it}"
    if len(row) > width and delimiter == ",":
        return f"decimals need a point, and thousands no comma: 1234.5; {is_it}"
    if len(row) > width:
        return f"remove what is too much, or give every line as many cells; {is_it}"
    return f"fill in what is missing, or remove the line; {is_it}"


def not_utf8(path: Path, error: UnicodeDecodeError) -> DataError:
    """The error of a text in another encoding, with the line if it has lines."""
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            return DataError(f"{path} is not UTF-8 text, but UTF-16\n    save it as UTF-8")
        for number, line in enumerate(iter(partial(file.readline, _LOOKED_THROUGH), b""), 1):
            if len(line) == _LOOKED_THROUGH:
                break
            try:
                line.decode()
            except UnicodeDecodeError as found:
                byte = f"byte {found.start + 1} of line {number} is 0x{line[found.start]:02x}"
                hint = "save it as UTF-8, or convert it: `iconv -f latin1 -t utf-8`"
                return DataError(f"{path} is not UTF-8 text: {byte}\n    {hint}")
    return DataError(f"{path} is not UTF-8 text ({error.reason})")
