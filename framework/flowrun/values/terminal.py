"""Text as a terminal takes it: how wide it is, whether it has colours, lines wrapped at words.

This module is imported before any other, so it imports next to nothing.
"""

from __future__ import annotations

import os
import re
from typing import IO, Any

_NARROWEST = 40  # columns; a narrower terminal breaks the lines itself
_USUAL = 80
_LONGEST = 10_000  # characters of a line that is wrapped; the terminal breaks a longer one itself
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_WORD = re.compile(r"( *)([^ ]*\d s(?![^ \x1b,;:])[^ ]*|[^ ]+)")  # `1.25 s` is one word
# What stands below a column that begins here: the text after a name and two spaces, or any text.
_COLUMN = re.compile(r" *\S+ {2,}(?=\S)| *")
_SOURCE = re.compile(r" *\d+ \| ")  # before a line of a file
_MARK = re.compile(r" *\| (?= *\^$)")  # below it, in the same column


def wants_colour() -> bool | None:
    """Whether the user wants colours, as variables say; None: on a terminal, and not elsewhere."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def is_terminal(stream: IO[Any]) -> bool:
    """Whether a stream is a terminal; not if it is closed."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def can_overwrite(stream: IO[Any]) -> bool:
    """Whether a line that was written there can be written again, for a bar or while one waits."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def width_of(stream: IO[Any]) -> int | None:
    """The columns of a terminal, which the variable COLUMNS overrules; None of anything else."""
    if not is_terminal(stream):
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(_NARROWEST, int(given))
    try:
        found = os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (OSError, ValueError, AttributeError):
        found = _USUAL
    return max(_NARROWEST, found)


def shown_on(stream: IO[Any], text: str, *, crops: bool = False) -> str:
    """A text as it is written to a stream: with colours or without, wrapped on a terminal.

    crops: as for `wrapped`.
    """
    wanted = wants_colour()
    if not (is_terminal(stream) if wanted is None else wanted):
        text = _STYLE.sub("", text)
    width = width_of(stream)
    return text if width is None else wrapped(text, width, crops=crops)


def wrapped(text: str, width: int, *, crops: bool = False) -> str:
    """The text with lines of at most `width` columns, unless a word alone is longer.

    A line that is too long is continued below its text: it keeps its indentation, or the column
    after a name that stands before it.

    crops: whether a line of a file that has a mark below it is cropped, both around the mark.
    """
    lines = text.split("\n")
    if all(len(line) <= width for line in lines) and text.isascii():
        return text
    for number, line in enumerate(lines):
        following = lines[number + 1] if crops and number + 1 < len(lines) else ""
        begin = _marked(line, following)
        if not begin:
            lines[number] = _wrapped_line(line, width)
        elif columns_of(line) > width:
            lines[number], moved = _cropped(line, begin, len(following) - 1, width)
            lines[number + 1] = following[:begin] + following[begin + moved :]
    return "\n".join(lines)


def _marked(line: str, following: str) -> int:
    """The column at which a line of a file begins behind its number, if a mark is below; or 0."""
    source, mark = _SOURCE.match(line), _MARK.match(following)
    return source.end() if source and mark and mark.end() == source.end() else 0


def _cropped(line: str, begin: int, at: int, width: int) -> tuple[str, int]:
    """A line of a file with what stands at `at`, and by how much that has moved to the left.

    begin: the end of the line's number, which stays.
    """
    room = width - begin
    start = max(0, min(at - begin - room // 2, len(line) - begin - room))
    shown = line[begin + start : begin + start + room]
    if start:
        shown = f"...{shown[3:]}"
    if begin + start + room < len(line):
        shown = f"{shown[:-3]}..."
    return line[:begin] + shown, start


def _wrapped_line(line: str, width: int) -> str:
    if len(line) > _LONGEST or columns_of(line) <= width:
        return line
    plain = _STYLE.sub("", line)
    found = _COLUMN.match(plain)
    column = 0 if found is None else found.end()
    if column > width // 2:
        column = len(plain) - len(plain.lstrip(" "))
    column = min(column or 2, width // 2)
    made, at = "", 0
    for spaces, word in _WORD.findall(line):
        size = columns_of(word)
        if at > column and at + len(spaces) + size > width:
            made, at = f"{made}\n{' ' * column}{word}", column + size
        else:
            made, at = f"{made}{spaces}{word}", at + len(spaces) + size
    return made


def columns_of(text: str) -> int:
    """The columns that a text takes on a terminal, without its colours."""
    text = _STYLE.sub("", text)
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )
