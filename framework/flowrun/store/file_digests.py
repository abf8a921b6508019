"""Digests of files, remembered by their stamps."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path

from flowrun.store.database import Database
from flowrun.store.files import file_digest
from flowrun.values.stamps import is_settled, stamp_of

_SEALED = "files"  # the kind of the seals
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
        is_mapped = bool(self._mapped) and os.path.realpath(path) in self._mapped
        known = None if is_mapped else self._known(str(path), str(stamp))
        if known is not None:
            return known
        if not path.is_file():  # to read a pipe would be to wait for its writer
            return None
        try:
            digest = file_digest(path)
        except OSError:
            return None
        if is_settled(stamp) and stamp_of(path) == stamp and not is_mapped:
            self._waiting[str(path)] = (str(stamp), digest)
            if len(self._waiting) >= _MOST_WAITING:
                self.write()
        return digest

    def write(self) -> None:
        """Write the digests that are new; one that is lost is computed again."""
        seals = self._database.seals
        rows = [
            (path, stamp, digest, seals.seal(_SEALED, path, stamp, digest))
            for path, (stamp, digest) in self._waiting.items()
        ]
        self._database.write("insert or replace into files values (?, ?, ?, ?)", rows)
        self._waiting = {}

    @cached_property
    def _mapped(self) -> frozenset[str]:
        """The files that this process has mapped into memory to write to them.

        Their times say nothing: of several writes to a page the system sees the first.
        """
        try:
            lines = Path("/proc/self/maps").read_bytes().splitlines()
        except OSError:
            return frozenset()
        shared = (line.split(maxsplit=5) for line in lines if b" rw-s " in line)
        return frozenset(os.fsdecode(parts[5]) for parts in shared if len(parts) > 5)

    def _known(self, path: str, stamp: str) -> str | None:
        if path in self._waiting and self._waiting[path][0] == stamp:
            return self._waiting[path][1]
        query = "select digest, seal from files where path = ? and stamp = ?"
        row = self._database.row(query, (path, stamp))
        if row is None or not isinstance(row[0], str):
            return None
        is_own = self._database.seals.holds(row[1], _SEALED, path, stamp, row[0])
        return row[0] if is_own else None


_imported: dict[str, tuple[object, str]] = {}  # the digests of modules when first looked at


def digest_as_imported(name: str, path: Path, digests: FileDigests) -> str:
    """The digest of a module's file, as it was when a module that is in memory was looked at first.

    A module that is imported again has a new specification, and its file is digested again.
    """
    module = sys.modules.get(name)
    if module is None or getattr(module, "__file__", None) != str(path):
        return digests.of(path) or ""
    known = _imported.get(str(path))
    spec = getattr(module, "__spec__", object())  # IPython's %run clears it when it runs one again
    if known is None or known[0] is not spec:
        known = _imported[str(path)] = (spec, digests.of(path) or "")
    return known[1]
