"""Values of Python as text that a recipe can hold: JSON, which is YAML as well."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

# Characters that JSON may hold as they are, and that YAML refuses or takes for the end of a line.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Texts, which stay as they are, and the words by which Python writes what JSON lacks.
_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')
_IN_YAML = {"Infinity": ".inf", "-Infinity": "-.inf", "NaN": ".nan"}


def as_json(value: object, *, indent: int | None = None) -> str:
    """A Python value as JSON, which is YAML that keeps strings apart from numbers.

    Raises TypeError or ValueError for a value that no recipe can hold; a path becomes a string, a
    range a list, and NumPy's numbers and arrays become those of Python. Infinity and nan, which
    JSON lacks, are written as in YAML.
    """
    import json  # a recipe that is read from a file needs none of it

    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_as_plain)
    text = _NO_NUMBER.sub(lambda found: _IN_YAML.get(found[0], found[0]), text)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _as_plain(value: Any) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, range):
        return list(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__} ({value!r}) cannot stand in a recipe")
