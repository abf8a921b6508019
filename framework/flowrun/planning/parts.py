"""The steps that a part of a plan needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowrun.planning.wiring import Wires


def with_needed(wires: Sequence[Wires], wanted: Iterable[int]) -> list[int]:
    """The positions of wanted steps, and of all steps whose values these take, in order.

    wires: of every step above them. The values come from the steps that give them in the whole
    plan, so each step takes the same values in the part.
    """
    givers = _givers(wires)
    found = set(wanted)
    waiting = list(found)
    while waiting:
        new = givers[waiting.pop()] - found
        found |= new
        waiting += new
    return sorted(found)


def _givers(wires: Sequence[Wires]) -> list[set[int]]:
    """For each step the positions of the steps that give its inputs."""
    latest: dict[str, int] = {}
    found = []
    for position, one in enumerate(wires):
        found.append({latest[name] for name in one.taken if name in latest})
        latest.update(dict.fromkeys(one.outputs.values(), position))
    return found
