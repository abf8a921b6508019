"""The line of a step's own code at which an operation fails: its file, number and text."""

from __future__ import annotations

import linecache
from pathlib import Path
from types import TracebackType
from typing import Any

from flowrun.errors import CodeLine, shown_path
from flowrun.plugins.check_mode import CheckMode
from flowrun.plugins.observation.ownership import code_folder
from flowrun.plugins.steps import Step


def own_traceback(
    error: BaseException, step: Step[..., Any], mode: CheckMode
) -> TracebackType | None:
    """The innermost part of an exception's traceback in the step's code; None if there is none.

    The step's code is the files of its package or, without a package, of its folder; not those of
    the mode that runs steps on shapes alone.
    """
    folder, is_package = code_folder(step.function)
    excluded = Path(type(mode).diagnose.__code__.co_filename).parent
    found, frame = None, error.__traceback__
    while frame is not None:
        path = Path(frame.tb_frame.f_code.co_filename)
        is_inside = folder in path.parents if is_package else path.parent == folder
        if is_inside and excluded not in path.parents:
            found = frame
        frame = frame.tb_next
    return found


def place_of(error: BaseException, step: Step[..., Any], mode: CheckMode) -> CodeLine | None:
    """The line of the step's code at which an exception was raised; None if it is elsewhere."""
    found = own_traceback(error, step, mode)
    return None if found is None else place_at(found.tb_frame.f_code.co_filename, found.tb_lineno)


def place_at(file: str, line: int) -> CodeLine:
    """A line of code with its text."""
    return CodeLine(shown_path(Path(file)), line, linecache.getline(file, line).strip())
