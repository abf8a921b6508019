"""How far two values differ: the largest difference of their numbers, and its place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, UnsetType

from flowrun.values.codecs import Codecs, number_text


def differences(old: Any, new: Any, values: Codecs, path: str) -> Iterator[str]:
    """A line for each part of the values that differs, by the path that leads to it."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_mappings(old, new, values, path)
    elif isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        yield from _of_lists(old, new, values, path)
    elif is_number(old) and is_number(new):
        if not _is_same(old, new):
            yield f"{path}: {_numbers(old, new)}"
    else:
        codec = values.codec(new)
        if codec is not None and codec.difference is not None and type(old) is type(new):
            found = codec.difference(new, old, 0.0, 0.0)
            if found is not None:
                yield f"{path}, B against A: {found}"
        elif type(old) is not type(new) or values.plain(old) != values.plain(new):
            yield f"{path}: {values.described(old)} -> {values.described(new)}"


def _of_mappings(
    old: dict[Any, Any], new: dict[Any, Any], values: Codecs, path: str
) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        if key not in new:
            yield f"{path}.{key} went"
        elif key not in old:
            yield f"{path}.{key} came"
        else:
            yield from differences(old[key], new[key], values, f"{path}.{key}")


def _of_lists(
    old: list[Any] | tuple[Any, ...], new: list[Any] | tuple[Any, ...], values: Codecs, path: str
) -> Iterator[str]:
    """Lists of numbers by their largest difference, any other item by item."""
    if len(old) != len(new):
        yield f"{path}: {len(old)} items -> {len(new)} items"
        return
    if not all(is_number(item) for item in (*old, *new)):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, values, f"{path}[{index}]")
        return
    apart = [index for index in range(len(old)) if not _is_same(old[index], new[index])]
    if apart:
        worst = max(apart, key=lambda index: _distance(old[index], new[index]))
        shown = _numbers(old[worst], new[worst])
        yield f"{path}: {len(apart)} of {len(old)} numbers differ, most at [{worst}]: {shown}"


def _is_same(old: float, new: float) -> bool:
    return old == new or (old != old and new != new)  # `nan` is no other `nan`


def _distance(old: float, new: float) -> float:
    """The absolute difference of two numbers; infinite if it is not defined."""
    change = number_change(old, new)
    return math.inf if change is UNSET or math.isnan(change) else abs(change)


def _numbers(old: float, new: float) -> str:
    change = number_change(old, new)
    by = "" if change is UNSET else f" ({change:+.5g})"
    return f"{number_text(old)} -> {number_text(new)}{by}"


def number_change(old: Any, new: Any) -> float | UnsetType:
    """By how much a number has changed; UNSET if they are not numbers or exceed floats."""
    if not (is_number(old) and is_number(new)):
        return UNSET
    try:
        return float(new - old)
    except OverflowError:
        return UNSET


def is_number(value: object) -> bool:
    """Whether a value is a number, and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
