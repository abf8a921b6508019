"""SIGINT and SIGTERM: a step that makes checkpoints saves one first, any other ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn


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
        """Handle the two signals, in the main thread, where nobody else does."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {}
        for number, usual in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            if signal.getsignal(number) is usual:
                before[int(number)] = signal.signal(number, self._handle)
        try:
            yield
        finally:
            for watched, handler in before.items():
                signal.signal(watched, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first = self.wanted is None
        self.wanted = number
        if not (first and self.deferring):
            self.end(saved=False)
