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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from blake3 import blake3

from flowrun.plugins.observation_record import (
    CONNECTIONS,
    PROCESSES,
    Observation,
    absolute,
    at,
    is_ones_own,
    processes_started,
    real_getcwd,
    see_folder_of,
)
from flowrun.plugins.ownership import (
    SESSION,
    asks_for_itself,
    callers,
    entry_name,
    import_system_asks,
    is_importing_a_package,
    places,
)
from flowrun.plugins.path_states import (
    FILE,
    FOLDER,
    kind_of,
    kind_of_lstat,
    kind_of_stat,
    link_state,
    mode_state,
    names_state,
    real_access,
    real_lstat,
    real_readlink,
    real_stat,
    sizes_state,
    stat_state,
    times_state,
)
from flowrun.values.stamps import stamp_of, variable_digest

_real_start = threading.Thread.start
_real_getitem, _real_iter = os._Environ.__getitem__, os._Environ.__iter__


_current: Observation | None = None


class observed:  # noqa: N801 - a context, used as a function is
    """Add all that happens inside, in any thread of this process, to an observation."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._outer: Observation | None = None
        self._started = ""

    def __enter__(self) -> None:
        global _current
        _install()
        self._observation.starter = threading.get_ident()
        self._observation.bottom = sys._getframe(1).f_code
        self._started = processes_started()
        self._outer, _current = _current, self._observation
        vars(os).update(_OBSERVED_FUNCTIONS, getcwd=_observed_getcwd)

    def __exit__(self, *error: object) -> None:
        global _current
        _current = self._outer
        if processes_started() != self._started:
            self._observation.unseen[PROCESSES] = None
        if self._outer is None:
            vars(os).update(_REAL, getcwd=real_getcwd)


@contextmanager
def unobserved() -> Iterator[None]:
    """Observe nothing inside, which is flowrun's own work in the middle of a step."""
    global _current
    before, _current = _current, None
    try:
        yield
    finally:
        _current = before


def present_observation() -> Observation | None:
    """The observation that is going on."""
    return _current


def state_now(what: str) -> Any:
    """How a thing is now, in the form in which an observation saw it."""
    kind, _, name = what.partition(":")
    return _STATES[kind](name)


def listing_state(path: str) -> str | None:
    """The state of the names in a folder; None if there is no such folder."""
    with unobserved():
        return names_state(path)


def _sizes_state(path: str) -> str | None:
    with unobserved():
        return sizes_state(path)


def variable_state(name: str) -> str | None:
    """The digest of an environment variable, which may hold a secret; None if it is not set."""
    with unobserved():
        return variable_digest(name)


def names_of_variables() -> str:
    """The digest of the names of all environment variables."""
    names = sorted({os.fsdecode(name) for name in os.environ._data} - SESSION)  # type: ignore[attr-defined]
    return blake3("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest(length=16)


_STATES: dict[str, Callable[[str], Any]] = {
    "file": stamp_of,
    "list": listing_state,
    "sizes": _sizes_state,
    "stat": stat_state,
    "times": times_state,
    "mode": mode_state,
    "link": link_state,
    "env": variable_state,
    "names": lambda _: names_of_variables(),
    "cwd": lambda _: real_getcwd(),
    "module": lambda _: None,
}

OBSERVED = frozenset(_STATES)  # the kinds of things of which an observation has the state


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
    if _current is not None and event in _HANDLERS:
        observation = _current
        if event in _CHANGING and not _is_of(observation):
            return  # the thread of a listener, for example, that writes its log
        try:
            _HANDLERS[event](observation, arguments)
        except (TypeError, ValueError, UnicodeError, OSError):
            return  # arguments with which the call itself will fail


def _observed_getitem(self: Any, key: Any) -> Any:
    if _current is not None and isinstance(key, (str, bytes)):
        name = os.fsdecode(key)
        what = f"env:{name}"
        if what not in _current.seen and name not in SESSION and not _is_of_library(_current):
            _current.see(what, variable_state(name))
    return _real_getitem(self, key)


def _observed_iter(self: Any) -> Iterator[Any]:
    if _current is not None and "names:" not in _current.seen and not _is_of_library(_current):
        _current.see("names:", names_of_variables())
    return _real_iter(self)


def _asking(real: Callable[..., Any], kind: Callable[[], str]) -> Callable[..., Any]:
    """A function of `os` that asks for a path, observed. kind: that of the state it asks for."""

    @functools.wraps(real)
    def asked(path: Any, *arguments: Any, **settings: Any) -> Any:
        if _current is not None and settings.get("dir_fd") is None and not isinstance(path, int):
            _see_asked(_current, path, kind())
        return real(path, *arguments, **settings)

    return asked


_REAL = {"stat": real_stat, "lstat": real_lstat, "readlink": real_readlink, "access": real_access}
_OBSERVED_FUNCTIONS = {
    "stat": _asking(real_stat, kind_of_stat),
    "lstat": _asking(real_lstat, kind_of_lstat),
    "readlink": _asking(real_readlink, lambda: "link"),
    "access": _asking(real_access, lambda: "mode"),
}


def _observed_getcwd() -> str:
    folder = real_getcwd()
    if _current is not None and not _is_of_library(_current):
        _current.see("cwd:", folder)
    return folder


def _is_of(observation: Observation) -> bool:
    """Whether the present thread is that of the observed code, or one that it has started."""
    if threading.get_ident() == observation.starter:
        return True
    return threading.current_thread() in observation.threads


def _is_of_library(observation: Observation) -> bool:
    """Whether a library asks for something on its own account."""
    return asks_for_itself(in_own_thread=threading.current_thread() in observation.threads)


def _observed_start(thread: threading.Thread) -> None:
    """`Thread.start`: before Python 3.12 no hook is called for a thread."""
    if _current is not None and _is_of(_current):
        _current.threads[thread] = callers(_current.bottom)
    _real_start(thread)


def _see_asked(observation: Observation, path: Any, kind: str) -> None:
    try:
        name = absolute(path)
    except (TypeError, ValueError):
        return
    what = f"{kind}:{name}"
    if what in observation.seen or (kind == "stat" and f"file:{name}" in observation.seen):
        see_folder_of(observation, path)
        return
    if is_ones_own(observation, name) or _is_of_library(observation):
        return
    state = _STATES[kind](name)
    if kind != "link" or state != "folder":  # each folder above a path whose links are resolved
        observation.see(what, state)
        see_folder_of(observation, path)


def _opened(observation: Observation, arguments: tuple[Any, ...]) -> None:
    path, _, flags = arguments
    if isinstance(path, int):
        return
    if flags & (os.O_WRONLY | os.O_RDWR):
        if not _is_of(observation):
            return
        name = absolute(path)
        if flags & os.O_RDWR and not flags & os.O_TRUNC and kind_of(name) == FILE:
            _see_file(observation, path)
        if kind_of(name) != FOLDER:  # O_TMPFILE names the folder of a file without a name
            observation.written[name] = "file"
            see_folder_of(observation, path)
    else:
        _see_file(observation, path)


def _connected_database(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = os.fsdecode(arguments[0])
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").partition("?")[0])
        name = f"/{name.lstrip('/')}" if name.startswith("//") else name
    if name and name != ":memory:":
        _see_file(observation, name)
        _see_file(observation, f"{name}-wal")  # has what others wrote since it was opened


def _see_file(observation: Observation, path: Any) -> None:
    name = absolute(path)
    folder, separator, file = name.rpartition(f"{os.sep}__pycache__{os.sep}")
    if separator and file.endswith(".pyc"):
        name = f"{folder}{os.sep}{file.partition('.')[0]}.py"
    what = f"file:{name}"
    if what not in observation.seen:
        if is_ones_own(observation, name) or is_importing_a_package() or kind_of(name) == FOLDER:
            return
        observation.see(what, stamp_of(name))
    see_folder_of(observation, path)


def _listed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    _see_listing(observation, arguments[0], "list")


def _scanned(observation: Observation, arguments: tuple[Any, ...]) -> None:
    """The entries have sizes and times, at which `os.walk` and `glob` do not look."""
    _see_listing(observation, arguments[0], "list" if entry_name() else "sizes")


def _see_listing(observation: Observation, path: Any, kind: str) -> None:
    if isinstance(path, int):
        path = real_readlink(f"/proc/self/fd/{path}")
    path = "." if path is None else path
    name = absolute(path)
    what = f"{kind}:{name}"
    if what not in observation.seen:
        if is_ones_own(observation, name) or is_importing_a_package() or import_system_asks():
            return  # whether a module is found is seen by itself
        observation.see(what, _STATES[kind](name))
    see_folder_of(observation, path)


def _renamed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    source = at(observation, arguments[0], arguments[2])
    target = at(observation, arguments[1], arguments[3])
    if observation.written.pop(source, None) is None:
        observation.written[source] = "file"
    observation.written[target] = "folder" if kind_of(source) == FOLDER else "file"


def _removed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = at(observation, *arguments)
    if observation.written.pop(name, None) is None:
        observation.written[name] = "file"


def _linked(observation: Observation, arguments: tuple[Any, ...]) -> None:
    observation.written[at(observation, arguments[1], arguments[-1])] = "file"


def _made_folder(observation: Observation, arguments: tuple[Any, ...]) -> None:
    observation.written.setdefault(at(observation, arguments[0], arguments[2]), "folder")


def _truncated(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not isinstance(arguments[0], int):
        observation.written[at(observation, arguments[0], -1)] = "file"


def note_import(name: str) -> None:
    """See that a module is looked for, whether or not it is then imported."""
    if _current is not None:
        _imported(_current, (name,))


def _imported(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = str(arguments[0])
    if "." in name or name in sys.stdlib_module_names or name.startswith("flowrun"):
        return
    if f"module:{name}" not in observation.seen and not is_importing_a_package():
        observation.see(f"module:{name}", None)


def _started(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not _is_of_library(observation):
        observation.unseen[PROCESSES] = None


def _connected(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not _is_of_library(observation):
        observation.unseen[CONNECTIONS] = None


_HANDLERS: dict[str, Callable[[Observation, tuple[Any, ...]], None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _scanned,
    "os.rename": _renamed,
    "os.remove": _removed,
    "os.link": _linked,
    "os.symlink": _linked,
    "os.mkdir": _made_folder,
    "os.truncate": _truncated,
    "sqlite3.connect": _connected_database,
    "import": _imported,
    "subprocess.Popen": _started,
    "os.posix_spawn": _started,
    "os.fork": _started,
    "os.forkpty": _started,
    "os.system": _started,
    "os.exec": _started,
    "socket.connect": _connected,
    "socket.sendto": _connected,
}


_CHANGING = frozenset(
    {"os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.truncate"}
)
