"""What an observation records of each event that CPython reports to its audit hooks."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from flowrun.plugins.observation.input import see_input
from flowrun.plugins.observation.ownership import (
    asks_for_itself,
    entry_name,
    import_system_asks,
    is_importing_a_package,
    is_metadata,
    is_of_system,
    shows_stack,
)
from flowrun.plugins.observation.paths import FILE, FOLDER, kind_of, kind_of_link
from flowrun.plugins.observation.record import (
    CONNECTIONS,
    PROCESSES,
    Observation,
    absolute,
    at,
    is_of,
    is_ones_own,
    located,
    path_of_descriptor,
    see_folder_of,
)
from flowrun.plugins.observation.states import STATES
from flowrun.values.stamps import stamp_of

_REMOVED = " (deleted)"  # what Linux appends to the path of an open file that is no more
_INPUTS = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


class _Opening(threading.local):
    """The folder from which a path is opened at present, by its descriptor; -1 if none is given."""

    folder = -1


opening = _Opening()


def library_asks(observation: Observation) -> bool:
    """Whether a library asks for something on its own account."""
    return asks_for_itself(in_own_thread=threading.current_thread() in observation.threads)


def see_asked(observation: Observation, path: Any, kind: str, folder: int = -1) -> None:
    """See that code asks for the state of a path. folder: as in `at`."""
    try:
        name = located(observation, path, folder)
    except (TypeError, ValueError, OSError):
        return  # arguments with which the call itself will fail
    if kind != "link":
        name = observation.through_links(name)
    what = f"{kind}:{name}"
    if what in observation.seen or (kind == "stat" and f"file:{name}" in observation.seen):
        _see_start(observation, path, folder)
        return
    if (kind != "list" and is_ones_own(observation, name)) or library_asks(observation):
        return
    state = STATES[kind](name)
    if kind != "link" or state != "folder":  # each folder above a path whose links are resolved
        observation.see(what, state)
        _see_start(observation, path, folder)


def _see_start(observation: Observation, path: Any, folder: int) -> None:
    """See the current folder if a path starts there. folder: as in `at`."""
    if folder == -1:
        see_folder_of(observation, path)


def see_asked_open(observation: Observation, number: int, kind: Callable[[], str]) -> None:
    """See that code asks for the state of an open file. number: its descriptor."""
    try:
        name = path_of_descriptor(number)
    except OSError:
        return
    if not os.path.isabs(name) or is_of_system(name) or name.endswith(_REMOVED):
        return  # a pipe, or a terminal, or a file that is no more
    see_asked(observation, name, kind())


def _opened(observation: Observation, arguments: tuple[Any, ...]) -> None:
    path, _, flags = arguments
    if shows_stack(sys._getframe(2)):
        return
    if isinstance(path, int) or path in _INPUTS:
        if path == 0 or path in _INPUTS:
            see_input(observation)
        return
    if flags & (os.O_WRONLY | os.O_RDWR):
        if not is_of(observation):
            return
        name = observation.through_links(located(observation, path, opening.folder))
        kind = kind_of(name)
        if flags & os.O_RDWR and not flags & os.O_TRUNC and kind == FILE:
            _see_file(observation, path, opening.folder)
        if kind != FOLDER:  # O_TMPFILE names the folder of a file without a name
            observation.written[name] = "file"
            _see_start(observation, path, opening.folder)
    else:
        _see_file(observation, path, opening.folder)


def _connected_database(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = os.fsdecode(arguments[0])
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").partition("?")[0])
        name = f"/{name.lstrip('/')}" if name.startswith("//") else name
    if name and name != ":memory:":
        _see_file(observation, name)
        _see_file(observation, f"{name}-wal")  # has what others wrote since it was opened


def _opened_library(observation: Observation, arguments: tuple[Any, ...]) -> None:
    """A shared library stays in memory as it was when the process first opened it."""
    if arguments[0] and os.sep in os.fsdecode(arguments[0]):
        name = absolute(arguments[0])
        loaded = _libraries.setdefault(name, stamp_of(name))
        if not is_ones_own(observation, name) and not library_asks(observation):
            observation.see(f"file:{name}", loaded)
            see_folder_of(observation, arguments[0])


_libraries: dict[str, Any] = {}  # stamps by path


def _see_file(observation: Observation, path: Any, opened_from: int = -1) -> None:
    name = observation.through_links(located(observation, path, opened_from))
    folder, separator, file = name.rpartition(f"{os.sep}__pycache__{os.sep}")
    if separator and file.endswith(".pyc"):
        name = f"{folder}{os.sep}{file.partition('.')[0]}.py"
    what = f"file:{name}"
    if what not in observation.seen:
        if is_ones_own(observation, name) or is_importing_a_package():
            return
        if is_metadata(name) and library_asks(observation):
            return
        if kind_of(name) == FOLDER:  # to open it fails, or gives its descriptor
            observation.see(f"stat:{name}", "folder")
        else:
            observation.see(what, stamp_of(name))
    _see_start(observation, path, opened_from)


def _listed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    _see_listing(observation, arguments[0], "list")


def _scanned(observation: Observation, arguments: tuple[Any, ...]) -> None:
    """The entries have sizes and times, at which `os.walk` and `glob` do not look."""
    _see_listing(observation, arguments[0], "list" if entry_name() else "sizes")


def _see_listing(observation: Observation, path: Any, kind: str) -> None:
    if isinstance(path, int):
        path = path_of_descriptor(path)
    path = "." if path is None else path
    name = observation.through_links(absolute(path))
    what = f"{kind}:{name}"
    if what not in observation.seen:
        if is_ones_own(observation, name) or is_importing_a_package() or import_system_asks():
            return  # whether a module is found is seen by itself
        observation.see(what, STATES[kind](name))
    see_folder_of(observation, path)


def _renamed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    source = at(observation, arguments[0], arguments[2])
    target = at(observation, arguments[1], arguments[3])
    if observation.written.pop(source, None) is None:
        observation.written[source] = "file"
    observation.written[target] = "folder" if kind_of(source) == FOLDER else "file"
    observation.links.pop(target, None)
    if source in observation.links:
        observation.links[target] = observation.links.pop(source)


def _removed(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = at(observation, *arguments)
    observation.links.pop(name, None)
    if observation.written.pop(name, None) is None:
        observation.written[name] = "file"


def _linked(observation: Observation, arguments: tuple[Any, ...]) -> None:
    _made_link(observation, at(observation, *arguments[::2]), at(observation, *arguments[1::2]))


def _linked_softly(observation: Observation, arguments: tuple[Any, ...]) -> None:
    name = at(observation, *arguments[1:])
    target = os.path.join(os.path.dirname(name), os.fsdecode(arguments[0]))
    _made_link(observation, absolute(target), name)


def _made_link(observation: Observation, target: str, name: str) -> None:
    if not kind_of_link(name):  # else it will fail, and what is there stays
        observation.written[name] = "file"
        observation.links[name] = target


def _made_folder(observation: Observation, arguments: tuple[Any, ...]) -> None:
    observation.written.setdefault(at(observation, arguments[0], arguments[2]), "folder")


def _truncated(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not isinstance(arguments[0], int):
        observation.written[at(observation, arguments[0], -1)] = "file"


def imported(observation: Observation, arguments: tuple[Any, ...]) -> None:
    """See that a module is looked for."""
    name = str(arguments[0])
    if "." in name or name in sys.stdlib_module_names or name.startswith("flowrun"):
        return
    if f"module:{name}" not in observation.seen and not is_importing_a_package():
        observation.see(f"module:{name}", None)


def _started(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not library_asks(observation):
        observation.unseen[PROCESSES] = None


def _connected(observation: Observation, arguments: tuple[Any, ...]) -> None:
    if not library_asks(observation):
        observation.unseen[CONNECTIONS] = None


HANDLERS: dict[str, Callable[[Observation, tuple[Any, ...]], None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _scanned,
    "os.rename": _renamed,
    "os.remove": _removed,
    "os.link": _linked,
    "os.symlink": _linked_softly,
    "os.mkdir": _made_folder,
    "os.truncate": _truncated,
    "sqlite3.connect": _connected_database,
    "ctypes.dlopen": _opened_library,
    "import": imported,
    "subprocess.Popen": _started,
    "os.posix_spawn": _started,
    "os.fork": _started,
    "os.forkpty": _started,
    "os.system": _started,
    "os.exec": _started,
    "socket.connect": _connected,
    "socket.sendto": _connected,
}


CHANGING = frozenset({"os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.truncate"})
