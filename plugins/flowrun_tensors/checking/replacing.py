"""Attributes of torch replaced for as long as steps run on shapes, and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MISSING = object()


class Replacements:
    """Attributes of modules and classes that have another value for a while."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Give an attribute another value."""
        self._made.append((owner, name, vars(owner).get(name, _MISSING), value))
        setattr(owner, name, value)

    def put_back(self) -> None:
        """Give every attribute the value it had, the last first."""
        for owner, name, before, _ in reversed(self._made):
            _set(owner, name, before)
        self._made.clear()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Inside, everything is as it was."""
        for owner, name, before, _ in reversed(self._made):
            _set(owner, name, before)
        try:
            yield
        finally:
            for owner, name, _, value in self._made:
                setattr(owner, name, value)


def _set(owner: Any, name: str, value: Any) -> None:
    if value is _MISSING:
        delattr(owner, name)
    else:
        setattr(owner, name, value)
