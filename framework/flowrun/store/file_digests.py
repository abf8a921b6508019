"""Digests of files, remembered by their stamps."""

from __future__ import annotations

from pathlib import Path

from flowrun.store.database import Database
from flowrun.store.files import file_digest
from flowrun.values.stamps import is_settled, stamp_of


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
            "select digest from files where path = ? and stamp = ?", (str(path), str(stamp))
        )
        if known is not None:
            return str(known[0])
        try:
            digest = file_digest(path)
        except OSError:
            return None
        if is_settled(stamp) and stamp_of(path) == stamp:
            row = (str(path), str(stamp), digest)
            self._database.write("insert or replace into files values (?, ?, ?)", [row])
        return digest
