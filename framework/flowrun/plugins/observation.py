"""What code looks at, writes and starts while it runs, seen without its help.

CPython tells an audit hook (PEP 578) of each file that is opened and each folder that is listed, of
processes and connections. Variables, sizes of files and the current folder are seen through the
functions of `os` by which Python code asks for them. A file that a library opens in C++ or Rust is
not seen.
"""

from __future__ import annotations

import functools
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from blake3 import blake3

from flowrun.plugins.observation_record import CONNECTIONS, PROCESSES, Observation
from flowrun.plugins.ownership import (
    IN_HOME,
    IN_PACKAGES,
    SESSION,
    asks_for_itself,
    is_cache,
    is_importing_a_package,
    is_of_system,
    places,
)
from flowrun.values.stamps import stamp_of

_real_stat, _real_getcwd = os.stat, os.getcwd
_real_start = threading.Thread.start
_real_getitem = os._Environ.__getitem__


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
        self._started = _processes_started()
        self._outer, _current = _current, self._observation
        os.stat, os.getcwd = _observed_stat, _observed_getcwd

    def __exit__(self, *error: object) -> None:
        global _current
        _current = self._outer
        if _processes_started() != self._started:
            self._observation.unseen[PROCESSES] = None
        if self._outer is None:
            os.stat, os.getcwd = _real_stat, _real_getcwd


def _processes_started() -> str:
    """A mark that changes with each process of `multiprocessing`, which may tell no hook of it."""
    module = sys.modules.get("multiprocessing.process")
    counter = getattr(module, "_process_counter", None)
    return "count(1)" if counter is None else repr(counter)  # that shows its next number


@contextmanager
def unobserved() -> Iterator[None]:
    """Leave out what happens inside: it is flowrun's own work in the middle of a step."""
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
    """The digest of the names in a folder; None if there is no such folder."""
    try:
        with unobserved():
            names = sorted(os.fsencode(name) for name in os.listdir(path) if name not in _MADE)
    except OSError:
        return None
    return blake3(b"\0".join(names)).hexdigest(length=16)


_STATES: dict[str, Callable[[str], Any]] = {
    "file": stamp_of,
    "list": lambda name: listing_state(name),
    "stat": lambda name: stat_state(name),
    "env": lambda name: variable_state(name),
    "cwd": lambda _: _real_getcwd(),
    "module": lambda _: None,
}

OBSERVED = frozenset(_STATES)  # the kinds of things of which an observation has the state

_MADE = (".flowrun", "__pycache__")  # folders that come into being by the way


def stat_state(path: str) -> str | None:
    """What code usually asks of a path: whether it is a file, and its size, or a folder."""
    try:
        found = _real_stat(path)
    except (OSError, ValueError):
        return None
    return "folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} bytes"


def variable_state(name: str) -> str | None:
    """The digest of an environment variable, which may hold a secret; None if it is not set."""
    with unobserved():
        value = os.environ.get(name)
    return None if value is None else blake3(os.fsencode(value)).hexdigest(length=16)


@functools.cache
def _install() -> None:
    """Have CPython call `_audit` from now on: a hook can never be removed."""
    places()
    os._Environ.__getitem__ = _observed_getitem  # type: ignore[method-assign]
    for functions in (os.supports_follow_symlinks, os.supports_fd, os.supports_dir_fd):
        if _real_stat in functions:  # shutil looks there for the function it finds in `os`
            functions.add(_observed_stat)
    threading.Thread.start = _observed_start  # type: ignore[assignment, method-assign]
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _current is not None and event in _HANDLERS:
        observation = _current
        if event in _CHANGING and not _is_of(observation):
            return  # the thread of a listener, say, that writes what it heard
        try:
            _HANDLERS[event](observation, arguments)
        except (TypeError, ValueError, UnicodeError, OSError):
            return  # arguments with which the call itself will fail


def _observed_getitem(self: Any, key: Any) -> Any:
    if _current is not None and isinstance(key, (str, bytes)):
        name = os.fsdecode(key)
        what = f"env:{name}"
        if what not in _current.seen and name not in SESSION and not asks_for_itself():
            _current.seen[what] = variable_state(name)
    return _real_getitem(self, key)


def _observed_stat(
    path: Any, *, dir_fd: Any = None, follow_symlinks: bool = True
) -> os.stat_result:
    if _current is not None and dir_fd is None and not isinstance(path, int):
        _see_stat(_current, path)
    return _real_stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)


def _observed_getcwd() -> str:
    if _current is not None and not asks_for_itself():
        _current.seen.setdefault("cwd:", _real_getcwd())
    return _real_getcwd()


def _is_of(observation: Observation) -> bool:
    """Whether the present thread is that of the observed code, or one that it has started."""
    if threading.get_ident() == observation.starter:
        return True
    return threading.current_thread() in observation.threads


def _observed_start(thread: threading.Thread) -> None:
    """`Thread.start`: before Python 3.12 no hook is told of a thread."""
    if _current is not None and _is_of(_current):
        _current.threads.add(thread)
    _real_start(thread)


def _see_stat(observation: Observation, path: Any) -> None:
    try:
        name = _absolute(observation, path)
    except (TypeError, ValueError):
        return
    if f"stat:{name}" in observation.seen or f"file:{name}" in observation.seen:
        return
    if _is_ones_own(observation, name) or asks_for_itself():
        return
    observation.seen[f"stat:{name}"] = stat_state(name)


def _opened(observation: Observation, arguments: tuple[Any, ...]) -> None:
    path, _, flags = arguments
    if isinstance(path, int):
        return
    name = _absolute(observation, path)
    if flags & (os.O_WRONLY | os.O_RDWR):
        if not _is_of(observation):
            return
        if flags & os.O_RDWR and not flags & os.O_TRUNC and _kind(name) == _FILE:
            _see_file(observation, name)
        if _kind(name) != _FOLDER:  # O_TMPFILE names the folder of a file without a name
            observation.written[name] = "file"
    else:
        _see_file(observation, name)


def _connected_database(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = os.fsdecode(arguments[0])
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").partition("?")[0])
        name = f"/{name.lstrip('/')}" if name.startswith("//") else name
    if name and name != ":memory:":
        _see_file(observation, _absolute(observation, name))


def _see_file(observation: Observation, name: str) -> None:
    folder, separator, file = name.rpartition(f"{os.sep}__pycache__{os.sep}")
    if separator and file.endswith(".pyc"):
        name = f"{folder}{os.sep}{file.partition('.')[0]}.py"
    what = f"file:{name}"
    if what in observation.seen or _is_ones_own(observation, name) or is_importing_a_package():
        return
    if _kind(name) != _FOLDER:
        observation.seen[what] = stamp_of(name)


def _listed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    path = arguments[0]
    if isinstance(path, int):
        path = os.readlink(f"/proc/self/fd/{path}")
    name = _absolute(observation, "." if path is None else path)
    what = f"list:{name}"
    if what in observation.seen or _is_ones_own(observation, name) or is_importing_a_package():
        return
    observation.seen[what] = listing_state(name)


def _renamed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    source = _at(observation, arguments[0], arguments[2])
    target = _at(observation, arguments[1], arguments[3])
    if observation.written.pop(source, None) is None:
        observation.written[source] = "file"
    observation.written[target] = "folder" if _kind(source) == _FOLDER else "file"


def _removed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = _at(observation, *arguments)
    if observation.written.pop(name, None) is None:
        observation.written[name] = "file"


def _linked(observation: Observation, arguments: tuple[Any, ...]) -> None:
    observation.written[_at(observation, arguments[1], arguments[-1])] = "file"


def _made_folder(observation: Observation, arguments: tuple[Any, ...]) -> None:
    observation.written.setdefault(_at(observation, arguments[0], arguments[2]), "folder")


def _truncated(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not isinstance(arguments[0], int):
        observation.written[_absolute(observation, arguments[0])] = "file"


def _imported(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = str(arguments[0])
    if "." in name or name in sys.stdlib_module_names or name.startswith("flowrun"):
        return
    if f"module:{name}" not in observation.seen and not is_importing_a_package():
        observation.seen[f"module:{name}"] = None


def _started(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not asks_for_itself():
        observation.unseen[PROCESSES] = None


def _connected(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not asks_for_itself():
        observation.unseen[CONNECTIONS] = None


_HANDLERS: dict[str, Callable[[Observation, tuple[Any, ...]], None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
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


def _absolute(observation: Observation, path: Any) -> str:
    """A path as it stands in an observation; a relative one depends on the current folder."""
    name = os.fsdecode(path)
    if os.path.isabs(name):
        return os.path.normpath(name)
    observation.seen.setdefault("cwd:", _real_getcwd())
    return os.path.normpath(os.path.join(_real_getcwd(), name))


def _home() -> str:
    """The folder of the store and the runs, at whose files no step looks."""
    return os.path.join(_real_getcwd(), os.environ.get("FLOWRUN_HOME") or ".flowrun", "")


_FILE, _FOLDER = stat.S_IFREG, stat.S_IFDIR


def _kind(path: str) -> int:
    """The type of a file as the system has it; 0 if there is none."""
    try:
        return stat.S_IFMT(_real_stat(path).st_mode)
    except (OSError, ValueError):
        return 0


def _at(observation: Observation, path: Any, folder: int) -> str:
    """A path as it stands in an observation, from an open folder by its descriptor, if not -1."""
    if folder == -1:
        return _absolute(observation, path)
    return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))


def _is_ones_own(observation: Observation, name: str) -> bool:
    """Whether a path is of Python, a package, the system or flowrun, or one the code wrote."""
    if name in observation.written or name.startswith((*places().code, _home())):
        return True
    if is_of_system(name):
        return True
    folder = name + os.sep
    return is_cache(folder) or IN_PACKAGES in folder or IN_HOME in folder
