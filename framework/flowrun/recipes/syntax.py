"""A YAML syntax error as a problem: the place of the mistake, and a fix."""

from __future__ import annotations

import re
from typing import Any

from flowrun.errors import Mark, Problem, Source

_NO_SPACE = re.compile(r"\s*(?:- )?([\w-]*):\S")
_WITH_BRACKETS = re.compile(r"[^\s,'\"\[\]{}]+(?:\[[^\[\]]*\][\w.]*)+")
_NEAR = 200  # characters before and behind a place that are looked at
_IN_WORDS = {
    "did not find expected ',' or '}'": "a `,` or a `}` is expected here",
    "did not find expected ',' or ']'": "a `,` or a `]` is expected here",
    "did not find expected key": "a key of the mapping above is expected here",
    "did not find expected '-' indicator": "an item of the list above, with `-`, is expected here",
    "mapping values are not allowed": "a colon with a space after it cannot stand here",
    "unknown escape character": "no such escape: `\\` and this character",
}
_CLOSING = {"{": "}", "[": "]"}


def syntax_problem(error: Exception, source: Source) -> Problem:
    """The error of the YAML parser, at the place of the mistake."""
    what = str(getattr(error, "problem", None) or "cannot be read here")
    began = getattr(error, "context_mark", None)
    place = getattr(error, "problem_mark", None) or began
    if place is None:
        return _unreadable(error, source)
    if began is not None and ("simple key" in _context(error) or began.line < place.line):
        if problem := _not_closed(error, what, _mark(began, source)):
            return problem
        if "simple key" in _context(error):
            mark = _mark(began, source)
            hint = _no_space_hint(source.line(mark.line))
            message = "not YAML: a line that is neither `key: value` nor `- item`"
            return Problem(message, mark, hint=hint)
    mark = _mark(place, source)
    if "did not find expected" in what and (opened := _open_at_end(source, place.line)):
        bracket = source.line(opened.line)[opened.column]
        hint = f"end it with `{_CLOSING[bracket]}`"
        return Problem(f"not YAML: this `{bracket}` is not closed", opened, hint=hint)
    line = source.line(mark.line)
    if "cannot start any token" in what and (found := line[mark.column : mark.column + 1]):
        return _bad_start(found, mark)
    said = next((words for phrase, words in _IN_WORDS.items() if phrase in what), None)
    if said is None:
        said = f"{what} ({_context(error)})" if _context(error) else what
    return Problem(f"not YAML: {said}", mark, hint=_hint(line, what, mark.column))


def _mark(place: Any, source: Source) -> Mark:
    return Mark(source, place.line, place.column)


def _context(error: Exception) -> str:
    return str(getattr(error, "context", None) or "")


def _not_closed(error: Exception, what: str, began: Mark) -> Problem | None:
    """A brace, bracket or quotation mark that is still open on a later line."""
    line = began.source.line(began.line)
    opening = line[began.column : began.column + 1]
    if "quoted scalar" in _context(error) and opening in ("'", '"'):
        hint = f"end the text with {opening}"
        return Problem("not YAML: this quotation mark is not closed", began, hint=hint)
    if opening in _CLOSING and "did not find expected ','" in what:
        hint = f"end it with `{_CLOSING[opening]}`"
        return Problem(f"not YAML: this `{opening}` is not closed", began, hint=hint)
    return None


def _open_at_end(source: Source, place: int) -> Mark | None:
    """The last brace or bracket that is open at the end of a text, if the error is there."""
    if any(line.strip() for line in source.lines[place:]):
        return None
    open_ones: list[Mark] = []
    quote = ""
    for number, line in enumerate(source.lines):
        for column, character in enumerate(line):
            begins = column == 0 or line[column - 1] in " [{,:=("
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"" and begins:
                quote = character
            elif character == "#" and begins:
                break
            elif character in _CLOSING:
                open_ones.append(Mark(source, number, column))
            elif character in _CLOSING.values() and open_ones:
                open_ones.pop()
    return open_ones[-1] if open_ones else None


def _bad_start(found: str, mark: Mark) -> Problem:
    """A character that no value can begin with."""
    if found == "\t":
        hint = "YAML is indented with spaces; this line holds a tab"
        return Problem("not YAML: a tab for indentation", mark, hint=hint)
    hint = "put the value in quotes"
    return Problem(f"not YAML: a value cannot begin with `{found}`", mark, hint=hint)


def _hint(line: str, what: str, column: int) -> str | None:
    if "\t" in line:
        return "YAML is indented with spaces; this line holds a tab"
    if "${" in line and "expected" in what:
        name = line.partition("${")[2].partition("}")[0] or "name"
        return f'inside {{ }} write a reference in quotes: "${{{name}}}"'
    if "[" in line and "{" in line and "expected" in what:
        return (
            "inside { } a key or a value with brackets or commas of its own needs quotes: "
            "{'losses[-1]': ...}, {c: 'cat([a, b])'}"
        )
    if "expected ',' or ']'" in what and (text := _bracketed(line, column)):
        return f"inside [ ] a text with brackets of its own needs quotes: '{text}'"
    if "mapping values are not allowed" in what:
        return (
            "a colon and a space inside a text need quotes; a step with keys below it needs a "
            "colon of its own (`- gd_train:`); or the line is indented wrongly"
        )
    if "expected key" in what or "'-' indicator" in what:
        return "is the line indented as those above it? The same kind starts in the same column"
    if "unknown escape character" in what:
        return "in double quotes a backslash has a meaning of its own: use single quotes, or `/`"
    return _no_space_hint(line)


def _bracketed(line: str, column: int) -> str | None:
    """The text at a column that has brackets within, as `losses[-1]` does."""
    begin = max(0, column - _NEAR)  # a search in all of a long line would take minutes
    texts = _WITH_BRACKETS.finditer(line, begin, column + _NEAR)
    return next((one.group() for one in texts if one.start() <= column < one.end()), None)


def _no_space_hint(line: str) -> str | None:
    if match := _NO_SPACE.match(line):
        return f"write a space after the colon: `{match[1]}: ...`"
    if re.match(r"\s*-\w", line):
        return f"write a space after the dash: `- {line.strip().removeprefix('-')}`"
    return None


def _unreadable(error: Exception, source: Source) -> Problem:
    """A character that no YAML text can hold, as in a file that is no text at all."""
    position, character = getattr(error, "position", None), getattr(error, "character", None)
    if not isinstance(position, int) or not isinstance(character, (int, str)):
        return Problem(f"{source.name}: not YAML: {error}".replace("\n", " "))
    code = character if isinstance(character, int) else ord(character)
    before = source.text.encode()[:position].decode("utf-8", "ignore")
    line = before.count("\n")
    if source.path is None:
        mark = Mark(source, line, len(before) - before.rfind("\n") - 1)
        hint = f'in double quotes it can be written as an escape: "\\x{code:02x}"'
        return Problem(f"not YAML: the control character 0x{code:02x}", mark, hint=hint)
    return Problem(
        f"{source.name}:{line + 1}: not a recipe: it contains the control character 0x{code:02x}",
        hint="a recipe is a YAML text; a data file is named in `- load: {source: ...}`",
    )
