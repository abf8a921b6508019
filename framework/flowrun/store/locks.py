"""Locks of keys: one process, or thread, computes a step while the others wait for its record.

A lock is a byte of one file, at an offset taken from the key; on systems that cannot lock a byte
for an open file, a file for each key. The system releases it when its holder ends, even if it is
killed. Two keys at the same offset only wait for one another; no deadlock is possible, because a
run holds one lock at a time.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowrun.store.database import StoreErrors
from flowrun.values.files import NO_LINK, is_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_POLL = 0.01  # seconds between two tries to take a lock that another holds
_PATIENCE = 0.5  # seconds after which the user is informed of the wait
_OFFSET_DIGITS = 15  # of a key, in hexadecimal: the largest offset of a file takes 63 bits
_FLOCK = "hhqqi4x"  # C's `struct flock`: kind, whence, start, length, process
_open_files: set[int] = set()  # descriptors that a forked child has to close


class Locks:
    """The locks of one run; another run, even in the same process, must have its own.

    Without a folder for locks, no process waits: several processes may then compute a step.

    of_bytes: whether the system can lock bytes for an open file.
    """

    def __init__(
        self, folder: Path, errors: StoreErrors, *, of_bytes: bool = sys.platform == "linux"
    ) -> None:
        self._path = folder / "lock"
        self._folder = folder / "locks"
        self._errors = errors
        self._of_bytes = of_bytes
        self._file: int | None = None
        self._is_off = False

    @contextmanager
    def held(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a key, after waiting for its other holders.

        waiting: called once, if the wait is one that a person would notice.
        """
        release = self._taken(key, waiting)
        try:
            yield
        finally:
            release()

    def is_free(self, key: str) -> bool:
        """Whether the lock of a key is free."""
        try:
            release = self._try(key)
        except (OSError, NotImplementedError, ValueError):  # also for a name that is no key
            return False
        if release is not None:
            release()
        return release is not None

    def remove_unused(self, before: float) -> None:
        """Remove the lock files (of systems other than Linux) not used since a moment."""
        for path in self._folder.glob("*.lock"):
            if is_file(path) and path.stat().st_mtime < before and self.is_free(path.stem):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file, which releases all locks."""
        if self._file in _open_files:  # a forked child has closed it already
            _open_files.remove(self._file)
            with contextlib.suppress(OSError):  # a step may have closed every file of the process
                os.close(self._file)
        self._file = None

    def _taken(self, key: str, waiting: Callable[[], None]) -> Callable[[], None]:
        start, is_announced = time.monotonic(), False
        while not self._is_off:
            try:
                release = self._try(key)
            except (OSError, NotImplementedError) as error:
                self._is_off = True
                self._errors.note(f"locks in {self._path}", error)
                break
            if release is not None:
                return release
            if not is_announced and time.monotonic() - start > _PATIENCE:
                is_announced = True
                waiting()
            time.sleep(_POLL)
        return _nothing

    def _try(self, key: str) -> Callable[[], None] | None:
        """Take the lock of a key; returns how to release it, or None if another holds it."""
        return self._try_byte(key) if self._of_bytes else self._try_file(key)

    def _try_byte(self, key: str) -> Callable[[], None] | None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
            _open_files.add(self._file)
        offset = int(key[:_OFFSET_DIGITS], 16)
        try:
            _set_lock(self._file, offset, fcntl.F_WRLCK)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: another holds it
            return None
        return lambda: self._release(offset)

    def _release(self, offset: int) -> None:
        try:
            if self._file is not None:
                _set_lock(self._file, offset, fcntl.F_UNLCK)
        except OSError:
            self.close()  # which releases it too

    def _try_file(self, key: str) -> Callable[[], None] | None:
        from filelock import FileLock, Timeout

        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._folder / f"{key[:32]}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lambda: lock.release(force=True)


def _set_lock(file: int, offset: int, kind: int) -> None:
    # A lock of the open file, not of the process: that would not exclude other threads, and would
    # be lost as soon as any code of the process closes the same file.
    byte = struct.pack(_FLOCK, kind, os.SEEK_SET, offset, 1, 0)
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, byte)


def _nothing() -> None:
    """Release a lock that could not be taken."""


def _close_in_child() -> None:
    """Close the lock files of the parent: a child that outlives it would hold its locks."""
    for file in _open_files:
        with contextlib.suppress(OSError):
            os.close(file)
    _open_files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
