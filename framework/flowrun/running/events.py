"""Messages and progress of a running step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True):
    """Something a step said: a note, or a warning that is repeated at the end of the run."""

    text: str
    is_warning: bool = False


class Progress(msgspec.Struct, frozen=True):
    """How far a step has come: `done` of `total`, with figures such as the loss."""

    done: int
    total: int
    figures: Mapping[str, float]


class Place(msgspec.Struct, frozen=True):
    """How far a step had come when it was interrupted, or when it saved a checkpoint."""

    done: int
    total: int

    @classmethod
    def of(cls, done: Any, total: Any) -> Place | None:
        """The place that a step has reported; None if these are no numbers."""
        try:
            return cls(int(done), int(total))
        except (TypeError, ValueError, OverflowError, RuntimeError):  # anything may be reported
            return None

    def __str__(self) -> str:
        return f"{self.done:,} of {self.total:,}"
