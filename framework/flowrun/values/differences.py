"""How two values differ: each part that does, by the path to it, and by how much."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from flowrun.values.codecs import Codecs, is_number, number_text

Path = tuple[str | int, ...]
List = list[Any] | tuple[Any, ...]


class Bounds(NamedTuple):
    """How far two numbers may be apart and count as equal: `atol + rtol * |old|`."""

    rtol: float = 0.0
    atol: float = 0.0

    def allow(self, old: float, new: float) -> bool:
        """Whether two numbers count as equal; `nan` equals `nan`."""
        if old == new or (old != old and new != new):
            return True
        try:
            limit = self.atol + self.rtol * abs(old)
            return any(self) and limit < math.inf and abs(new - old) <= limit
        except OverflowError:  # a whole number too large for a float
            return False


class Difference(NamedTuple):
    """One part of a value that differs. path: the keys and positions that lead to it."""

    path: Path
    text: str


EXACT = Bounds()


def differences(
    old: Any, new: Any, values: Codecs, bounds: Bounds = EXACT, path: Path = ()
) -> Iterator[Difference]:
    """Each part of two values that differs by more than the bounds."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            inner = (*path, key)
            if key not in new:
                yield Difference(inner, " went")
            elif key not in old:
                yield Difference(inner, " came")
            else:
                yield from differences(old[key], new[key], values, bounds, inner)
    elif isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        yield from _of_lists(old, new, values, bounds, path)
    elif is_number(old) and is_number(new):
        if not bounds.allow(old, new):
            yield Difference(path, f": {_change_text(old, new)}")
    elif (text := _of_others(old, new, values, bounds)) is not None:
        yield Difference(path, text)


# A codec says what was found and what was wanted; of two runs neither is wanted.
_FOUND = re.compile(r"\bfound (\S+), wanted (\S+)$", re.MULTILINE)
_BOTH = r"\2 -> \1"


def path_text(name: str, path: Path) -> str:
    """The path into a named value as a recipe writes it: `params.W1[0]`."""
    return name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def differing(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Each value inside two mappings that differs, by its keys; UNSET if there is none."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for path in dict.fromkeys([*before, *after]):
        one, other = before.get(path, UNSET), after.get(path, UNSET)
        if one != other or type(one) is not type(other):
            yield path, one, other


def number_change(old: Any, new: Any) -> float | UnsetType:
    """By how much a number has changed; UNSET if one of the two is no number that floats hold."""
    if not (is_number(old) and is_number(new)):
        return UNSET
    try:
        return float(new - old)
    except OverflowError:
        return UNSET


def _of_lists(
    old: List, new: List, values: Codecs, bounds: Bounds, path: Path
) -> Iterator[Difference]:
    """Lists of numbers by their largest difference, any other item by item."""
    if len(old) != len(new):
        yield Difference(path, f": {len(old)} items -> {len(new)} items")
        return
    if not all(is_number(item) for item in (*old, *new)):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, values, bounds, (*path, index))
        return
    apart = [index for index in range(len(old)) if not bounds.allow(old[index], new[index])]
    if apart:
        worst = max(apart, key=lambda index: _distance(old[index], new[index]))
        change = _change_text(old[worst], new[worst])
        text = f": {len(apart)} of {len(old)} numbers differ, most at [{worst}]: {change}"
        yield Difference(path, text)


def _of_others(old: Any, new: Any, values: Codecs, bounds: Bounds) -> str | None:
    codec = values.codec(new)
    if codec is not None and codec.difference is not None and type(old) is type(new):
        found = codec.difference(new, old, *bounds)
        return None if found is None else f", B against A: {_FOUND.sub(_BOTH, found)}"
    if type(old) is type(new) and values.plain(old) == values.plain(new):
        return None
    return f": {values.described(old)} -> {values.described(new)}"


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, item in value.items():
        yield from _leaves(item, (*path, str(key)))


def _distance(old: float, new: float) -> float:
    """How far two numbers are apart; infinity if that cannot be computed."""
    change = number_change(old, new)
    return math.inf if change is UNSET or math.isnan(change) else abs(change)


def _change_text(old: float, new: float) -> str:
    change = number_change(old, new)
    by = "" if change is UNSET else f" ({change:+.5g})"
    return f"{number_text(old)} -> {number_text(new)}{by}"
