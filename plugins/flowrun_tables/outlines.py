"""What is known of a table before a run, without polars: see `Step.on_outlines`."""

from __future__ import annotations

import msgspec


class NamesOutline(msgspec.Struct, frozen=True):
    """A table of which only the names of the columns are known."""

    names: list[str]
