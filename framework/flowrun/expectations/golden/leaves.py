"""A value taken apart into leaves by path, and each leaf as text that a person can compare."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

from flowrun.store.structures import NotKeepableError
from flowrun.values.codecs import Codec, Codecs
from flowrun.values.instances import fields_of, member_plain
from flowrun.values.python_types import python_type

_SCALARS = (type(None), bool, int, float, str)
_MOST_ITEMS = 256  # of a leaf of a type with files of its own, to be text
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NUMBER = "number"  # the key of a number that JSON does not have
_FILE = "file"  # the key of a leaf that is in a file of its type


def leaves(
    value: Any, values: Codecs, path: str, within: tuple[Any, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """The parts of a value that are compared whole: numbers, texts, lists of them, tensors.

    within: the values of which it is a part. Raises NotKeepableError for one of these, and for a
    value that has no form on disk.
    """
    if any(value is one for one in within):
        raise NotKeepableError(f"a {type(value).__qualname__} contains itself, as no text does")
    inside = within if type(value) in _SCALARS else (*within, value)
    codec = None if type(value) in _SCALARS else values.codec(value)
    if codec is not None and codec.pack is not None:
        yield from leaves(codec.pack(value), values, path, inside)
    elif codec is not None and codec.attributes is not None:
        yield from leaves(codec.plain(value), values, path, inside)
    elif (python := python_type(type(value))) is not None and codec is None:
        yield from leaves(python.plain(value), values, path, inside)
    elif codec is None and isinstance(value, Enum):
        yield path, member_plain(value)
    elif codec is None and (fields := fields_of(value)) is not None:
        yield from leaves(fields, values, path, inside)
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, values, path + _step(key), inside)
    elif isinstance(value, (list, tuple)) and not _is_plain_list(value):
        for index, item in enumerate(value):
            yield from leaves(item, values, f"{path}[{index}]", inside)
    elif isinstance(value, (*_SCALARS, dict, list, tuple)) or (codec and codec.write):
        yield path, list(value) if isinstance(value, tuple) else value
    else:
        raise NotKeepableError(f"a {type(value).__qualname__} has no codec that keeps it")


def portable(leaf: Any, values: Codecs) -> Any:
    """A leaf as every machine can read it back, by its codec."""
    codec = _codec(leaf, values)
    return leaf if codec is None or codec.portable is None else codec.portable(leaf)


def as_text(leaf: Any, values: Codecs) -> Any:
    """A leaf as JSON; for a large one, or one without a text, the description of its file."""
    codec = _codec(leaf, values)
    if codec is None:
        return {"type": "dict"} if isinstance(leaf, dict) else _encoded(leaf)
    about = described(leaf, values)
    if math.prod(about.get("shape") or [1]) <= _MOST_ITEMS:
        try:
            plain = codec.plain(leaf)
            text = {**about, "values": _encoded(plain)}
            json.dumps(text)
        except (TypeError, ValueError, RuntimeError):  # JSON has no complex numbers
            pass
        else:
            return text if not isinstance(plain, dict) else {**about, _FILE: True}
    return {**about, _FILE: True}


def is_in_file(document: Any) -> bool:
    """Whether a leaf is in a file of its type."""
    return isinstance(document, dict) and _FILE in document


def is_plain(document: Any) -> bool:
    """Whether a leaf is a number, a text or a list of them."""
    return not isinstance(document, dict) or _NUMBER in document


def described(leaf: Any, values: Codecs) -> dict[str, Any]:
    """The type of a leaf, with its dtype and shape if it has them; empty for plain ones."""
    codec = _codec(leaf, values)
    if codec is None:
        return {"type": "dict"} if isinstance(leaf, dict) else {}
    summary = codec.summary(leaf)
    about = {"type": codec.type_name, "dtype": summary.dtype, "shape": summary.shape}
    return {
        key: list(item) if isinstance(item, tuple) else item
        for key, item in about.items()
        if item is not None
    }


def from_text(document: Any) -> Any:
    """The numbers, texts and lists of a leaf that is text."""
    if isinstance(document, list):
        return [from_text(item) for item in document]
    if isinstance(document, dict):
        return float(document[_NUMBER]) if _NUMBER in document else from_text(document["values"])
    return document


def _codec(leaf: Any, values: Codecs) -> Codec | None:
    return None if isinstance(leaf, (*_SCALARS, dict, list)) else values.codec(leaf)


def _encoded(plain: Any) -> Any:
    if isinstance(plain, float) and not math.isfinite(plain):
        return {_NUMBER: str(plain)}
    if isinstance(plain, (list, tuple)):
        return [_encoded(item) for item in plain]
    return plain


def _is_plain_list(value: list[Any] | tuple[Any, ...]) -> bool:
    return all(type(item) in _SCALARS for item in value)


def _step(key: object) -> str:
    """The part of a path for a key; no two keys have the same."""
    if isinstance(key, str):
        return f".{key}" if _NAME.fullmatch(key) else f"[{json.dumps(key)}]"
    return f"[key {key!r}]"
