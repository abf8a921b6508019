"""Steps whose results nobody takes, because the step that should stands above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowrun.planning.wiring import Wires


def lost_results(
    wires: Sequence[Wires], expected: frozenset[str]
) -> Iterator[tuple[int, int, str]]:
    """Each step that nobody takes a result of, a step above it that took the earlier value, and
    the value's name.

    That is meant of a step that replaces a value, as `shuffle` does: below `split` it shuffles a
    table that has been divided already. A step above that gives nothing, such as `show`, may look
    at the earlier value. expected: values of which something is expected.
    """
    givers: dict[str, int] = {}
    takers: dict[str, list[int]] = {}  # of each value that stands under its name now
    replaced: dict[int, tuple[int, str]] = {}
    for position, one in enumerate(wires):
        for name in dict.fromkeys(one.taken):
            if name in givers:
                replaced.pop(givers[name], None)
            takers.setdefault(name, []).append(position)
        for name in one.outputs.values():
            above = [at for at in takers.pop(name, []) if at != position and wires[at].outputs]
            if above and name in one.taken:
                replaced.setdefault(position, (above[-1], name))
            givers[name] = position
    for position, (above_it, name) in replaced.items():
        if expected.isdisjoint(wires[position].outputs.values()):
            yield position, above_it, name
