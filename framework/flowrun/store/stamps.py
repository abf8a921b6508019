"""A file's stamp: tells, without reading it, that it is likely to be the same as before."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from flowrun.store.memo import SETTLED


class Stamp(msgspec.Struct, frozen=True):
    """Size, time and inode of a file: if they are the same, so is its content."""

    size: int
    mtime: int  # ns
    inode: int

    @property
    def is_settled(self) -> bool:
        """Whether the file is old enough that a later change must show in its time."""
        return time.time_ns() - self.mtime > SETTLED


def stamp_of(path: str | Path) -> Stamp | None:
    """A file's stamp; None if there is no such file."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
