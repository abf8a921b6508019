"""The time that imports of installed packages take, so that no step's seconds include it.

An import happens once in a process: it is no part of what it costs to call a step again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.machinery import ModuleSpec
from typing import NamedTuple

from flowrun.plugins.observation.record import unobserved
from flowrun.plugins.package_imports import executed_within

Begun = Callable[[str], None]
Ended = Callable[[str, float], None]


class _Clock(NamedTuple):
    """passed: seconds in all imports that have ended. begun: when one began in a thread."""

    passed: float = 0.0
    begun: float | None = None
    thread: int | None = None


_clock = _Clock()  # replaced as a whole: other threads read it meanwhile
_watchers: list[tuple[int, Begun, Ended]] = []  # with the process that watches


def time_without_imports() -> float:
    """A clock in seconds that stands still while an installed package is imported."""
    clock, now = _clock, time.perf_counter()
    return (now if clock.begun is None else clock.begun) - clock.passed


def seconds_without_imports(start: float) -> float:
    """The seconds since a time of that clock.

    Not less than 0: an import may end between two looks at the clock.
    """
    return max(0.0, time_without_imports() - start)


def timed(spec: ModuleSpec) -> ModuleSpec:
    """The spec of an installed module whose import is counted, with all that it imports."""
    return spec if _clock.begun is not None else executed_within(spec, partial(_counted, spec.name))


@contextmanager
def imports_watched(begun: Begun, ended: Ended) -> Iterator[None]:
    """Report the imports inside, but not those in a process that is forked meanwhile.

    begun: gets the name of each module whose import is counted. ended: gets the same name, and the
    seconds that the import took.
    """
    watcher = os.getpid(), begun, ended
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


@contextmanager
def _counted(name: str) -> Iterator[None]:
    global _clock
    if _clock.begun is not None:  # two threads have found their modules at the same time
        yield
        return
    start = time.perf_counter()
    _clock = _Clock(_clock.passed, start, threading.get_ident())
    try:
        _report(lambda begun, _: begun(name))
        yield
    finally:
        seconds = time.perf_counter() - start
        _clock = _Clock(_clock.passed + seconds)
        _report(lambda _, ended: ended(name, seconds))


def _forget_import() -> None:
    """In a forked process an import of another thread never ends."""
    global _clock
    if _clock.thread != threading.get_ident():
        _clock = _Clock(_clock.passed)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_import)


def _report(call: Callable[[Begun, Ended], None]) -> None:
    """Call every watcher of this process; none of them can make an import fail."""
    for process, begun, ended in _watchers:
        if process == os.getpid():
            with unobserved(), suppress(Exception):
                call(begun, ended)
