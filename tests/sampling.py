"""The campaigns: `make campaigns` runs them in full, `make test` a sample of each.

All tests below tests/campaigns belong to them, and those elsewhere with the mark `campaign`. It
says of a parametrised test how much of it is a sample: one case in `every`, and at least one of
each kind, which `kind` tells from the test's parameters. `every=0`: in full campaigns alone.
`pairs=True`, for a product of settings: so many cases that each two of its settings meet in one.
"""

from __future__ import annotations

import itertools
import math
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

IS_WHOLE = os.environ.get("FLOWRUN_CAMPAIGNS") == "all"
CAMPAIGNS = Path(__file__).with_name("campaigns")


def examples(whole: int, *, sample: int) -> int:
    """How many examples a property is tried on."""
    return whole if IS_WHOLE else sample


def mark(item: pytest.Item) -> None:
    """Mark a test below tests/campaigns as one of them."""
    if item.path.is_relative_to(CAMPAIGNS) and item.get_closest_marker("campaign") is None:
        item.add_marker("campaign")


def left_out(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The tests that a sample leaves out, the same ones every time."""
    groups: dict[object, list[pytest.Item]] = defaultdict(list)
    for item in items:
        marker = item.get_closest_marker("campaign")
        if marker is not None and marker.kwargs:
            groups[item.path, item.function, _kind(item, marker)].append(item)  # type: ignore[attr-defined]
    return [item for group in groups.values() for item in _left_out(group)]


def _kind(item: pytest.Item, marker: pytest.Mark) -> object:
    kind = marker.kwargs.get("kind")
    return kind and kind(**item.callspec.params)  # type: ignore[attr-defined]


def _left_out(group: list[pytest.Item]) -> list[pytest.Item]:
    marker = group[0].get_closest_marker("campaign")
    assert marker is not None
    if marker.kwargs.get("pairs"):
        return _without_pairs_of_their_own(group)
    every = marker.kwargs["every"]
    count = math.ceil(len(group) / every) if every else 0
    return sorted(group, key=_by_hash)[count:]


def _without_pairs_of_their_own(group: list[pytest.Item]) -> list[pytest.Item]:
    """Those left when the case with the most pairs that no other has had is chosen each time."""
    pairs = {item: set(itertools.combinations(_settings(item), 2)) for item in group}
    missing = set().union(*pairs.values())
    left = dict.fromkeys(sorted(group, key=_by_hash))
    while missing:
        best = max(left, key=lambda item: len(pairs[item] & missing))
        missing -= pairs[best]
        del left[best]
    return list(left)


def _settings(item: pytest.Item) -> list[tuple[str, str]]:
    params: dict[str, object] = item.callspec.params  # type: ignore[attr-defined]
    return sorted((name, repr(value)) for name, value in params.items())


def _by_hash(item: pytest.Item) -> tuple[int, str]:
    return zlib.crc32(item.name.encode()), item.name
