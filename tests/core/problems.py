"""A problem taken apart, to be compared as a whole."""

from __future__ import annotations

from pathlib import Path

from flowrun import Problem

# Line and column, both from 1; the message; the value found; the value expected; the hint.
Parts = tuple[tuple[int, int] | None, str, str | None, str | None, str | None]


def parts(problem: Problem, folder: Path) -> Parts:
    """What a problem says; `...` stands for the folder of the recipe."""
    mark = problem.mark
    place = None if mark is None else (mark.line + 1, mark.column + 1)
    found = problem.found and problem.found.replace(str(folder), "...")
    return place, problem.message, found, problem.expected, problem.hint
