"""A `Problem` (a mistake, its place and its fix), and the errors that flowrun raises."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import msgspec

from flowrun.errors.amounts import cut
from flowrun.errors.amounts import problems_text as problems_text
from flowrun.errors.amounts import shortened as shortened
from flowrun.errors.escaping import below, in_lines, on_one_line
from flowrun.errors.similar import nearest as nearest
from flowrun.errors.similar import suggestions_bounded as suggestions_bounded

_SHOWN_WIDTH = 100  # columns of a source line that a message shows around the caret
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML counts lines


class Source:
    """A text that nodes come from: a recipe file, a mapping given from Python, or a `--set`.

    path: of the file, to which links have led. asked: the path by which another recipe names it.
    """

    def __init__(self, name: str, text: str, path: Path | None = None) -> None:
        self.name = name
        self.text = text
        self.path = path
        self.asked: Path | None = None

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    @property
    def folder(self) -> Path:
        """The folder that relative paths in this text start from."""
        return self.path.parent if self.path is not None else Path.cwd()

    def line(self, number: int) -> str:
        """The text of line `number`, counted from 0; empty past the end."""
        return self.lines[number] if number < len(self.lines) else ""

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends."""
        return _LINE_END.split(self.text)


# msgspec.Struct is used here and elsewhere for a fast start and for recipes of many steps: compared
# with a dataclass, which compiles its methods, it is defined in a thirtieth of the time and made in
# a fifth. `gc=False` is for objects that can be in no reference cycle.
class Mark(msgspec.Struct, frozen=True, gc=False):
    """A place in a source: line and column, both counted from 0 (and shown from 1)."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{on_one_line(self.source.name)}:{self.line + 1}:{self.column + 1}"

    def shifted(self, columns: int) -> Mark:
        """The place so many columns further on the same line."""
        return Mark(self.source, self.line, self.column + columns)


class CodeLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a step's code. line: counted from 1. text: empty if it is not shown."""

    file: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        return f"{on_one_line(self.file)}:{self.line}"


class Lines(str):
    """A hint of several lines, in which names stand escaped: any other hint is on one line."""

    __slots__ = ()


class Problem(msgspec.Struct, frozen=True):
    """One mistake: its place, the value found, the value expected, and a fix.

    mark: the place in the recipe.
    severity: `error` if a run would fail; `warning` if it would not, but does something that is
        probably not meant; `unknown` if a check cannot know the step's outputs.
    step: the step's id in a recipe; its name if the problem is a broken rule.
    rule: the rule that the step breaks, a key of flowrun.testing.RULES.
    place: the line of the step's code; for a broken rule, its first one.
    operation: the function that was called, with its operands. inputs: the step's, as text.
    """

    message: str
    mark: Mark | None = None
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    severity: Literal["error", "warning", "unknown"] = "error"
    step: str | None = None
    rule: str | None = None
    place: CodeLine | None = None
    operation: str | None = None
    inputs: dict[str, str] = {}

    def __str__(self) -> str:
        """The problem as the command line shows it: place, source line, caret, and the fix."""
        lines = [f"{self._origin}{on_one_line(cut(self.message))}"]
        if self.mark is not None:
            lines += _excerpt(self.mark)
        lines += [f"    {label:<9} {on_one_line(cut(text))}" for label, text in self._details()]
        if self.hint is not None:
            is_laid_out = isinstance(self.hint, Lines)
            hint = cut(self.hint)
            lines.append(f"    {below(hint) if is_laid_out else on_one_line(hint)}")
        return "\n".join(lines)

    @property
    def _origin(self) -> str:
        if self.rule is not None:
            return f"{self.place}: {self.step} ({self.rule}): "
        return f"{self.mark}: " if self.mark is not None else ""

    def _details(self) -> Iterator[tuple[str, str]]:
        if self.found is not None:
            yield "found", self.found
        if self.expected is not None:
            yield "expected", self.expected
        if self.place is not None and self.rule is None:
            yield "in", f"{self.place.text}  ({self.place})"
        if self.operation is not None:
            yield "called", self.operation
        for name, text in self.inputs.items():
            yield "input", f"{name} {text}"

    def as_dict(self) -> dict[str, object]:
        """The problem of a recipe for `--json`: lines and columns counted from 1."""
        return {
            "file": self.mark.source.name if self.mark else None,
            "line": self.mark.line + 1 if self.mark else None,
            "column": self.mark.column + 1 if self.mark else None,
            "message": self.message,
            "found": self.found,
            "expected": self.expected,
            "hint": None if self.hint is None else str(self.hint),
        }


def _excerpt(mark: Mark) -> list[str]:
    """The source line with a caret below the marked column, cropped to one screen's width."""
    line = mark.source.line(mark.line)
    start = max(0, mark.column - _SHOWN_WIDTH // 2) if len(line) > _SHOWN_WIDTH else 0
    end = start + _SHOWN_WIDTH
    shown = _source_text(line[start:end])
    before = "..." if start else ""
    after = "..." if end < len(line) else ""
    number = str(mark.line + 1)
    # An escape takes more columns than its character, and the mark may stand behind the line's end.
    to_mark = len(_source_text(line[start : mark.column])) + max(0, mark.column - len(line))
    caret = " " * (len(before) + to_mark) + "^"
    return [
        f"  {number} | {before}{shown}{after}",
        f"  {' ' * len(number)} | {caret}",
    ]


def _source_text(text: str) -> str:
    return on_one_line(text.replace("\t", " "))


def code_excerpt(error: SyntaxError) -> list[str]:
    """The line of Python code that cannot be read, with a caret; nothing if it is not known."""
    if not error.text or error.lineno is None:
        return []
    text, line = error.text.rstrip("\r\n"), error.lineno - 1
    source = Source("", "\n" * line + text)
    return _excerpt(Mark(source, line, max(0, (error.offset or 1) - 1)))


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The question `did you mean ...?` for the nearest known name, or None."""
    near = nearest(name, known)
    return f"did you mean `{on_one_line(near)}`?" if near is not None else None


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Names in a row for a message, cut after `limit` of them."""
    known = names if isinstance(names, Collection) else list(names)  # which may be many
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return ", ".join(map(on_one_line, islice(known, limit))) + more if known else "none"


def shown_path(path: Path) -> str:
    """A path as a person would type it here, for a line: what a terminal would obey is escaped."""
    return on_one_line(typed_path(path))


def typed_path(path: Path) -> str:
    """A path as a person would type it here: relative to the current folder if it is inside."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


class FlowrunError(Exception):
    """Base of every error that flowrun raises on purpose; `str()` gives the whole message.

    A name or a text of a file that stands in a message is shown there without its control
    characters.
    """

    has_own_lines: ClassVar[bool] = False  # whether its text is laid out, with names on one line

    def __str__(self) -> str:
        return in_lines(super().__str__())

    @property
    def report(self) -> str:
        """The text as a command prints it: no line of it begins at the margin but the first."""
        return str(self) if self.has_own_lines else below(str(self))


class ProblemError(FlowrunError):
    """One problem outside of recipes."""

    has_own_lines = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))


class RecipeError(FlowrunError):
    """A recipe that cannot be planned; `problems` has all its mistakes."""

    has_own_lines = True

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(problems_text(self.problems))


class StepDefinitionError(FlowrunError, TypeError):
    """A function that cannot be a step, found when `@step` meets it."""


class PluginError(FlowrunError):
    """A plugin that cannot be loaded, or two plugins that claim one name."""


class UnfitPluginError(PluginError):
    """A plugin that is not loaded, as its distribution requires another version of flowrun."""


class DeviceError(ProblemError):
    """A device that is not there."""


class DataError(FlowrunError):
    """A file or data set that is not available, or has the wrong content."""


class MissingDataError(DataError):
    """Named data that is not available here, and has no stand-in that may take its place."""


class OptionError(FlowrunError):
    """What is wrong with an option, found by a step that names its inputs or outputs by it.

    option: its name, or the keys and positions that lead to the value: `("a", 2)` is the third item
        of `a`.
    offset: the character of a text at which it is wrong, counted from 0. hint: a fix.
    """

    def __init__(
        self,
        message: str,
        offset: int | None = None,
        hint: str | None = None,
        *,
        option: str | tuple[str | int, ...] = (),
    ) -> None:
        self.message = message
        self.offset = offset
        self.hint = hint
        self.option = (option,) if isinstance(option, str) else option
        super().__init__(message if hint is None else f"{message}\n{hint}")

    def of_option(self, *option: str | int) -> Self:
        """The same error, said of this option."""
        return type(self)(self.message, self.offset, self.hint, option=option)


class StepError(FlowrunError):
    """A step that failed while running.

    `message` describes the failure; the text adds the recipe's line, the step and its inputs. The
    exception of the step's own code, if there was one, is `__cause__`.
    """

    has_own_lines = True

    def __init__(self, message: str, *, step: str, report: str) -> None:
        self.message = message
        self.step = step
        super().__init__(report)


class ExitError(FlowrunError):
    """Code of a plugin that wanted to end more than itself: it raised SystemExit or its like."""


@contextmanager
def contained() -> Iterator[None]:
    """Raise ExitError in place of a SystemExit, CancelledError or the like; interrupts pass.

    Of these a caller that handles errors would see nothing, and the command would end with 0.
    """
    process = os.getpid()
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        if os.getpid() != process:  # a child that the code has forked: it alone should end
            raise
        raise ExitError(f"{error_line(error)}\n{_END}") from error


_END = "code that flowrun calls ends by `return`, or by an error if it fails"


def error_text(error: BaseException) -> str:
    """The message of an exception, as a person may see it; empty if its own code fails to give one.

    Libraries quote files of others in it.
    """
    try:
        return in_lines(str(error).strip())
    except Exception:
        return ""


def error_line(error: BaseException) -> str:
    """An exception in one line: its type, its message's first line, and the place that raised it.

    An error of flowrun's own is its message alone, which names the place.
    """
    message = error_text(error).partition("\n")[0]
    if isinstance(error, FlowrunError):
        return message
    frame, code = error.__traceback__, None
    while frame is not None and "_sitebuiltins" not in frame.tb_frame.f_code.co_filename:
        code, line = frame.tb_frame.f_code, frame.tb_lineno  # `exit()` is a call of Python's own
        frame = frame.tb_next
    place = ""
    if code is not None and "importlib" not in code.co_filename:
        place = f" ({shown_path(Path(code.co_filename))}:{line})"
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({shown_path(Path(error.filename))}:{error.lineno})"
        message = on_one_line(error.msg)
    return f"{type(error).__name__}{message and f': {message}'}{place}"


class OutputsError(Exception):
    """Some outputs of a step failed, each by its own error; a check goes on with the others.

    errors: by output name, those of outputs that need a failed one left out. outputs: the others.
    """

    def __init__(self, errors: Mapping[str, Exception], outputs: Mapping[str, Any]) -> None:
        super().__init__(*errors.values())
        self.errors = errors
        self.outputs = outputs

    def __str__(self) -> str:
        return "\n".join(self._said(name, error) for name, error in self.errors.items())

    @staticmethod
    def _said(name: str, error: Exception) -> str:
        is_plain = isinstance(error, FlowrunError) or type(error) is RuntimeError  # as torch's are
        kind = "" if is_plain else f"{type(error).__name__}: "
        text, start = f"{kind}{error}", f"`{name}`: "
        return text if text.startswith(start) else f"{start}{text}"


class NeedsDataError(FlowrunError):
    """A step looks at data that a check does not have, so its result is not known.

    Raised in a check by a value that is not there, or by a step's own `on_shapes` function.
    """
