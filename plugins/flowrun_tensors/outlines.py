"""What is known of values before a run, without torch: see `Step.on_outlines`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class TableOutline(msgspec.Struct, frozen=True):
    """A table of numbers, without its rows.

    width: the number of its columns. rows: counts its rows when it is called; None if they are too
        many to be counted quickly, or not known.
    """

    width: int
    rows: Callable[[], int | None]
