"""One process computes a step; the others wait for it and use what it made.

A run claims a step in the tables before it computes it, in the same transaction in which it keeps
the record of the step before: so none of those who waited for that one can overtake it. A claim
counts as long as its run holds the lock of a file of its own, which the system frees when a process
ends, however it ends.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flowrun.store.database import Database
from flowrun.store.store_errors import StoreErrors

if TYPE_CHECKING:
    from filelock import BaseFileLock

TAKE = "insert or ignore into claims values (?, ?)"  # base key, run
GIVE_BACK = "delete from claims where base = ? and run = ?"

_POLL = 0.01  # seconds between two looks at a claim that another run holds
_PATIENCE = 0.5  # seconds after which it is said that another process is waited for


class Claims:
    """The claims of one run."""

    def __init__(self, folder: Path, database: Database, trouble: StoreErrors) -> None:
        self._folder = folder
        self._database = database
        self._trouble = trouble
        self._lock: BaseFileLock | None = None
        self.run = ""
        self.is_on = False

    def begin(self, run: str) -> None:
        """Claim under the id of this run; where there can be no locks, nothing is claimed."""
        from filelock import FileLock

        self.run = run
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._path(run))
            self._lock.acquire(timeout=0)
            self.is_on = True
        except (OSError, NotImplementedError) as error:
            self._trouble.note(f"locks in {self._folder}", error)

    def take(self, base: str, waiting: Callable[[], None], is_done: Callable[[], bool]) -> bool:
        """Whether this run is now the one to compute a step, after waiting for one that was.

        waiting: called once, where the wait turns out to be one that a person would notice.
        is_done: whether the step's record is there; then nobody needs to compute it.
        """
        start, is_said = time.monotonic(), False
        while self.is_on:
            if self._database.write(TAKE, [(base, self.run)]):
                return True
            holder = self._holder(base)
            if holder == self.run:
                return True
            if holder is not None and not self._is_alive(holder):
                self._database.write("delete from claims where run = ?", [(holder,)])
                continue
            if holder is None and not self._database.can_write:
                return True  # nothing can be claimed, so nobody else waits for this run either
            if is_done():
                return False
            if not is_said and time.monotonic() - start > _PATIENCE:
                is_said = True
                waiting()
            time.sleep(_POLL)
        return True

    def give_back(self, base: str) -> None:
        """Let another run compute a step."""
        if self.is_on:
            self._database.write(GIVE_BACK, [(base, self.run)])

    def end(self) -> None:
        """Give everything back."""
        if self._lock is None:
            return
        if self.is_on:
            self._database.write("delete from claims where run = ?", [(self.run,)])
        with contextlib.suppress(OSError):
            self._path(self.run).unlink()
        with contextlib.suppress(OSError):
            self._lock.release(force=True)
        self._lock, self.is_on = None, False

    def remove_dead(self) -> None:
        """Remove the lock files, and the claims, of runs that are no more."""
        runs = {str(run) for (run,) in self._database.rows("select distinct run from claims")}
        if self._folder.is_dir():
            runs |= {path.stem for path in self._folder.glob("*.lock")}
        dead = [(run,) for run in runs if run != self.run and not self._is_alive(run)]
        self._database.write("delete from claims where run = ?", dead)

    def _holder(self, base: str) -> str | None:
        row = self._database.row("select run from claims where base = ?", (base,))
        return None if row is None else str(row[0])

    def _is_alive(self, run: str) -> bool:
        """Whether a run still holds its lock; the file of one that does not goes."""
        from filelock import FileLock, Timeout

        path = self._path(run)
        if not path.is_file():
            return False
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            return True
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release(force=True)
        return False

    def _path(self, run: str) -> Path:
        return self._folder / f"{run}.lock"
