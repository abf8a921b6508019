"""Digests of files, remembered by their stamps."""

from __future__ import annotations

import sys
from pathlib import Path

from flowrun.store.database import Database
from flowrun.store.files import file_digest
from flowrun.values.stamps import is_settled, stamp_of

_MOST_WAITING = 1000  # digests written in one transaction


class FileDigests:
    """Digests of files, each read only once as long as its stamp stays the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, tuple[str, str]] = {}  # stamps and digests by path

    def of(self, path: Path) -> str | None:
        """The digest of a file's bytes; None if there is no such file, or none can be read."""
        stamp = stamp_of(path)
        if stamp is None:
            return None
        known = self._known(str(path), str(stamp))
        if known is not None:
            return known
        if not path.is_file():  # to read a pipe would be to wait for its writer
            return None
        try:
            digest = file_digest(path)
        except OSError:
            return None
        if is_settled(stamp) and stamp_of(path) == stamp:
            self._waiting[str(path)] = (str(stamp), digest)
            if len(self._waiting) >= _MOST_WAITING:
                self.write()
        return digest

    def write(self) -> None:
        """Write the digests that are new; one that is lost is computed again."""
        rows = [(path, *found) for path, found in self._waiting.items()]
        self._database.write("insert or replace into files values (?, ?, ?)", rows)
        self._waiting = {}

    def _known(self, path: str, stamp: str) -> str | None:
        if path in self._waiting and self._waiting[path][0] == stamp:
            return self._waiting[path][1]
        query = "select digest from files where path = ? and stamp = ?"
        row = self._database.row(query, (path, stamp))
        return None if row is None else str(row[0])


_imported: dict[str, tuple[object, str]] = {}  # the digests of modules when first looked at


def digest_as_imported(name: str, path: Path, digests: FileDigests) -> str:
    """The digest of a module's file, as it was when a module that is in memory was looked at first.

    A module that is imported again has a new specification, and its file is digested again.
    """
    module = sys.modules.get(name)
    if module is None or getattr(module, "__file__", None) != str(path):
        return digests.of(path) or ""
    known = _imported.get(str(path))
    if known is None or known[0] is not module.__spec__:
        known = _imported[str(path)] = (module.__spec__, digests.of(path) or "")
    return known[1]
