"""What was seen of some code while it ran."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any

import msgspec

from flowrun.plugins.ownership import below, is_cache, is_of_system, places

PROCESSES = "starts processes"
CONNECTIONS = "opens connections"


class Observation(msgspec.Struct):
    """What was seen of some code.

    seen: how each thing was when it was first looked at, by kind and name: `file:PATH` its stamp,
        `list:PATH`, `stat:PATH`, `env:NAME` and `cwd:` their states, `module:NAME` None.
    written: `file` or `folder` for each path that was opened for writing, made or removed.
    unseen: what was started that may read more than is seen: `PROCESSES`, `CONNECTIONS`.
    threads: the threads that the code has started, itself in the thread `starter`.
    """

    seen: dict[str, Any] = {}
    written: dict[str, str] = {}
    unseen: dict[str, None] = {}
    threads: set[threading.Thread] = set()
    starter: int = 0

    def add(self, other: Observation) -> None:
        """Add what another observation saw."""
        self.seen = {**other.seen, **self.seen}
        self.written |= other.written
        self.unseen |= other.unseen

    def files_written(self, projects: Iterable[str]) -> list[str]:
        """The files written that are to last.

        projects: folders of the user's; what is written into temporary and cache folders outside
            these is nobody's business.
        """
        own = below(projects)
        return [
            path
            for path, kind in self.written.items()
            if kind == "file" and (path.startswith(own) or not path.startswith(places().passing))
            if not is_of_system(path) and not is_cache(path)
        ]

    def wrote_at(self, path: str) -> bool:
        """Whether the code wrote a path, or anything below it."""
        below = path.rstrip(os.sep) + os.sep
        return any(one == path or one.startswith(below) for one in self.written)
