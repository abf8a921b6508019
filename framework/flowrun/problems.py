"""What is wrong with a recipe, and where: problems that point into the text the user wrote."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import msgspec

_SHOWN_WIDTH = 100  # columns of a source line that a message shows round the caret


class Source:
    """A text that nodes come from: a recipe file, a mapping given from Python, or a `--set`."""

    def __init__(self, name: str, text: str, path: Path | None = None) -> None:
        self.name = name
        self.text = text
        self.path = path

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    @property
    def folder(self) -> Path:
        """The folder that relative paths in this text start from."""
        return self.path.parent if self.path is not None else Path.cwd()

    def line(self, number: int) -> str:
        """The text of line `number`, counted from 0; empty past the end."""
        return self._lines[number] if number < len(self._lines) else ""

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines()


# msgspec.Struct, here and elsewhere, for the sake of start-up and of recipes of many steps: against
# a dataclass, which compiles its methods, it is defined in a thirtieth of the time and made in a
# fifth. `gc=False` is for what can be part of no cycle.
class Mark(msgspec.Struct, frozen=True, gc=False):
    """A place in a source: line and column, both counted from 0 (and shown from 1)."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line + 1}:{self.column + 1}"

    def shifted(self, columns: int) -> Mark:
        """The place so many columns further on the same line."""
        return Mark(self.source, self.line, self.column + columns)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong: where, what was found, what was expected, what to do."""

    message: str
    mark: Mark | None = None
    found: str | None = None
    expected: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """The problem as the command line shows it: place, source line, caret, and the cure."""
        return self.without_hint + (f"\n    {self.hint}" if self.hint is not None else "")

    @property
    def without_hint(self) -> str:
        """The problem as it is shown, without the cure."""
        where = f"{self.mark}: " if self.mark is not None else ""
        lines = [f"{where}{self.message}"]
        if self.mark is not None:
            lines += _excerpt(self.mark)
        if self.found is not None:
            lines.append(f"    found     {self.found}")
        if self.expected is not None:
            lines.append(f"    expected  {self.expected}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """The problem for `--json`: lines and columns counted from 1."""
        return {
            "file": self.mark.source.name if self.mark else None,
            "line": self.mark.line + 1 if self.mark else None,
            "column": self.mark.column + 1 if self.mark else None,
            "message": self.message,
            "found": self.found,
            "expected": self.expected,
            "hint": self.hint,
        }


def _excerpt(mark: Mark) -> list[str]:
    """The source line with a caret below the marked column, cropped to one screen's width."""
    line = mark.source.line(mark.line)
    start = max(0, mark.column - _SHOWN_WIDTH // 2) if len(line) > _SHOWN_WIDTH else 0
    shown = line[start : start + _SHOWN_WIDTH].replace("\t", " ")
    before = "..." if start else ""
    after = "..." if start + _SHOWN_WIDTH < len(line) else ""
    number = str(mark.line + 1)
    caret = " " * (len(before) + mark.column - start) + "^"
    return [
        f"  {number} | {before}{shown}{after}",
        f"  {' ' * len(number)} | {caret}",
    ]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is near."""
    import difflib  # only a mistake needs it

    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The question `did you mean ...?` for the nearest known name, or None."""
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near is not None else None


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Names in a row for a message, cut after `limit` of them."""
    all_names = list(names)
    more = f" and {len(all_names) - limit} more" if len(all_names) > limit else ""
    return ", ".join(all_names[:limit]) + more if all_names else "none"


def shown_path(path: Path) -> str:
    """A path as a person would type it here: relative to the current folder where it is inside."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
