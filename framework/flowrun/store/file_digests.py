"""Digests of files, remembered by size, modification time and inode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowrun.store.files import file_digest
from flowrun.store.stamps import stamp_of

if TYPE_CHECKING:
    from flowrun.store.database import Database


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
