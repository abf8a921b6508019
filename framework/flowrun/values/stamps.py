"""Cheap ways to see that a file or a variable is unchanged: a stamp, and a digest.

This module is imported before any other, so it imports next to nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

SETTLED = 1_000_000_000  # ns after which a change of a file must show in its times

_stat = os.stat  # the system's own, also while a step's calls of it are observed

Stamp = tuple[int, int, int, int, int]
"""Size, modification time, change time (ns), inode, and device: the same, so is the content.

A copy that keeps times, or an archive unpacked over the file, leaves size, modification time and
inode as they were. The change time is the system's own, and no program can set it.
"""


def stamp_of(path: str | os.PathLike[str]) -> Stamp | None:
    """The stamp of a file or folder; None if there is none."""
    try:
        found = _stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)


def is_settled(stamp: Stamp) -> bool:
    """Whether the file is old enough that a later change must show in its stamp."""
    return time.time_ns() - max(stamp[1], stamp[2]) > SETTLED


def variable_digest(name: str, variables: Mapping[str, str] = os.environ) -> str | None:
    """The digest of an environment variable, which may hold a secret; None if it is not set."""
    from blake3 import blake3

    value = variables.get(name)
    return None if value is None else blake3(os.fsencode(value)).hexdigest(length=16)
