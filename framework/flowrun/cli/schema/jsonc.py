"""JSON with comments and trailing commas, as editors keep their settings: read with positions."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"[-+.\w]+")


class NotJsonError(ValueError):
    """A text that is not JSON with comments, and the character (`position`) where that shows."""

    def __init__(self, message: str, position: int) -> None:
        self.position = position
        super().__init__(message)


class Located(msgspec.Struct):
    """A value and its place in the text.

    children: the values in a list or object, in order; keys: the keys of an object's children.
    starts: where each child begins, its key included. has_comma: whether a comma follows the last.
    """

    start: int
    end: int
    data: Any
    children: list[Located] = []
    keys: list[str] = []
    starts: list[int] = []
    has_comma: bool = False

    def child(self, key: str) -> Located | None:
        """The value of an object's key, or None."""
        return self.children[self.keys.index(key)] if key in self.keys else None


def read_jsonc(text: str) -> Located:
    """The one value in a text; raises NotJsonError."""
    try:
        value = _value(text, _after_space(text, 0))
    except RecursionError:
        raise NotJsonError("nested too deep", 0) from None
    end = _after_space(text, value.end)
    if end < len(text):
        raise NotJsonError("more than one value", end)
    return value


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    assert found is not None
    return found.end()


def _value(text: str, start: int) -> Located:
    if text.startswith(("{", "["), start):
        return _container(text, start)
    found = _STRING.match(text, start) or _WORD.match(text, start)
    if found is None:
        raise NotJsonError("no value", start)
    try:
        return Located(start, found.end(), json.loads(found.group()))
    except ValueError:
        raise NotJsonError(f"`{found.group()}` is no value", start) from None


def _container(text: str, start: int) -> Located:
    is_object = text[start] == "{"
    made = Located(start, start, {} if is_object else [])
    position = _after_space(text, start + 1)
    while not text.startswith("}" if is_object else "]", position):
        if made.children and not made.has_comma:
            raise NotJsonError("no comma between two values", position)
        made.starts.append(position)
        if is_object:
            position = _key(text, position, made)
        child = _value(text, position)
        made.children.append(child)
        position = _after_space(text, child.end)
        made.has_comma = text.startswith(",", position)
        if made.has_comma:
            position = _after_space(text, position + 1)
    made.end = position + 1
    inner = [child.data for child in made.children]
    made.data = dict(zip(made.keys, inner, strict=True)) if is_object else inner
    return made


def _key(text: str, start: int, parent: Located) -> int:
    """Read a key and its colon into `parent`; gives where the value begins."""
    found = _STRING.match(text, start)
    if found is None:
        raise NotJsonError("no key in double quotes", start)
    key = json.loads(found.group())
    if key in parent.keys:
        raise NotJsonError(f"`{key}` stands there twice", start)
    parent.keys.append(key)
    colon = _after_space(text, found.end())
    if not text.startswith(":", colon):
        raise NotJsonError("no colon after a key", colon)
    return _after_space(text, colon + 1)
