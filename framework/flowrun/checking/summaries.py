"""Summaries of values in a check: shapes, and the kinds of unknown values."""

from __future__ import annotations

from typing import Any

from flowrun.plugins.check_mode import Unknown
from flowrun.values.codecs import Codecs, key_text

UNKNOWN = "unknown"  # the kind of a value of which nothing is known


def summary_on_shapes(value: object, values: Codecs) -> dict[str, Any]:
    """What is known of a value before a run, in the form of run records."""
    if isinstance(value, Unknown):
        return {"type": value.kind}
    if isinstance(value, dict):
        items = {
            key_text(key, value): summary_on_shapes(item, values) for key, item in value.items()
        }
        return {"type": "dict", "items": items}
    if isinstance(value, (list, tuple)) and holds_unknown(value):
        return {"type": "list", "length": len(value)}
    codec = values.codec(value)
    if codec is None:
        return values.summary(value)
    found = codec.summary(value)
    fields = ("type", "shape", "dtype", "device", "bytes")
    known = {name: getattr(found, name) for name in fields}
    return {name: field for name, field in known.items() if field is not None}


def holds_unknown(value: object) -> bool:
    """Whether a value, or a part of it, is unknown."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(holds_unknown(item) for item in value)
    return isinstance(value, Unknown)
