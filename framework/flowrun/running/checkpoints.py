"""How far a step has come: saved while it runs or is interrupted, and found by the next run.

After SIGINT, SIGTERM or SIGHUP a step that makes checkpoints saves one first; any other ends at
once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from flowrun.errors import FlowrunError
from flowrun.plugins.import_times import seconds_without_imports, time_without_imports
from flowrun.running.events import Place
from flowrun.store.step_records import BASE_LENGTH
from flowrun.store.store import Store
from flowrun.store.structures import DamagedValueError, NotKeepableError
from flowrun.store.value_files import read_value, remove_value, write_value
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest
from flowrun.values.texts import readable

INTERVAL = "FLOWRUN_CHECKPOINT_SECONDS"
_USUAL_INTERVAL = 10.0  # seconds between two checkpoints
_SHOWN = 60  # characters of a variable that is wrong
_LARGEST_SHARE = 0.02  # of the time from one save to the next
_USUAL_HANDLERS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
if hasattr(signal, "SIGHUP"):  # the terminal was closed; `nohup` has it ignored, and so it stays
    _USUAL_HANDLERS[signal.SIGHUP] = signal.SIG_DFL


class Interrupted(KeyboardInterrupt):
    """A run ended by a signal.

    signal: which one. saved: whether the step's progress was saved first.
    """

    def __init__(self, number: int, *, saved: bool) -> None:
        self.signal = number
        self.saved = saved
        super().__init__(f"interrupted by {signal.Signals(number).name}")


class Interrupts:
    """What came of the signals during one run.

    deferring: the step that runs offers checkpoints, or looks whether it should stop, so a first
        signal waits for its next offer or look; a second one does not.
    """

    def __init__(self) -> None:
        self.deferring = False
        self.wanted: int | None = None
        self._process = os.getpid()

    def end(self, *, saved: bool) -> NoReturn:
        """End the run, as a signal wanted."""
        assert self.wanted is not None
        raise Interrupted(self.wanted, saved=saved)

    def look(self) -> bool:
        """Whether the run is to end; a first signal waits for the next look, or offer."""
        self.deferring = True
        return self.wanted is not None

    def begin_step(self) -> None:
        """Another step is about to be called: nothing is known of its checkpoints."""
        self.deferring = False
        if self.wanted is not None:
            self.end(saved=False)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle the signals, in the main thread, unless others do."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._process = os.getpid()
        before: dict[int, Any] = {}
        for number, usual in _USUAL_HANDLERS.items():
            if signal.getsignal(number) is usual:
                before[int(number)] = signal.signal(number, self._handle)
        try:
            yield
        finally:
            for watched, handler in before.items():
                signal.signal(watched, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a process that a step has forked, with this handler
            signal.signal(number, _USUAL_HANDLERS[signal.Signals(number)])
            signal.raise_signal(number)
            return
        first = self.wanted is None
        self.wanted = number
        if not (first and self.deferring):
            self.end(saved=False)


class Checkpoints:
    """The checkpoint of one step, named by the step's base key.

    states: returns the states of things the step has looked at so far; each checkpoint has them.
    reached: returns how far the step has come, if it has reported that.
    restored_at: how far it had come in the restored state. is_there: whether there is a checkpoint
    from which the next run can resume.
    earlier: the seconds that interrupted calls took up to the restored state, which recomputing the
    step would take again.
    """

    def __init__(
        self,
        store: Store,
        base: str,
        values: Codecs,
        interrupts: Interrupts,
        states: Callable[[], dict[str, str]],
        reached: Callable[[], Place | None],
    ) -> None:
        self._folder = store.checkpoints
        self._name = base[:BASE_LENGTH]
        self._values = values
        self._errors = store.errors
        self._seals = store.seals
        self._interrupts = interrupts
        self._interval = _interval()
        self._due = time.monotonic() + self._interval
        self._is_on = store.database.is_in_reach
        self._age = 0.0
        self._states = states
        self._reached = reached
        self.is_there = False
        self.restored: Any = None
        self.restored_at: Place | None = None
        self.earlier = 0.0
        self._begun = time_without_imports()

    def restore(self, holds: Callable[[dict[str, str]], bool]) -> None:
        """Look for the state that an earlier run of the step saved; damaged ones are ignored.

        holds: returns whether the things that run had looked at are unchanged.
        """
        path = self._folder / f"{self._name}.json"
        try:
            self._age = max(0.0, time.time() - path.stat().st_mtime)
        except OSError:  # there is none, or no folder for one
            return
        try:
            saved = read_value(self._folder, self._name, None, self._values, self._seals)
            if holds(saved["states"]):
                self.restored, self.earlier = saved["state"], saved["seconds"]
                reached = saved.get("reached")
                self.restored_at = None if reached is None else Place(*reached)
                self.is_there = True
        except (OSError, DamagedValueError, KeyError) as error:
            self._errors.warn(f"a checkpoint cannot be read, so its step starts over: {error}")

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
        """The age of the restored state in seconds; None if nothing was restored."""
        return None if self.restored is None else self._age

    def forget(self) -> None:
        """The step is done: its checkpoint is of no more use."""
        remove_value(self._folder, self._name)

    def _save(self, state: Any) -> bool:
        """Whether the state could be saved."""
        try:
            seconds = self.earlier + seconds_without_imports(self._begun)
            saved = {"states": self._states(), "state": state, "seconds": seconds}
            place = self._reached()
            saved["reached"] = None if place is None else [place.done, place.total]
            digest = value_digest(saved, self._values)
            if digest is None:
                raise NotKeepableError("the state of the step has no digest")
            before = set(self._folder.glob(f"{self._name}-*"))
            write_value(self._folder, self._name, saved, digest, self._values, self._seals)
            for path in before - set(self._folder.glob(f"{self._name}-{digest[:16]}*")):
                path.unlink(missing_ok=True)
        except Exception as error:  # a codec may raise anything; the step goes on all the same
            self._errors.note("a checkpoint", error)
            return False
        self.is_there = True
        return True


def _interval() -> float:
    """The seconds between two checkpoints, as the variable says; FlowrunError if it is nonsense."""
    text = os.environ.get(INTERVAL)
    if not text:
        return _USUAL_INTERVAL
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0.0:  # nan is neither
        raise FlowrunError(
            f"the environment variable {INTERVAL} is `{readable(text[:_SHOWN])}`\n"
            "    expected a number of seconds from 0 on, such as 10"
        )
    return seconds
