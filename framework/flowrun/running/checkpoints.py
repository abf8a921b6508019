"""How far a step has come: saved while it goes, and found again by the next run of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from flowrun.running.interrupts import Interrupts
from flowrun.store.keys import BASE_LENGTH
from flowrun.store.store import Store
from flowrun.store.value_files import (
    DamagedValueError,
    NotKeepableError,
    read_value,
    remove_value,
    write_value,
)
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest

INTERVAL = "FLOWRUN_CHECKPOINT_SECONDS"
_USUAL_INTERVAL = 10.0  # seconds between two checkpoints
_LARGEST_SHARE = 0.02  # of the time that may go into saving


class Checkpoints:
    """The checkpoint of one step, named by the step's base key."""

    def __init__(self, store: Store, base: str, values: Codecs, interrupts: Interrupts) -> None:
        self._folder = store.checkpoints
        self._name = base[:BASE_LENGTH]
        self._values = values
        self._errors = store.errors
        self._interrupts = interrupts
        self._interval = _interval()
        self._due = time.monotonic() + self._interval
        self._is_on = True
        self._age = 0.0
        self._states: Callable[[], dict[str, str]] = dict
        self.restored: Any = None

    def watch(self, states: Callable[[], dict[str, str]]) -> None:
        """Save with each checkpoint what the step has looked at so far, and how that is."""
        self._states = states

    def restore(self, holds: Callable[[dict[str, str]], bool]) -> None:
        """Look for what an earlier run of the step has saved; a damaged checkpoint is none.

        holds: whether what that run had looked at is as it was.
        """
        path = self._folder / f"{self._name}.json"
        try:
            self._age = max(0.0, time.time() - path.stat().st_mtime)
        except OSError:  # there is none, or no place where one could be
            return
        try:
            saved = read_value(self._folder, self._name, None, self._values)
            if holds(saved["states"]):
                self.restored = saved["state"]
        except (OSError, DamagedValueError) as error:
            self._errors.warn(f"a checkpoint cannot be read, so its step begins anew: {error}")

    def offer(self, state: Callable[[], Any]) -> None:
        """Save the state if it is time to, or if the user wants to end here."""
        self._interrupts.deferring = True
        if self._interrupts.wanted:
            saved = self._is_on and self._save(state())
            self._interrupts.end(saved=saved)
        now = time.monotonic()
        if now >= self._due and self._is_on:
            self._is_on = self._save(state())
            spent = time.monotonic() - now
            self._due = time.monotonic() + max(self._interval, spent / _LARGEST_SHARE)

    @property
    def restored_age(self) -> float | None:
        """Seconds since what was restored was saved; None where nothing was."""
        return None if self.restored is None else self._age

    def forget(self) -> None:
        """The step is done: its checkpoint is of no more use."""
        remove_value(self._folder, self._name)

    def _save(self, state: Any) -> bool:
        """Whether the state could be saved."""
        try:
            saved = {"states": self._states(), "state": state}
            digest = value_digest(saved, self._values)
            if digest is None:
                raise NotKeepableError("the state of the step has no digest")
            before = set(self._folder.glob(f"{self._name}-*"))
            write_value(self._folder, self._name, saved, digest, self._values)
            for path in before - set(self._folder.glob(f"{self._name}-{digest[:16]}*")):
                path.unlink(missing_ok=True)
        except Exception as error:  # a codec may raise anything; the step goes on all the same
            self._errors.note("a checkpoint", error)
            return False
        return True


def _interval() -> float:
    try:
        return max(0.0, float(os.environ.get(INTERVAL, "")))
    except ValueError:
        return _USUAL_INTERVAL
