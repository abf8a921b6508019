"""Sees that code reads the standard input, which no later run can be compared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowrun.plugins.observation.record import Observation, is_of, present
from flowrun.plugins.observation.states import INPUT

_READING = frozenset({"read", "readline", "readlines", "buffer", "fileno", "detach"})


class ObservedInput:
    """Standard input, observed: it stands in `sys.stdin` while a step is called."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        if name in _READING:
            see_input(present.observation)
        return getattr(self.real, name)

    def __iter__(self) -> Iterator[str]:
        see_input(present.observation)
        return iter(self.real)

    def __next__(self) -> str:
        see_input(present.observation)
        return str(next(self.real))

    def __enter__(self) -> Any:
        return self.real.__enter__()

    def __exit__(self, *error: object) -> None:
        self.real.__exit__(*error)


def see_input(observation: Observation | None) -> None:
    """See that the standard input is read."""
    if observation is not None and is_of(observation):
        observation.see(INPUT, "read")
