"""Parts of a value that are one object, as the weights that two layers of a module share.

They count only in a value that has instances of classes: what comes back of it must be one object
again, as a step may change a copy of the whole. In other values each part stands alone.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Any

from flowrun.values.codecs import Codecs
from flowrun.values.instances import form_of
from flowrun.values.python_types import full_name, is_mutable

_SCALARS = frozenset((type(None), bool, int, float, str, bytes))
_CONTAINERS = (dict, list, tuple, set, frozenset, deque)


class SharedMemoryError(ValueError):
    """Two parts of a value that are not one object, and have elements in one place in memory."""

    def __init__(self) -> None:
        super().__init__("it shares memory with another part of the same value")


class Aliases:
    """The objects that were met on the way through a value."""

    def __init__(self, codecs: Codecs) -> None:
        self._codecs = codecs
        self._numbers: dict[int, int] = {}  # by identity
        self._objects: list[Any] = []  # which keeps their identities from being used again
        self._memory: list[tuple[int, int]] = []  # of the elements of each, in order

    def number(self, value: Any) -> int | None:
        """The number of an object that was met before; None for others, which are met now.

        Raises SharedMemoryError for one that shares memory with another.
        """
        found = self._numbers.get(id(value))
        if found is None and self._is_followed(value):
            self._take(value)
        return found

    def number_of_met(self, value: Any) -> int | None:
        """The number of an object that was met, without meeting it now."""
        return self._numbers.get(id(value))

    def _take(self, value: Any) -> None:
        self._numbers[id(value)] = len(self._objects)
        self._objects.append(value)
        codec = self._codecs.own_codec(value)
        found = None if codec is None or codec.memory is None else codec.memory(value)
        if found is not None:
            place = bisect.bisect(self._memory, found)
            beside = self._memory[max(place - 1, 0) : place + 1]
            if any(start < found[1] and found[0] < end for start, end in beside):
                raise SharedMemoryError
            self._memory.insert(place, found)

    def _is_followed(self, value: Any) -> bool:
        """Whether it matters that a value is one object: it can be changed."""
        kind = type(value)
        if kind is list or kind is dict or is_mutable(full_name(kind)):
            return True
        codec = self._codecs.own_codec(value)
        if codec is not None and codec.attributes is None:
            return codec.mutable or codec.memory is not None
        return not isinstance(value, (Enum, tuple)) and self._codecs.form(kind) is not None


def aliases_in(value: object, codecs: Codecs) -> Aliases | None:
    """What follows the objects of a value; None if it has no instances, so that none count."""
    if codecs.classes is None or not any(True for _ in _instances(value, codecs)):
        return None
    return Aliases(codecs)


def _instances(value: Any, codecs: Codecs) -> Iterator[Any]:
    waiting, met = [value], set[int]()
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if kind in _SCALARS:
            continue
        if isinstance(one, _CONTAINERS) and form_of(kind) is None:
            if id(one) not in met:
                met.add(id(one))
                waiting.extend(one)
                waiting.extend(one.values() if isinstance(one, dict) else ())
        elif not isinstance(one, Enum) and codecs.form(kind) is not None:
            yield one
