"""What was seen of some code while it ran, and the paths in it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from types import CodeType
from typing import Any

import msgspec

from flowrun.plugins.ownership import (
    IN_HOME,
    IN_PACKAGES,
    below,
    callers,
    is_cache,
    is_of_system,
    places,
)
from flowrun.plugins.path_states import real_readlink

PROCESSES = "starts processes"
CONNECTIONS = "opens connections"

real_getcwd = os.getcwd


class Observation(msgspec.Struct):
    """The observed behaviour of some code.

    seen: how each thing was when it was first looked at, by kind and name: `file:PATH` its stamp,
        `list:PATH`, `stat:PATH`, `env:NAME` and `cwd:` their states, `module:NAME` None.
    written: `file` or `folder` for each path that was opened for writing, made or removed.
    unseen: things started that may read more than is seen: `PROCESSES`, `CONNECTIONS`.
    threads: the threads that the code has started, itself in the thread `starter`, each with the
        functions that started it.
    callers: the functions inside which each thing was first looked at, up to `bottom`, which
        observes. astray: things looked at in a thread that the code has not started.
    """

    seen: dict[str, Any] = {}
    written: dict[str, str] = {}
    unseen: dict[str, None] = {}
    threads: dict[threading.Thread, tuple[CodeType, ...]] = {}
    starter: int = 0
    bottom: CodeType | None = None
    callers: dict[str, tuple[CodeType, ...]] = {}
    astray: set[str] = set()

    def see(self, what: str, state: Any) -> None:
        """Add a thing that was looked at, and how it is."""
        if what not in self.seen:
            self.seen[what] = state
            self.callers[what] = callers(self.bottom)
            thread = threading.current_thread()
            if thread in self.threads:
                self.callers[what] += self.threads[thread]
            elif threading.get_ident() != self.starter:
                self.astray.add(what)

    def add(self, other: Observation) -> None:
        """Add everything that another observation saw."""
        self.seen = {**other.seen, **self.seen}
        self.callers = {**other.callers, **self.callers}
        self.astray |= other.astray
        self.written |= other.written
        self.unseen |= other.unseen

    def caller_files(self, folder: str) -> set[str]:
        """The files below a folder from whose functions anything was looked at."""
        files = {code.co_filename for found in self.callers.values() for code in found}
        return {file for file in files if is_in(file, folder)}

    def files_written(self, projects: Iterable[str]) -> list[str]:
        """The files written that are to last.

        projects: folders of the user's; files written into temporary and cache folders outside
            these are ignored.
        """
        own = below(projects) if self.written else ()
        return [
            path
            for path, kind in self.written.items()
            if kind == "file" and (path.startswith(own) or not path.startswith(places().passing))
            if not is_of_system(path) and not is_cache(path)
        ]

    def wrote_at(self, path: str) -> bool:
        """Whether the code wrote a path, or anything below it."""
        return any(one == path or is_in(one, path) for one in self.written)


def is_in(path: str, folder: str) -> bool:
    """Whether a path lies below a folder, by its name."""
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def absolute(path: Any) -> str:
    """A path as it stands in an observation."""
    name = os.fsdecode(path)
    if not os.path.isabs(name):  # to ask for the current folder is a system call
        name = os.path.join(real_getcwd(), name)
    return os.path.normpath(name)


def see_folder_of(observation: Observation, path: Any) -> None:
    """See the current folder if a path is relative, because it then depends on it."""
    if not os.path.isabs(os.fsdecode(path)):
        observation.see("cwd:", real_getcwd())


def home() -> str:
    """The folder of the store and the runs, at whose files no step looks."""
    return os.path.join(real_getcwd(), os.environ.get("FLOWRUN_HOME") or ".flowrun", "")


_NO_ONES = (IN_PACKAGES, IN_HOME, f".dist-info{os.sep}", f".egg-info{os.sep}")


def at(observation: Observation, path: Any, folder: int) -> str:
    """A path as it stands in an observation, from an open folder by its descriptor, if not -1."""
    if folder == -1:
        see_folder_of(observation, path)
        return absolute(path)
    return os.path.join(real_readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))


def is_ones_own(observation: Observation, name: str) -> bool:
    """Whether a path is of Python, a package, the system or flowrun, or one the code wrote."""
    folder = name + os.sep
    if name in observation.written or folder.startswith((*places().code, home())):
        return True
    return is_of_system(name) or is_cache(folder) or any(part in folder for part in _NO_ONES)


def processes_started() -> str:
    """A mark that changes with each process of `multiprocessing`, which may call no hook."""
    module = sys.modules.get("multiprocessing.process")
    counter = getattr(module, "_process_counter", None)
    return "count(1)" if counter is None else repr(counter)  # that shows its next number
