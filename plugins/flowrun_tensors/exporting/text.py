"""The only two ways by which text of a recipe enters a script, and lines broken to its width."""

from __future__ import annotations

import keyword
import math
import textwrap
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from flowrun import FlowrunError

WIDTH = 100
_MOST_LINES = 60  # of one statement with an item a line; a longer one is filled
_MOST_BITS = 10_000  # of a whole number; Python writes out some 14,000
_OPENING, _CLOSING = "([{", ")]}"


class ExportError(FlowrunError):
    """A step, or code of a step, that has no place in a script; the text says why."""


def literal(value: Any) -> str:
    """A plain value as a Python literal on one line; raises ExportError if there is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if type(value) is int and value.bit_length() > _MOST_BITS:
        raise ExportError("an option has a number of too many digits to be written out")
    if value is None or type(value) in (bool, int, float, bytes):
        return repr(value)
    if type(value) is str:
        return _quoted(value)
    if type(value) is list:
        return f"[{', '.join(map(literal, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if type(value) in (set, frozenset) and value:
        items = f"{{{', '.join(map(literal, value))}}}"
        return items if type(value) is set else f"frozenset({items})"
    if type(value) is dict:
        return mapping((literal(key), literal(item)) for key, item in value.items())
    raise ExportError(f"an option has a {type(value).__name__}, which has no literal")


def comment(text: str) -> list[str]:
    """A text as comment lines. What is not printable, and so each line break, becomes a space."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.wrap(
        plain, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def mapping(items: Iterable[tuple[str, str]]) -> str:
    """A dict of code by code."""
    return f"{{{', '.join(f'{key}: {value}' for key, value in items)}}}"


def call(function: str, positional: Iterable[str], named: Mapping[str, str]) -> str:
    """A call of code. Names that are no identifiers are passed through `**`."""
    plain = {name: code for name, code in named.items() if is_name(name)}
    others = [(literal(name), code) for name, code in named.items() if name not in plain]
    items = [*positional, *(f"{name}={code}" for name, code in plain.items())]
    items += [f"**{mapping(others)}"] if others else []
    return f"{function}({', '.join(items)})"


def is_name(text: str) -> bool:
    """Whether a text can be the name of a variable or an argument."""
    return text.isidentifier() and not keyword.iskeyword(text)


def laid_out(line: str, depth: int = 0) -> list[str]:
    """One statement as lines of at most WIDTH columns, as ruff would leave them."""
    found = _broken(line, depth)
    target, equals, value = line.partition(" = ")
    fits = len(found) <= _MOST_LINES and all(len(one) <= WIDTH for one in found)
    if fits or not (equals and is_name(target)):
        return found
    space = "    " * depth
    if len(space) + 4 + len(value) <= WIDTH:
        return [f"{space}{target} = (", f"{space}    {value}", f"{space})"]
    inner = [f"{space}    {part}" for part in _filled(value, WIDTH - 4 - len(space))]
    return [f"{space}{target} = (", *inner, f"{space})  # fmt: skip"]


def _filled(code: str, width: int) -> list[str]:
    """Code in parts of at most `width` columns, broken at spaces outside of strings."""
    parts, start, last = [], 0, -1
    for at in [*(at for at, _ in _scan(code) if code[at] == " "), len(code)]:
        if at - start > width and last > start:
            parts.append(code[start:last])
            start = last + 1
        last = at
    return [*parts, code[start:]]


def _quoted(text: str) -> str:
    """A string in double quotes, unless single ones need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(
        f"\\{one}" if one in (quote, "\\") else one if one in "'\"" else repr(one)[1:-1]
        for one in text
    ) + quote  # fmt: skip


def _broken(line: str, depth: int, end: str = "") -> list[str]:
    """A line, or its last brackets with an item a line if it is too long."""
    space = "    " * depth
    if len(space) + len(line) + len(end) <= WIDTH:
        return [space + line + end]
    begin = _last_opening(line)
    if begin is None:
        return [space + line + end]
    items = _items(line[begin + 1 : -1])
    if not items or any(" for " in one and one[0] not in "([{'\"" for one in items):
        return [space + line + end]
    comma = "," if len(items) > 1 else ""
    inner = [one for item in items for one in _broken(item, depth + 1, comma)]
    return [space + line[: begin + 1], *inner, space + line[-1] + end]


def _last_opening(line: str) -> int | None:
    """The position at which the brackets open that end a line; None if it ends in none."""
    if line[-1] not in _CLOSING:
        return None
    return max(at for at, depth in _scan(line) if line[at] in _OPENING and depth == 0)


def _items(code: str) -> list[str]:
    """The items of a list of code."""
    cuts = [at for at, depth in _scan(code) if code[at] == "," and depth == 0]
    parts = [code[start + 1 : end] for start, end in pairwise([-1, *cuts, len(code)])]
    return [part.strip() for part in parts if part.strip()]


def _scan(code: str) -> Iterable[tuple[int, int]]:
    """Each place of code outside of strings, with how many brackets are open before it.

    Of a string only its opening quote is given.
    """
    depth, at = 0, 0
    while at < len(code):
        one = code[at]
        if one in _CLOSING:
            depth -= 1
        yield at, depth
        if one in _OPENING:
            depth += 1
        if one in "'\"":
            at += 1
            while code[at] != one:
                at += 2 if code[at] == "\\" else 1
        at += 1
