"""How much of the fault campaign is run: a sample, or all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest

from tests.campaigns.faults.injecting import Call
from tests.sampling import IS_WHOLE

PARTS = range(24 if IS_WHOLE else 1)  # one test takes the calls of one part

whole = pytest.mark.skipif(not IS_WHOLE, reason="a part of `make campaigns` alone")

T = TypeVar("T")


def times(sample: int, everything: int) -> range:
    """A number of times, in the sample and in all."""
    return range(everything if IS_WHOLE else sample)


def part_of(items: Sequence[T], part: int) -> list[T]:
    """One part of all there is."""
    return list(items[part :: len(PARTS)])


def chosen(calls: Sequence[Call], part: int, sample: int) -> list[Call]:
    """One part of all calls; in the sample some, spread over the places where they write."""
    if IS_WHOLE:
        return part_of(calls, part)
    before = [None, *calls]
    first = [call for call, last in zip(calls, before, strict=False)
             if last is None or call.place != last.place]  # fmt: skip
    count = min(sample, len(first))
    return [first[index * len(first) // count] for index in range(count)]
