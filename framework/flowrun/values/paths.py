"""Paths that reach into values: `metrics.mae`, `params.W1[0, 0]`, `losses[-1]`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from flowrun.errors import listed, shortened

_SHOWN = 100  # characters of a text that is no path
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Of a position 18 digits at most, so that each fits into 64 bits.
_INDEX = re.compile(r"\[\s*(-?\d{1,18}(?:\s*,\s*-?\d{1,18})*)\s*\]")


class ValuePath(msgspec.Struct, frozen=True):
    """A name, then keys (str) and indices (tuples of int) that lead into its value."""

    text: str
    root: str
    parts: tuple[str | tuple[int, ...], ...]

    @property
    def flat(self) -> list[str | int]:
        """The keys and indices after the name, one by one."""
        flat: list[str | int] = []
        for part in self.parts:
            flat.extend([part] if isinstance(part, str) else part)
        return flat


def parse_path(text: str) -> ValuePath:
    """Read a path; raises ValueError that says at which character it stops being one."""
    start = _NAME.match(text)
    if start is None:
        raise ValueError(f"`{shortened(text, _SHOWN)}` does not begin with a name")
    position = start.end()
    parts: list[str | tuple[int, ...]] = []
    while position < len(text):
        if text[position] == "." and (key := _NAME.match(text, position + 1)):
            parts.append(key.group())
            position = key.end()
        elif index := _INDEX.match(text, position):
            parts.append(tuple(int(number) for number in index.group(1).split(",")))
            position = index.end()
        else:
            rest = f"at character {position + 1} (`{shortened(text[position:], _SHOWN)}`)"
            raise ValueError(f"`{shortened(text, _SHOWN)}` stops being a path {rest}")
    return ValuePath(text, start.group(), tuple(parts))


def follow(path: ValuePath, value: Any, opened: Callable[[Any], Any] | None = None) -> Any:
    """The value at the end of the path; raises LookupError that names the part that is missing.

    opened: gives what has the keys of a value that is no dict, as the fields of an instance.
    """
    reached = path.root
    for part in path.parts:
        if isinstance(part, str):
            if opened is not None and not isinstance(value, dict):
                value = opened(value)
            if not isinstance(value, dict):
                raise LookupError(f"`{reached}` has no keys: it is {type(value).__name__}")
            if part not in value:
                keys = listed(map(str, value))
                raise LookupError(f"`{reached}` has no `{part}`; its keys: {keys}")
            value = value[part]
            reached = f"{reached}.{part}"
        else:
            value = _at(value, part, reached)
            reached = f"{reached}[{', '.join(map(str, part))}]"
    return value


def _at(value: Any, index: tuple[int, ...], reached: str) -> Any:
    if isinstance(value, (list, tuple)):
        for number in index:
            try:
                value = value[number]
            except (IndexError, TypeError) as error:
                raise LookupError(f"`{reached}`: {error}") from None
        return value
    try:
        return value[index if len(index) > 1 else index[0]]
    except (IndexError, TypeError, KeyError) as error:
        raise LookupError(f"`{reached}`: {error}") from None
