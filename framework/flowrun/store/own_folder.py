"""The folder of a store: whether the user's key made it, and how it is set aside if not.

Its file `key` has the fingerprint of the key with which everything in it is sealed. Nothing is read
of a folder that has another fingerprint, or records and none: not even SQLite opens its tables.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowrun.errors import shown_path
from flowrun.store.files import write_text
from flowrun.store.seals import Seals
from flowrun.values.files import read_whole

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MARK = "key"  # the file with the fingerprint
TABLES = "records.sqlite"
ASIDE = "store-aside"  # the beginning of the names of folders that were set aside
_WAIT = 5.0  # seconds to wait for another process that is setting the same folder aside
_POLL = 0.01
_MOST = 10_000  # folders set aside
_MOST_BYTES = 1024  # of a mark


class NotBelievedError(OSError):
    """The store cannot be used: there is no key, or it is another's and cannot be moved."""


class OwnFolder:
    """The folder of a store, which `claim` makes the user's own.

    warn: is called when the folder is set aside; without it, a folder of another key stays, unused.
    """

    def __init__(self, folder: Path, seals: Seals, warn: Callable[[str], None] | None) -> None:
        self.seals = seals
        self._folder = folder
        self._warn = warn

    def claim(self) -> None:
        """Set a store aside that was made with another key, and mark a new one.

        Raises NotBelievedError if the store must not be used, and OSError if it cannot be.
        """
        if self.seals.key is None:
            raise NotBelievedError(0, "there is no key for it", str(self._folder))
        if self._is_own():
            return
        if self._has_records():
            self.set_aside("was not made with your key", self._is_foreign)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_text(self._folder / MARK, self.seals.fingerprint + "\n")

    def set_aside(self, reason: str, is_to_go: Callable[[], bool]) -> None:
        """Rename the folder, unless another process has done so; says so in one line.

        is_to_go: whether the folder that is there now is still one to set aside.
        """
        if self._warn is None:
            raise NotBelievedError(0, reason, str(self._folder))
        shown = shown_path(self._folder)
        try:
            with only_one(self._folder.parent):
                if not is_to_go():
                    return
                aside = _free_name(self._folder)
                self._folder.rename(aside)
        except OSError as error:
            self._warn(
                f"the store {shown} {reason} and cannot be set aside ({error.strerror or error}): "
                "nothing of it is used, and nothing is kept"
            )
            raise NotBelievedError(0, reason, str(self._folder)) from error
        self._warn(
            f"the store {shown} {reason}: nothing of it is used, everything is computed; "
            f"it lies in {shown_path(aside)} now (`flowrun store adopt` if you trust all of it)"
        )

    def _is_own(self) -> bool:
        found = _content(self._folder / MARK)
        return found == self.seals.fingerprint.encode() + b"\n"

    def _has_records(self) -> bool:
        """Whether there is anything to believe: a fingerprint of another key, or tables."""
        return any(os.path.lexists(self._folder / name) for name in (MARK, TABLES))

    def _is_foreign(self) -> bool:
        return self._has_records() and not self._is_own()


def _content(path: Path) -> bytes | None:
    """The bytes of a mark; None if there is none."""
    try:
        return read_whole(path, _MOST_BYTES)
    except OSError:
        return None


def _free_name(folder: Path) -> Path:
    for number in range(1, _MOST):
        path = folder.with_name(f"{ASIDE}-{number}")
        if not os.path.lexists(path):
            return path
    raise OSError(0, f"there are {_MOST} folders set aside")


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a lock of a folder, so that no other process moves away what was made anew in it."""
    if fcntl is None:
        yield
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        last = time.monotonic() + _WAIT
        while time.monotonic() < last:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(_POLL)
        else:
            raise OSError(0, "another process has locked its folder")
        yield
    finally:
        os.close(file)
