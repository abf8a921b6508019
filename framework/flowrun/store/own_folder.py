"""The folder of a store: whether the user's key made it, and how it is set aside if not.

A folder that was set aside, and that the user's key made, is taken back when its place is free: so
two keys that take turns, as those with and without FLOWRUN_STORE_KEY, keep one store each.

Its file `key` has the fingerprint of the key with which everything in it is sealed. Nothing is read
of a folder that has another fingerprint, or records and none: not even SQLite opens its tables.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowrun.errors import shown_path
from flowrun.store.files import write_text
from flowrun.store.home import link_in_store
from flowrun.store.seals import Seals
from flowrun.values.files import is_file, is_folder, read_whole, remove_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MARK = "key"  # the file with the fingerprint
TABLES = "records.sqlite"
ASIDE = "store-aside"  # the beginning of the names of folders that were set aside
_WAIT = 5.0  # seconds to wait for another process that is setting the same folder aside
_POLL = 0.01
_FINGERPRINT = re.compile(rb"[0-9a-f]{64}\n")
_MOST_BYTES = 1024  # of a mark


class NotBelievedError(OSError):
    """The store cannot be used: there is no key, or it is another's and cannot be moved."""


class OwnFolder:
    """The folder of a store, which `claim` makes the user's own.

    warn: is called with a sentence if the folder is another's.
    may_move: whether it is then set aside; if not, it stays, unused.
    """

    def __init__(
        self, folder: Path, seals: Seals, warn: Callable[[str], None], *, may_move: bool
    ) -> None:
        self.seals = seals
        self._folder = folder
        self._warn = warn
        self._may_move = may_move

    def claim(self) -> None:
        """Set a store aside that was made with another key, and mark a new one.

        Raises NotBelievedError if the store must not be used, and OSError if it cannot be.
        """
        if self.seals.key is None:
            raise NotBelievedError(0, "there is no key for it", str(self._folder))
        if self._is_marked(self._folder):
            return
        if self._has_records():
            self.set_aside("was not made with your key", self._is_foreign)
        if self._is_taken_back():
            return
        if os.path.lexists(self._folder / MARK):
            self._warn(
                f"{shown_path(self._folder / MARK)} is none of flowrun's files: nothing is kept "
                "here; FLOWRUN_HOME names another folder"
            )
            raise NotBelievedError(0, "there is another file", str(self._folder / MARK))
        self._folder.mkdir(parents=True, exist_ok=True)
        write_text(self._folder / MARK, self.seals.fingerprint + "\n")

    def set_aside(self, reason: str, is_to_go: Callable[[], bool]) -> None:
        """Rename the folder, unless another process has done so; says so in one line.

        is_to_go: whether the folder that is there now is still one to set aside.
        """
        shown = shown_path(self._folder)
        if not self._may_move:
            self._warn(f"the store {shown} {reason}: nothing of it is used; a run sets it aside")
            raise NotBelievedError(0, reason, str(self._folder))
        try:
            with only_one(self._folder.parent):
                if not is_to_go():
                    return
                aside = _free_name(self._folder)
                if self._is_marked(self._folder):  # it would be taken back at once
                    remove_file(self._folder / MARK)
                self._folder.rename(aside)
        except OSError as error:
            self._warn(
                f"the store {shown} {reason} and cannot be set aside ({error.strerror or error}): "
                "nothing of it is used, and nothing is kept"
            )
            raise NotBelievedError(0, reason, str(self._folder)) from error
        self._warn(
            f"the store {shown} {reason}: nothing of it is used, everything is computed; "
            f"it lies in {shown_path(aside)} now (`flowrun store adopt {shown_path(aside)}` if you "
            "trust all of it)"
        )

    def _is_taken_back(self) -> bool:
        """Whether a store of the user's key, set aside by a run with another one, is back."""
        own = [
            path
            for path in set_aside_in(self._folder.parent)
            if self._is_marked(path) and is_file(path / TABLES) and link_in_store(path) is None
        ]
        if not own:
            return False
        if not self._may_move:
            self._warn(
                f"the store {shown_path(own[-1])} was made with your key: a run uses it again"
            )
            raise NotBelievedError(0, "it was set aside", str(own[-1]))
        try:
            with only_one(self._folder.parent):
                remove_file(self._folder / "lock")  # of a run that could keep nothing
                own[-1].rename(self._folder)
        except OSError:  # another process was first, or there is something in its place
            return self._is_marked(self._folder)
        self._warn(f"the store {shown_path(own[-1])} was made with your key, and is used again")
        return True

    def _is_marked(self, folder: Path) -> bool:
        """Whether a folder has the fingerprint of the user's key."""
        return _content(folder / MARK) == self.seals.fingerprint.encode() + b"\n"

    def _has_records(self) -> bool:
        """Whether there is anything to believe: a fingerprint of another key, or tables."""
        mark = _content(self._folder / MARK)
        is_marked = mark is not None and _FINGERPRINT.fullmatch(mark) is not None
        return is_marked or os.path.lexists(self._folder / TABLES)

    def _is_foreign(self) -> bool:
        return self._has_records() and not self._is_marked(self._folder)


def _content(path: Path) -> bytes | None:
    """The bytes of a mark; None if there is none."""
    try:
        return read_whole(path, _MOST_BYTES)
    except OSError:
        return None


def set_aside_in(home: Path) -> list[Path]:
    """The folders that were set aside, the last at the end; a link is none."""
    found = [path for path in home.glob(f"{ASIDE}-*") if _number(path)]
    return sorted((path for path in found if is_folder(path)), key=_number)


def _number(path: Path) -> int:
    """The number of a folder that was set aside; 0 for any other name."""
    digits = path.name[len(ASIDE) + 1 :]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else 0


def _free_name(folder: Path) -> Path:
    """A name behind all others, so that the last one is the one that was set aside last."""
    last = max(map(_number, folder.parent.glob(f"{ASIDE}-*")), default=0)
    return folder.with_name(f"{ASIDE}-{last + 1}")


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
