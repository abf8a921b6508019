"""One item of `steps:`."""

from __future__ import annotations

import msgspec

from flowrun.errors import Mark
from flowrun.recipes.reading import Entry, Node


class StepEntry(msgspec.Struct, frozen=True):
    """One item of `steps:`: the step's name, its options, and the keys beside it.

    replaces: the name of the step whose place it takes, of the recipe that is extended.
    """

    mark: Mark
    name: str
    id: str
    options: Node | None
    beside: dict[str, Entry] = {}
    replaces: str = ""
