"""Values and calls written as Python, broken into lines where they would be too wide."""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Group:
    """Code in brackets: what stands before and after the items, and these, each with a prefix."""

    opening: str
    items: tuple[tuple[str, Code], ...]
    closing: str


Code = str | Group


def literal(value: Any) -> Code:
    """A plain value as code; raises ValueError for one that no literal makes."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or type(value) in (bool, int, float, bytes):
        return repr(value)
    if type(value) is str:
        return quoted(value)
    if type(value) is list:
        return Group("[", tuple(("", literal(item)) for item in value), "]")
    if type(value) is tuple:
        closing = ",)" if len(value) == 1 else ")"
        return Group("(", tuple(("", literal(item)) for item in value), closing)
    if type(value) in (set, frozenset) and value:
        opening, closing = ("{", "}") if type(value) is set else ("frozenset({", "})")
        return Group(opening, tuple(("", literal(item)) for item in value), closing)
    if type(value) is dict:
        items = [(f"{flat(literal(key))}: ", literal(item)) for key, item in value.items()]
        return Group("{", tuple(items), "}")
    raise ValueError(f"{value!r}, a {type(value).__name__}")


def quoted(text: str) -> str:
    """A string as code, in double quotes unless that would need more escapes."""
    written = repr(text)
    if written[0] == '"' or '"' in text:
        return written
    return f'"{written[1:-1]}"'


def call(
    function: str, positional: Sequence[Code], named: Mapping[str, Code], closing: str = ")"
) -> Group:
    """A call; names that are no identifiers are passed through `**`."""
    items: list[tuple[str, Code]] = [("", item) for item in positional]
    others: list[tuple[str, Code]] = []
    for name, item in named.items():
        if name.isidentifier() and not keyword.iskeyword(name):
            items.append((f"{name}=", item))
        else:
            others.append((f"{quoted(name)}: ", item))
    if others:
        items.append(("**", Group("{", tuple(others), "}")))
    return Group(f"{function}(", tuple(items), closing)


def flat(code: Code) -> str:
    """Code on one line."""
    if isinstance(code, str):
        return code
    inner = ", ".join(prefix + flat(item) for prefix, item in code.items)
    return f"{code.opening}{inner}{code.closing}"


def lines(code: Code, indent: int = 0, before: str = "", after: str = "") -> list[str]:
    """Code as lines of at most WIDTH columns where brackets allow it, as ruff breaks them."""
    space = " " * indent
    whole = f"{space}{before}{flat(code)}{after}"
    if isinstance(code, str) and len(whole) > WIDTH and code[0] in "'\"":
        parts = _long_text(ast.literal_eval(code), WIDTH - indent - 6)
        inside = [f"{space}    {quoted(part)}" for part in parts]
        return [f"{space}{before}(", *inside, f"{space}){after}"] if inside[1:] else [whole]
    if isinstance(code, str) or len(whole) <= WIDTH or not code.items:
        return [whole]
    closing = code.closing.removeprefix(",")
    inner = ", ".join(prefix + flat(item) for prefix, item in code.items)
    made = [f"{space}{before}{code.opening}"]
    if indent + 4 + len(inner) <= WIDTH and closing == code.closing:
        made.append(f"{space}    {inner}")
    else:
        for prefix, item in code.items:
            made += lines(item, indent + 4, prefix, ",")
    return [*made, f"{space}{closing}{after}"]


def _long_text(text: str, width: int) -> list[str]:
    """A text in parts of at most `width` columns, broken after spaces."""
    parts = [""]
    for word in re.findall(r"\S+\s*|\s+", text):
        if parts[-1] and len(parts[-1]) + len(word) > width:
            parts.append("")
        parts[-1] += word
    return parts
