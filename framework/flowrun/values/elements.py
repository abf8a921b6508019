"""The elements of a value of a shape, as its summary shows them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

_WHOLE_ELEMENTS = 8  # a value of no more of them stands whole in its summary
_FIRST_ELEMENTS = 3  # of a larger one


def elements_entry(
    shape: tuple[int, ...], begin: Callable[[Any, int], list[Any] | None], value: object
) -> dict[str, Any]:
    """The entry of a summary for a value's elements."""
    size = math.prod(shape)
    if not size:
        return {}
    is_small = size <= _WHOLE_ELEMENTS
    found = begin(value, _WHOLE_ELEMENTS if is_small else _FIRST_ELEMENTS)
    if found is None:
        return {}
    return {"value": _nested(found, shape)} if is_small else {"begin": found}


def _nested(elements: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Elements in order as nested lists of a shape."""
    if len(shape) < 2:
        return elements
    size = math.prod(shape[1:])
    rows = [elements[row * size : (row + 1) * size] for row in range(shape[0])]
    return [_nested(row, shape[1:]) for row in rows]
