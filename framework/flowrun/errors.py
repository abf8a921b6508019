"""The errors flowrun raises. Each one's text is meant to be read by the person who caused it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from flowrun.problems import Problem, shown_path


class FlowrunError(Exception):
    """Base of every error that flowrun raises on purpose; `str()` gives the whole message."""


class RecipeError(FlowrunError):
    """A recipe that cannot be planned; `problems` holds everything wrong with it at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(map(str, self.problems)))


class StepDefinitionError(FlowrunError, TypeError):
    """A function that cannot be a step, found when `@step` meets it."""


class PluginError(FlowrunError):
    """A plugin that cannot be loaded, or two plugins that claim one name."""


class DeviceError(FlowrunError):
    """A device that is not there."""


class DataError(FlowrunError):
    """A file or data set that cannot be had, or is not what it should be."""


class MissingDataError(DataError):
    """Named data that cannot be had here, and has no stand-in that may take its place."""


class OptionError(FlowrunError):
    """What is wrong with an option, found by a step that names its inputs or outputs by it.

    option: the keys and positions that lead to the value: `("a", 2)` is the third item of `a`.
    offset: the character of a text at which it is wrong, counted from 0. hint: what to do.
    """

    def __init__(
        self,
        message: str,
        offset: int | None = None,
        hint: str | None = None,
        *,
        option: tuple[str | int, ...] = (),
    ) -> None:
        self.message = message
        self.offset = offset
        self.hint = hint
        self.option = option
        super().__init__(message if hint is None else f"{message}\n{hint}")

    def of_option(self, *option: str | int) -> Self:
        """The same error, said of this option."""
        return type(self)(self.message, self.offset, self.hint, option=option)


class StepError(FlowrunError):
    """A step that failed while running.

    `message` says what happened; the text adds the recipe's line, the step and its inputs. The
    exception of the step's own code, if there was one, is `__cause__`.
    """

    def __init__(self, message: str, *, step: str, report: str) -> None:
        self.message = message
        self.step = step
        super().__init__(report)


def error_line(error: BaseException) -> str:
    """An exception in one line: its type, its message's first line, and where it was raised.

    An error of flowrun's own is its message alone, which says where.
    """
    message = str(error).strip().partition("\n")[0]
    if isinstance(error, FlowrunError):
        return message
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = ""
    if frame is not None:
        code = frame.tb_frame.f_code
        if "importlib" not in code.co_filename:
            place = f" ({shown_path(Path(code.co_filename))}:{frame.tb_lineno})"
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({shown_path(Path(error.filename))}:{error.lineno})"
        message = error.msg
    return f"{type(error).__name__}: {message}{place}"
