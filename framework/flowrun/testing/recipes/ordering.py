"""The order of recipes: one that writes a file comes before one that reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flowrun.errors import FlowrunError
from flowrun.planning.plan import Plan
from flowrun.values.files import real_path


class Files:
    """The paths that a recipe's options may name, and those that its steps may write to.

    A step with `effect=True` may write to each path among its options.
    """

    def __init__(self, planned: Plan | FlowrunError) -> None:
        self.written: set[Path] = set()
        self.named: set[Path] = set()
        for step in planned.steps if isinstance(planned, Plan) else ():
            paths = {real_path(step.folder / text) for text in _texts(step.options)}
            (self.written if step.step.effect else self.named).update(paths)


def writers_of(files: Sequence[Files]) -> list[list[int]]:
    """For each of several recipes, the numbers of those that write a file that it reads."""
    return [
        [other for other, one in enumerate(files) if one.written & mine.named and other != number]
        for number, mine in enumerate(files)
    ]


def in_order(writers: Sequence[Sequence[int]]) -> list[int]:
    """The numbers of recipes, each after its writers; in a cycle, in the given order."""
    order: dict[int, None] = {}

    def place(number: int, waiting: tuple[int, ...]) -> None:
        if number in order or number in waiting:
            return
        for writer in writers[number]:
            place(writer, (*waiting, number))
        order[number] = None

    for number in range(len(writers)):
        place(number, ())
    return list(order)


def _texts(value: Any) -> Iterator[str]:
    """Every text among a step's options."""
    if isinstance(value, str) and value and "\0" not in value:
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
