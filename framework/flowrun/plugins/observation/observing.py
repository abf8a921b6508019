"""Observes what code reads, writes and starts while it runs, without its help.

CPython calls an audit hook (PEP 578) for each file that is opened and each folder that is listed,
for processes and connections. Variables, sizes of files and the current folder are seen through the
functions of `os` by which Python code asks for them. A file that a library opens in C++ or Rust is
not seen.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from flowrun.plugins.observation.events import (
    CHANGING,
    HANDLERS,
    imported,
    library_asks,
    opening,
    see_asked,
    see_asked_open,
)
from flowrun.plugins.observation.input import ObservedInput
from flowrun.plugins.observation.ownership import (
    SESSION,
    callers,
    entry_name,
    places,
    shows_stack,
    user_asks,
)
from flowrun.plugins.observation.paths import (
    kind_of_lstat,
    kind_of_stat,
    real_access,
    real_fstat,
    real_lstat,
    real_open,
    real_readlink,
    real_stat,
)
from flowrun.plugins.observation.record import (
    PROCESSES,
    Observation,
    is_of,
    present,
    processes_started,
    real_getcwd,
)
from flowrun.plugins.observation.states import names_of_variables, variable_state
from flowrun.values.surroundings import HOME, KEY

_real_start = threading.Thread.start
_real_getitem, _real_iter = os._Environ.__getitem__, os._Environ.__iter__


class observed:  # noqa: N801 - a context, used as a function is
    """Add all that happens inside, in any thread of this process, to an observation."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._outer: Observation | None = None
        self._started = ""
        self._replaced: list[str] = []

    def __enter__(self) -> None:
        _install()
        self._observation.starter = threading.get_ident()
        self._observation.bottom = sys._getframe(1).f_code
        self._started = processes_started()
        self._outer, present.observation = present.observation, self._observation
        # Only functions that are Python's own: a test may have put another in the place of one.
        # Those that are observed already, by an outer one, are left to that.
        own = vars(os)
        self._replaced = [name for name, real in _REAL.items() if own[name] is real]
        own.update((name, _OBSERVED_FUNCTIONS[name]) for name in self._replaced)
        if sys.stdin is not None and not isinstance(sys.stdin, ObservedInput):
            sys.stdin = ObservedInput(sys.stdin)

    def __exit__(self, *error: object) -> None:
        present.observation = self._outer
        if processes_started() != self._started:
            self._observation.unseen[PROCESSES] = None
        own = vars(os)
        for name in self._replaced:
            if own[name] is _OBSERVED_FUNCTIONS[name]:
                own[name] = _REAL[name]
        if self._replaced and isinstance(sys.stdin, ObservedInput):
            sys.stdin = sys.stdin.real


@functools.cache
def _install() -> None:
    """Have CPython call `_audit` from now on: a hook can never be removed."""
    places(), entry_name()  # they cache results of functions that are observed from now on
    os._Environ.__getitem__ = _observed_getitem  # type: ignore[method-assign]
    os._Environ.__iter__ = _observed_iter  # type: ignore[method-assign]
    for functions in (os.supports_follow_symlinks, os.supports_fd, os.supports_dir_fd):
        for name, real in _REAL.items():
            if real in functions:  # shutil looks there for the function it finds in `os`
                functions.add(_OBSERVED_FUNCTIONS[name])
    threading.Thread.start = _observed_start  # type: ignore[assignment, method-assign]
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    observation = present.observation  # read once: another thread may end it at any time
    if observation is not None and event in HANDLERS:
        if event in CHANGING and not is_of(observation):
            return  # the thread of a listener, for example, that writes its log
        try:
            HANDLERS[event](observation, arguments)
        except (TypeError, ValueError, OSError):
            return  # arguments with which the call itself will fail


def _observed_getitem(self: Any, key: Any) -> Any:
    observation = present.observation
    if observation is not None and isinstance(key, (str, bytes)):
        name = os.fsdecode(key)
        what = f"env:{name}"
        # One of the session counts if the user's code asks for it by name, not in a copy of all.
        is_copied = _iterated.is_next(name)
        counts = name not in SESSION or (not is_copied and user_asks())
        # The observation itself asks for the former at each path; the latter is a secret.
        counts = counts and name not in (HOME, KEY)
        if what not in observation.seen and counts and not library_asks(observation):
            observation.see(what, variable_state(name))
    return _real_getitem(self, key)


class _Iterated(threading.local):
    """The variables whose names an iterator over all has given, and that were not read since.

    A copy of all reads them in this order: some copies after each name, some after the last one.
    """

    def __init__(self) -> None:
        self.names: deque[str] = deque()

    def is_next(self, name: str) -> bool:
        """Whether this variable is the next that a copy of all reads; it is then taken as read."""
        if self.names and self.names[0] == name:
            self.names.popleft()
            return True
        return False


_iterated = _Iterated()


def _observed_iter(self: Any) -> Iterator[Any]:
    observation = present.observation
    if observation is None:
        yield from _real_iter(self)
        return
    _see_names(observation)
    _iterated.names.clear()
    for name in _real_iter(self):
        _iterated.names.append(os.fsdecode(name))
        yield name


def _see_names(observation: Observation) -> None:
    if "names:" not in observation.seen and not library_asks(observation):
        observation.see("names:", names_of_variables())


def _asking(real: Callable[..., Any], kind: Callable[..., str]) -> Callable[..., Any]:
    """A function of `os` that asks for a path, observed. kind: that of the state it asks for."""

    @functools.wraps(real)
    def asked(*arguments: Any, **settings: Any) -> Any:
        observation = present.observation
        if observation is not None and not shows_stack(sys._getframe(1)):
            path = arguments[0] if arguments else settings.get("path", settings.get("fd"))
            if isinstance(path, int):
                see_asked_open(observation, path, kind)
            else:
                folder = settings.get("dir_fd")
                of_links = not settings.get("follow_symlinks", True)
                found = kind_of_lstat() if of_links else kind()
                see_asked(observation, path, found, -1 if folder is None else folder)
        return real(*arguments, **settings)

    return asked


@functools.wraps(real_open)
def _observed_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    if dir_fd is None or present.observation is None:
        return real_open(path, flags, mode, dir_fd=dir_fd)
    opening.folder = dir_fd  # which the event lacks
    try:
        return real_open(path, flags, mode, dir_fd=dir_fd)
    finally:
        opening.folder = -1


def _observed_getcwd() -> str:
    folder = real_getcwd()
    observation = present.observation
    if observation is not None:
        _see_folder(observation, folder)
    return folder


def _see_folder(observation: Observation, folder: str) -> None:
    if "cwd:" not in observation.seen and not library_asks(observation):
        observation.see("cwd:", folder)


_REAL: dict[str, Callable[..., Any]] = {
    "stat": real_stat,
    "lstat": real_lstat,
    "fstat": real_fstat,
    "readlink": real_readlink,
    "access": real_access,
    "open": real_open,
    "getcwd": real_getcwd,
}
_OBSERVED_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "stat": _asking(real_stat, kind_of_stat),
    "lstat": _asking(real_lstat, kind_of_lstat),
    "fstat": _asking(real_fstat, kind_of_stat),
    "readlink": _asking(real_readlink, lambda: "link"),
    "access": _asking(real_access, lambda: "mode"),
    "open": _observed_open,
    "getcwd": _observed_getcwd,
}


def _observed_start(thread: threading.Thread) -> None:
    """`Thread.start`: before Python 3.12 no hook is called for a thread."""
    observation = present.observation
    if observation is not None and is_of(observation):
        observation.threads[thread] = callers(observation.bottom)
    _real_start(thread)


def note_import(name: str) -> None:
    """See that a module is looked for, whether or not it is then imported."""
    observation = present.observation
    if observation is not None:
        imported(observation, (name,))
