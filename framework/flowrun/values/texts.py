"""Texts with halves of surrogate pairs, which UTF-8 has no bytes for.

Python has such a half for each byte of a file's name, or of a variable, that is not UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

_JSON = msgspec.json.Encoder(enc_hook=str)


def readable(text: str) -> str:
    """The text with an escape in place of each such half."""
    return text.encode("utf-8", "backslashreplace").decode()


def each_text(document: Any, change: Callable[[str], str]) -> Any:
    """A document of plain values with each of its texts changed, those of keys as well."""
    if isinstance(document, str):
        return change(document)
    if isinstance(document, dict):
        return {each_text(key, change): each_text(one, change) for key, one in document.items()}
    if isinstance(document, (list, tuple)):
        return [each_text(one, change) for one in document]
    return document


def json_bytes(document: Any) -> bytes:
    """A document as JSON; a type that JSON lacks by its `str`."""
    try:
        return _JSON.encode(document)
    except UnicodeEncodeError:
        return _JSON.encode(each_text(msgspec.to_builtins(document, enc_hook=str), readable))
