"""The records of a text: which cells stand in which line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from flowrun import DataError, on_one_line

WHITE_SPACE = "white space"
_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 50  # records that must agree before a separator is taken
_LONGEST = 2**24  # characters of a cell


class Layout(msgspec.Struct, frozen=True):
    """How a text is divided into cells; None if that is to be found."""

    separator: str | None = None
    quote: str = '"'
    comment: str | None = None
    encoding: str | None = None
    header: bool | None = None
    names: list[str] | None = None
    decimal: str = "."


class Records:
    """The records of a file, each with the number of its first line (from 1)."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self.layout = layout
        self.blank: int | None = None  # the first empty line that a record follows

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        encoding = self.layout.encoding or _encoding_of(self.path)
        try:
            with self.path.open(encoding=encoding, newline="") as file:
                yield from self._divided(_Lines(file, self))
        except UnicodeError as error:
            raise DataError(
                f"{on_one_line(self.path)} is not encoded as {encoding}: {error}\n"
                "    name its encoding: `encoding: latin-1`, `cp1252` or `utf-16`"
            ) from None
        except LookupError:
            raise DataError(f"there is no encoding `{on_one_line(encoding)}`") from None

    def _divided(self, lines: _Lines) -> Iterator[tuple[int, list[str]]]:
        separator = self.layout.separator
        assert separator is not None
        if separator == WHITE_SPACE:
            for line in lines:
                yield lines.first, line.split()
                lines.is_start = True
            return
        csv.field_size_limit(_LONGEST)
        reader = csv.reader(
            lines,
            delimiter=separator,
            quotechar=self.layout.quote,
            skipinitialspace=separator != "\t",
            strict=True,
        )
        while True:
            lines.is_start = True
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError(
                    f"{on_one_line(self.path)}, line {lines.first}: the quotes of a cell do not "
                    f"end it ({error})\n    quote the whole cell, double a quote in it, or name "
                    'another sign: `quote: "\'"`'
                ) from None
            yield lines.first, [cell.strip(" \t\r\n") for cell in cells]


class _Lines:
    """The lines of a file, without those between records that are empty or comments."""

    def __init__(self, file: TextIO, records: Records) -> None:
        self._file = file
        self._records = records
        self._blank: int | None = None
        self.number = 0
        self.first = 0  # line of the record
        self.is_start = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        comment = self._records.layout.comment
        for line in self._file:
            self.number += 1
            if "\0" in line:
                raise DataError(
                    f"{on_one_line(self._records.path)}, line {self.number}: there is a zero "
                    "byte, so this is no text of that encoding\n    name it: `encoding: utf-16-le`"
                )
            if self.is_start and not line.strip():
                self._blank = self._blank or self.number
            elif not (self.is_start and comment and line.lstrip().startswith(comment)):
                if self.is_start:
                    self.first, self.is_start = self.number, False
                    self._records.blank = self._records.blank or self._blank
                return line
        raise StopIteration


def records_of(path: Path, layout: Layout) -> Records:
    """The records of a file, by the separator that it has. Raises DataError if that is unclear."""
    if layout.separator is not None:
        return Records(path, layout)
    line = _first_line(path, layout)
    if line.lower().startswith("sep="):
        raise DataError(
            f"{on_one_line(path)} begins with `{on_one_line(line.strip())}`\n    that is a comment "
            f"of spreadsheets: `comment: sep=, separator: {line.strip()[4:]!r}`"
        )
    if path.suffix.lower() == ".tsv":
        return Records(path, msgspec.structs.replace(layout, separator="\t"))
    likely = [one for one in _SEPARATORS if one in line and one != layout.decimal]
    if len(likely) > 1:
        likely = [one for one in likely if _is_even(path, layout, one)]
        if len(likely) != 1:
            raise DataError(
                f"{on_one_line(path)}: it is not clear what separates its cells\n"
                "    name it: `separator: ','`"
            )
    if not likely and path.suffix.lower() != ".csv" and len(line.split()) > 1:
        likely = [WHITE_SPACE]
    separator = likely[0] if likely else ","
    return Records(path, msgspec.structs.replace(layout, separator=separator))


def _first_line(path: Path, layout: Layout) -> str:
    """The first line that is neither empty nor a comment."""
    lines = Records(path, msgspec.structs.replace(layout, separator=WHITE_SPACE))
    encoding = layout.encoding or _encoding_of(path)
    number = next(iter(lines), (0, []))[0]
    if not number:
        raise DataError(f"{on_one_line(path)} is empty: a table begins with the names of columns")
    with path.open(encoding=encoding, newline="") as file:
        return next(line for at, line in enumerate(file, 1) if at == number)


def _is_even(path: Path, layout: Layout, separator: str) -> bool:
    """Whether the first records all have the same number of cells, and more than one."""
    widths = set()
    try:
        records = Records(path, msgspec.structs.replace(layout, separator=separator))
        for _, (_, cells) in zip(range(_LOOKED_AT), records, strict=False):
            widths.add(len(cells))
    except DataError:
        return False
    return len(widths) == 1 and widths != {1}


def _encoding_of(path: Path) -> str:
    """UTF-8, or UTF-16 if the file begins with its mark."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
