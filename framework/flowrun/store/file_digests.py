"""Digests of files, remembered by stamp: size, modification time and inode."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from flowrun.store.database import Database
from flowrun.store.files import file_digest
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


class FileDigests:
    """Digests of files, each read only once as long as its stamp stays the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, path: Path) -> str | None:
        """The digest of a file's bytes; None if there is no such file, or none can be read."""
        stamp = stamp_of(path)
        if stamp is None or not path.is_file():  # to read a pipe would be to wait for its writer
            return None
        known = self._database.row(
            "select digest from files where path = ? and size = ? and mtime = ? and inode = ?",
            (str(path), stamp.size, stamp.mtime, stamp.inode),
        )
        if known is not None:
            return str(known[0])
        try:
            digest = file_digest(path)
        except OSError:
            return None
        if stamp.is_settled and stamp_of(path) == stamp:
            self._database.write(
                "insert or replace into files values (?, ?, ?, ?, ?)",
                [(str(path), stamp.size, stamp.mtime, stamp.inode, digest)],
            )
        return digest
