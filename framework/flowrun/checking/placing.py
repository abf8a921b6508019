"""The failing operation in a step's own code: its file, its line, and the text of that line."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from flowrun.errors import shown_path
from flowrun.plugins.steps import Step

Place = tuple[str, int, str]


def place_of(error: BaseException, step: Step[..., Any], mode: object) -> Place | None:
    """The deepest frame of an exception that lies in the step's code; None where none does.

    Of the step are the files beside its own, or, in a package, those of the package; not those of
    the mode that runs steps on shapes alone.
    """
    folder, is_package = _code_folder(step)
    excluded = Path(sys.modules[type(mode).__module__].__file__ or "").parent
    found, frame = None, error.__traceback__
    while frame is not None:
        path = Path(frame.tb_frame.f_code.co_filename)
        is_inside = folder in path.parents if is_package else path.parent == folder
        if is_inside and excluded not in path.parents:
            found = frame
        frame = frame.tb_next
    return None if found is None else _place(found)


def place_at(file: str, line: int) -> Place:
    """A place by file and line."""
    return shown_path(Path(file)), line, linecache.getline(file, line).strip()


def _place(frame: TracebackType) -> Place:
    return place_at(frame.tb_frame.f_code.co_filename, frame.tb_lineno)


def _code_folder(step: Step[..., Any]) -> tuple[Path, bool]:
    """The folder in which a step's own code lies, and whether that is a package."""
    file = Path(step.function.__code__.co_filename)
    top = str(step.function.__module__).partition(".")[0]
    package = getattr(sys.modules.get(top), "__file__", None)
    if package is not None and Path(package).name == "__init__.py":
        return Path(package).parent, True
    return file.parent, False
