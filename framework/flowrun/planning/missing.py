"""Inputs that no step above gives: what is said of them once all steps of the recipe are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from flowrun.errors import Mark, Problem, listed
from flowrun.recipes.step_entry import StepEntry

# What hints say of one value, and of several.
_PLURALS = ((" gives it: move it", " gives them: move it"), ("that give it: ", "that give them: "))


class Published(msgspec.Struct, frozen=True):
    """A step of the recipe that fits its options, and the names of the values that it gives."""

    entry: StepEntry
    names: tuple[str, ...]


class Missing(msgspec.Struct, frozen=True):
    """A value that a step needs.

    problem: as it was reported when only the steps above were known. step: the name of the step.
    above: the number of steps published before. wanted: the value, and the input that takes it.
    """

    problem: Problem
    entry: StepEntry
    step: str
    above: int
    source: str
    wanted: str


def settle(
    missing: Sequence[Missing],
    published: Sequence[Published],
    problems: list[Problem],
    reason: str | None,
) -> None:
    """Say of missing values which step further down gives them, or else the reason if it is known.

    Values that one step misses for one reason are in one problem.
    """
    below = _Givers(published)
    of_reason: dict[tuple[str, Mark | None, str | None], list[Missing]] = {}
    for one in missing:
        giver = below.first(one)
        hint = (reason or one.problem.hint) if giver is None else _moving(giver, one.entry)
        of_reason.setdefault((one.entry.id, one.problem.mark, hint), []).append(one)
    joined: dict[int, Problem | None] = {}  # by the identity of the problem in whose place it is
    for (_, _, hint), ones in of_reason.items():
        joined |= {id(one.problem): None for one in ones}
        joined[id(ones[0].problem)] = _joined(ones, hint)
    said = [joined.get(id(problem), problem) for problem in problems]
    problems[:] = [problem for problem in said if problem is not None]


class _Givers:
    """The steps that give each value, in the order of the recipe; thousands may be missing."""

    def __init__(self, published: Sequence[Published]) -> None:
        self._of_value: dict[str, list[tuple[int, StepEntry]]] = {}
        for position, one in enumerate(published):
            for name in one.names:
                self._of_value.setdefault(name, []).append((position, one.entry))

    def first(self, one: Missing) -> StepEntry | None:
        """The first step below that gives the value, other than one of the same kind."""
        for position, giver in self._of_value.get(one.source, ()):
            if position >= one.above and giver.name != one.entry.name:
                return giver
        return None


def _moving(giver: StepEntry, taker: StepEntry) -> str:
    is_here = giver.mark.source is taker.mark.source
    place = f"line {giver.mark.line + 1}" if is_here else str(giver.mark)
    return f"`{giver.id}` ({place}) gives it: move it above"


def _joined(ones: Sequence[Missing], hint: str | None) -> Problem:
    first = ones[0]
    if len(ones) == 1:
        return replace(first.problem, hint=hint)
    names = list(_in_words([one.wanted for one in ones]))
    message = f"{first.step} needs {' and '.join(names)}, and no step above it gives them"
    for alone, several in _PLURALS:
        hint = None if hint is None else type(hint)(hint.replace(alone, several))
    return replace(first.problem, message=message, hint=hint)


def _in_words(names: list[str]) -> Iterator[str]:
    yield listed(names[:-1])
    yield names[-1]
