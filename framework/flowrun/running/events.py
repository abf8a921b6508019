"""Messages and progress of a running step."""

from __future__ import annotations

from collections.abc import Mapping

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
