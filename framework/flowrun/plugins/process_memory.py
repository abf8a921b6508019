"""Remembers the things earlier calls looked at that variables and caches of modules may still have.

A function that keeps values in its module (`functools.cache`, a dictionary at its top) looks at a
file once in a process. The file then counts for each later step that reaches the function.
"""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType
from typing import Any

from flowrun.plugins.observation.record import Observation, is_in
from flowrun.plugins.observation.states import state_now

Lines = tuple[str, int, int]  # a file, and the first and last lines of a definition in it


class ProcessMemory:
    """The things looked at inside definitions that keep values, by their file."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Any]] = {}

    def note(self, observation: Observation, keeping: Collection[Lines]) -> None:
        """Remember the things a call looked at inside definitions that keep values."""
        files = {file for file, _, _ in keeping}
        for what, callers in observation.callers.items():
            keepers = _keepers(callers, keeping)
            if what in observation.astray:  # whose result another thread may keep
                keepers |= files & {code.co_filename for code in callers}
            for file in keepers:
                self._seen.setdefault(file, {})[what] = observation.seen[what]

    def of(self, keeping: Collection[Lines], packages: Collection[str]) -> dict[str, Any]:
        """The things that these definitions, or those below folders of packages, may still have."""
        files = {file for file, _, _ in keeping}
        found: dict[str, Any] = {}
        for file, seen in self._seen.items() if files or packages else ():
            if file in files or any(is_in(file, folder) for folder in packages):
                found |= seen
        return found

    def is_current(self) -> bool:
        """Whether nothing has changed since it was looked at."""
        return all(
            state_now(what) == state for seen in self._seen.values() for what, state in seen.items()
        )


def _keepers(callers: tuple[CodeType, ...], keeping: Collection[Lines]) -> set[str]:
    """The files of the definitions that keep values among those that are being called."""
    return {
        file
        for file, first, last in keeping
        for code in callers
        if code.co_filename == file and first <= code.co_firstlineno <= last
    }


shared_memory = ProcessMemory()  # of modules that belong to no folder of a local plugin
