"""A mapping that reports which of its keys are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")


class TrackedMapping(Mapping[str, V]):
    """A mapping that calls `note` with each key that is looked up."""

    def __init__(self, items: Mapping[str, V], note: Callable[[str], None]) -> None:
        self._items = items
        self._note = note

    def __getitem__(self, key: str) -> V:
        self._note(key)
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
