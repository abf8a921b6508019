"""Which rows are for training, for validation and for a test: whole parts of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from flowrun import OptionError

Places = NDArray[np.int64]
PARTS = ("train", "val", "test")


def counts_of(rows: int, shares: Sequence[float | None]) -> list[int]:
    """The rows of each part: of fractions the largest remainders are rounded up, so all fit.

    shares: numbers of rows (int) or fractions (float); None of the part that takes the rest.
    Raises OptionError if the parts are more or fewer than all rows.
    """
    exact = [share if isinstance(share, int) else (share or 0.0) * rows for share in shares]
    if None in shares:
        rounded = [int(round(one, 6) + 0.5) for one in exact]
        rest = rows - sum(rounded)
        if rest < 0:
            _refuse(rows, sum(rounded))
        return [rest if share is None else one for share, one in zip(shares, rounded, strict=True)]
    if abs(sum(exact) - rows) > 1e-6 * max(rows, 1):
        _refuse(rows, sum(exact))
    floors = [int(one + 1e-9) for one in exact]
    remainders = [one - floor for one, floor in zip(exact, floors, strict=True)]
    for place in sorted(range(len(exact)), key=lambda at: -round(remainders[at], 9)):
        if sum(floors) < rows:
            floors[place] += 1
    return floors


def _refuse(rows: int, asked: float) -> None:
    raise OptionError(
        f"the parts take {asked:g} of {rows} rows",
        hint="fractions add up to 1; a part that is left out takes the rest",
        option="train",
    )


def in_strata(
    order: Places, strata: NDArray[np.int64], shares: Sequence[float | None]
) -> list[Places]:
    """The places of each part, each stratum divided alike; its rows in the given order.

    The counts of all strata together are those of all rows: a stratum takes the rows next to its
    share of the way, so that roundings do not add up.
    """
    by_stratum = order[np.argsort(strata[order], kind="stable")]
    spread = np.empty(len(order), dtype=np.float64)
    _, sizes = np.unique(strata, return_counts=True)
    start = 0
    for size in sizes:
        spread[start : start + size] = (np.arange(size) + 0.5) / size
        start += size
    mixed = by_stratum[np.argsort(spread, kind="stable")]
    return _cut(mixed, counts_of(len(order), shares))


def in_groups(
    groups: NDArray[np.int64], shares: Sequence[float | None], shuffled: Callable[[int], Places]
) -> list[Places]:
    """The places of each part, each group whole in one of them; shares are of the groups."""
    count = int(groups.max()) + 1 if len(groups) else 0
    parts = _cut(shuffled(count), counts_of(count, shares))
    return [np.flatnonzero(np.isin(groups, part)) for part in parts]


def _cut(order: Places, counts: list[int]) -> list[Places]:
    """Parts of so many places each."""
    return np.split(order, np.cumsum(counts)[:-1])


def in_order(order: Places, shares: Sequence[float | None]) -> list[Places]:
    """The places of each part, as they come."""
    return _cut(order, counts_of(len(order), shares))


def fold_of(order: Places, strata: NDArray[np.int64] | None, folds: int) -> NDArray[np.int64]:
    """The fold of each row, from 0; as many rows of each stratum in each as possible."""
    placed = order if strata is None else order[np.argsort(strata[order], kind="stable")]
    found = np.empty(len(order), dtype=np.int64)
    found[placed] = np.arange(len(order)) % folds
    return found
