"""The file of golden values as text: one leaf a line where it fits, one row a line where not."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_WIDTH = 96  # columns


class Group(msgspec.Struct):
    """The golden value of one expectation.

    device: the kind of device it was made on. leaves: by path, as JSON. digests: of the leaves that
    are kept in a file of their type, so that a file of another time is noticed.
    """

    device: str
    leaves: dict[str, Any]
    digests: dict[str, str] = {}


class Document(msgspec.Struct):
    """What `golden/<recipe>.json` holds. files: by type of leaf, the file beside it."""

    recipe: str
    values: dict[str, Group]
    files: dict[str, str] = {}


_DECODER = msgspec.json.Decoder(Document)


def read_document(text: bytes) -> Document:
    """The document of a file's text; raises ValueError where it is none."""
    return _DECODER.decode(text)


def document_text(document: Document) -> str:
    """The text of a document."""
    return _laid_out(msgspec.to_builtins(document), "") + "\n"


def _laid_out(value: Any, indent: str) -> str:
    """JSON that breaks a line only where a list or an object does not fit on it."""
    whole = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(indent) + len(whole) <= _WIDTH or not value or not isinstance(value, (list, dict)):
        return whole
    inner = f"{indent} "
    if isinstance(value, list):
        items = [_laid_out(item, inner) for item in value]
        begin, end = "[", "]"
    else:
        items = [f"{json.dumps(key)}: {_laid_out(item, inner)}" for key, item in value.items()]
        begin, end = "{", "}"
    return f"{begin}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{end}"
